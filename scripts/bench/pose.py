"""Changes when: what we tell of the cost of looking for poses does.

    python -m scripts.bench.pose [FILE] [--seconds S] [--rounds N]

Against it stands what everybody writes first: OpenCV's VideoCapture and MediaPipe's Tasks in one
loop, in a process of its own. All look with the same model at the same file, in turns, and medians
count. FILE is looped to S seconds; without one it is that of a checkout beside this one's judges.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from scripts.bench import house
from scripts.run_tests import JUDGES
from server.pipeline import models
from server.settings import OutputKind

CLIP = JUDGES / "media" / "mp4-two-people-portrait-60fps-noaudio.mp4"
_SHORT = 10.0
"""Seconds of what is uploaded as fast as it is shown."""
_NAIVE = """
import json, resource, sys, time
import cv2, mediapipe
vision = mediapipe.tasks.vision
options = vision.PoseLandmarkerOptions(
    base_options=mediapipe.tasks.BaseOptions(model_asset_path=sys.argv[2]),
    running_mode=vision.RunningMode.VIDEO,
)
begun, frames, people = time.monotonic(), 0, 0
with vision.PoseLandmarker.create_from_options(options) as landmarker:
    capture = cv2.VideoCapture(sys.argv[1])
    rate = capture.get(cv2.CAP_PROP_FPS)
    while True:
        there, picture = capture.read()
        if not there:
            break
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        found = landmarker.detect_for_video(image, round(1000 * frames / rate))
        people += bool(found.pose_landmarks)
        frames += 1
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([frames, time.monotonic() - begun, used.ru_utime + used.ru_stime, people]))
"""


class Run(NamedTuple):
    """One whole job: seconds, seconds of processors, pictures that were looked at."""

    wall: float
    cpu: float
    looked: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Poses against OpenCV and MediaPipe in a loop.")
    parser.add_argument("file", nargs="?", type=Path, default=CLIP)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.file.exists():
        sys.exit(f"{arguments.file} is not there: name a file with people in it")
    with tempfile.TemporaryDirectory() as folder:
        clip, frames = looped(arguments.file, Path(folder) / "clip.mp4", arguments.seconds)
        print(f"{arguments.file.name}, looped: {frames} pictures; load {os.getloadavg()[0]:.1f}")
        compare(clip, frames, arguments.rounds)
        short, _ = looped(arguments.file, Path(folder) / "short.mp4", _SHORT)
        first(short, arguments.rounds)
        print(f"load at the end {os.getloadavg()[0]:.1f}")


def compare(clip: Path, frames: int, rounds: int) -> None:
    """Prints a line a kind, and what they come to."""
    kinds: dict[str, tuple[Sequence[OutputKind], int]] = {
        "poses at 30 Hz": (("pose",), 30),
        "poses of all": (("pose",), 240),
        "renditions": (("renditions",), 30),
        "renditions, poses": (("renditions", "pose"), 30),
    }
    runs: dict[str, list[Run]] = {name: [] for name in ["naive", *kinds]}
    for _ in range(rounds):
        runs["naive"].append(naive(clip))
        for name, (outputs, rate) in kinds.items():
            runs[name].append(ours(clip, outputs, rate))
    middle = {
        name: Run(*map(statistics.median, zip(*of, strict=True))) for name, of in runs.items()
    }
    print(f"{'':20} {'wall':>7} {'CPU':>7} {'pictures/s':>11} {'looked at':>10} {'to naive':>9}")
    base = frames / middle["naive"].wall
    for name, run in middle.items():
        speed = frames / run.wall
        print(
            f"{name:20} {run.wall:7.1f} {run.cpu:7.1f} {speed:11.1f} {run.looked:10.0f}"
            f" {speed / base:8.2f}x"
        )
    alone = middle["poses at 30 Hz"]
    beside, without = middle["renditions, poses"], middle["renditions"]
    one, other = alone.cpu / alone.looked, (beside.cpu - without.cpu) / beside.looked
    print(f"CPU ms a look: {1000 * one:.1f} alone, {1000 * other:.1f} beside: {other / one:.2f}x")


def first(clip: Path, rounds: int) -> None:
    """How long until something plays, uploaded as fast as it is shown, without poses and with."""
    kinds: tuple[Sequence[OutputKind], ...] = (("renditions",), ("renditions", "pose"))
    found: list[list[float]] = [[] for _ in kinds]
    for _ in range(rounds):
        for outputs, times in zip(kinds, found, strict=True):
            with house.server(outputs) as server:
                times.append(house.upload(server, clip, _SHORT).playable)
    without, beside = (statistics.median(times) for times in found)
    ratio = beside / without
    print(f"first segment after {without:.2f} s without poses, {beside:.2f} s with: {ratio:.2f}x")


def ours(clip: Path, outputs: Sequence[OutputKind], rate: int) -> Run:
    """One job of a server that is warm."""
    with house.server(outputs, pose_rate=rate) as server:
        before = house.cpu(server)
        upload = house.upload(server, clip, 0)
        used = house.cpu(server) - before
    pose = upload.video["pose"]
    return Run(upload.completed, used, pose["frames"] if pose else 0)


def naive(clip: Path) -> Run:
    """The loop that everybody writes first."""
    command = [sys.executable, "-c", _NAIVE, str(clip), str(models.path("full"))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    frames, wall, cpu, _ = json.loads(done.stdout)
    return Run(wall, cpu, frames)


def looped(source: Path, target: Path, seconds: float) -> tuple[Path, int]:
    """The pictures of a file, again and again, not encoded anew; and how many."""
    count, shift = 0, 0
    with av.open(str(target), "w", options={"movflags": "faststart"}) as out:
        with av.open(str(source), "r") as container:
            stream = container.streams.video[0]
            copied = out.add_stream_from_template(stream)
            base = stream.time_base or Fraction(1)
            length = round(Fraction(stream.frames) / (stream.average_rate or 30) / base)
        while shift * base < seconds:
            with av.open(str(source), "r") as container:
                for packet in container.demux(video=0):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = copied
                    out.mux(packet)
                    count += 1
            shift += length
    return target, count


if __name__ == "__main__":
    main()
