"""Changes when: how the poses of a server are held against MediaPipe itself does.

    python -m scripts.check_pose FOLDER

FOLDER has the media of this project's judges. Each clip goes through a real server; then MediaPipe
looks at the same pictures, decoded and scaled here, in the same order and with the same model. The
landmarks may differ, on average, by half a percent of the person's height, and each time by less
than half a millisecond from what the file says.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from av.video.reformatter import VideoReformatter

from server.outputs.pose import choose
from server.pipeline import models, pose
from server.pipeline.cascade import Turner
from server.pipeline.ladder import display_size, ladder
from server.pipeline.pose_messages import Look
from server.protocols.pose import Person, Pose, line, people
from server.settings import MediaSettings
from tests.support.server import Server

CLIPS = (
    "mp4-portrait-one-person-squats-5fps.mp4",
    "mp4-two-people-portrait-60fps-noaudio.mp4",
    "webm-dance-one-person-vp8-alpha.webm",
    "mov-phone-hevc10-hlg-rotated.mov",
    "mp4-vfr-screen-recording-phone.mp4",
)
"""People; a rotated one; and one with uneven times, in which there may be nobody."""
_MOST, _LATE = 0.005, 0.0005
_ALIKE = 0.97
"""Of the pictures in which somebody is seen, in so many both must see them."""
_SIZES = MediaSettings().ladder
_RATE, _MODEL = 30, "full"


def main(folder: Path) -> None:
    pose.preload()
    faults = []
    with tempfile.TemporaryDirectory() as data:
        ladder_text = ",".join(map(str, _SIZES))
        server = Server(Path(data) / "data", media_outputs="pose", media_ladder=ladder_text)
        server.start()
        try:
            for name in CLIPS:
                faults += check(server, folder / name)
        finally:
            server.end()
    if faults:
        sys.exit("\n".join(faults))


def check(server: Server, path: Path) -> list[str]:
    """What is wrong with a clip's poses; prints what was compared."""
    video = server.finished(server.upload(path), 300)
    if video["state"] != "completed":
        return [f"{path.name}: {video['state']}, {video['error']}"]
    answer = server.get(f"api/videos/{video['id']}/pose.ndjson")
    found = [msgspec.json.decode(one, type=Pose) for one in answer.content.splitlines()]
    expected = directly(path)
    if len(found) != len(expected):
        return [f"{path.name}: {len(found)} frames instead of {len(expected)}"]
    pairs = list(zip(found, expected, strict=True))
    late = max(abs(ours.time - theirs.time) for ours, theirs in pairs)
    both = [(a.people[0], b.people[0]) for a, b in pairs if a.people and b.people]
    either = sum(bool(a.people or b.people) for a, b in pairs)
    apart = statistics.mean(itertools.starmap(distance, both)) if both else 0.0
    print(
        f"{path.name:45} {len(found):4} frames, {len(both):4} of {either:4} with somebody in both,"
        f" {apart:.3%} apart, times within {1000 * late:.4f} ms"
    )
    faults = []
    if late >= _LATE:
        faults.append(f"{path.name}: a time differs by {1000 * late:.2f} ms")
    if apart > _MOST or len(both) < _ALIKE * either:
        faults.append(f"{path.name}: {apart:.2%} apart, {len(both)} of {either} alike")
    return faults


def directly(path: Path) -> list[Pose]:
    """What MediaPipe says itself."""
    landmarker = pose.Landmarker(models.load(_MODEL), 1)
    found: list[Pose] = []
    latest = -1
    for at, pixels, width, height in scaled(path):
        latest = max(latest + 1, round(1000 * at))
        image = landmarker.image(memoryview(pixels), Look(0, width, height, latest))
        values = people(landmarker.look(image, latest), 1)
        assert values is not None
        found.append(msgspec.json.decode(line(len(found), at, values), type=Pose))
    return found


def scaled(path: Path) -> Iterator[tuple[Fraction, bytes, int, int]]:
    """The first picture of each step: seconds since the first of all, pixels, width and height."""
    in_step: int | None = None
    origin: Fraction | None = None
    reformatter = VideoReformatter()
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            at = Fraction(frame.pts or 0) * (frame.time_base or 1)
            origin = at if origin is None else origin
            before, in_step = in_step, int((at - origin) * _RATE + Fraction(1, 8))
            if before == in_step:
                continue
            turner = Turner(frame.rotation) if frame.rotation else None
            aspect = stream.sample_aspect_ratio
            shown = display_size(frame.width, frame.height, aspect, frame.rotation)
            rungs = ladder(*shown, Fraction(30), _SIZES)
            level = choose(rungs)
            assert level is not None
            width, height = rungs[level].width, rungs[level].height
            lying = (height, width) if turner and turner.quarter else (width, height)
            small = reformatter.reformat(
                frame, *lying, "yuv420p", dst_color_range="MPEG", interpolation="BICUBIC"
            )
            upright = turner(small) if turner else small
            pixels = upright.reformat(format="rgb24").to_ndarray().tobytes()
            yield at - origin, pixels, width, height


def distance(one: Person, other: Person) -> float:
    """How far landmarks are apart on average, in shares of the person's height."""
    ys = [y for _, y, _, _ in other.landmarks]
    pairs = zip(one.landmarks, other.landmarks, strict=True)
    apart = [math.dist(ours[:2], theirs[:2]) for ours, theirs in pairs]
    return statistics.mean(apart) / max(1e-6, max(ys) - min(ys))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
