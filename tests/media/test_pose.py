"""In which pictures poses are looked for, and what of them a pose process gets to see."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from server.jobs.processes import MediaProcesses
from server.pipeline.messages import Posed
from server.settings import MediaSettings
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip
from tests.support.rotation import rotated

ONLY = msgspec.structs.replace(media.SMALL, outputs=("pose",))
BESIDE = msgspec.structs.replace(media.SMALL, outputs=(*media.SMALL.outputs, "pose"))
UNEVEN = tuple(0.04 * n for n in range(60)) + tuple(4.7 + 0.05 * n for n in range(80))


def times(made: media.Made, looks: list[Posed] | None = None) -> list[Fraction]:
    """Seconds of the pictures that were handed on."""
    of = made.looks if looks is None else looks
    return [Fraction(look.tick, made.settled.timescale) for look in of]


def at(path: Path, rate: int | None = None) -> list[Fraction]:
    """When the pictures of a file are shown; the first of each step of 1/`rate` seconds."""
    with av.open(str(path), "r") as container:
        shown = [Fraction(frame.pts or 0) * base(frame) for frame in container.decode(video=0)]
    if rate is None:
        return shown
    steps = [int(time * rate + Fraction(1, 8)) for time in shown]
    return [time for n, time in enumerate(shown) if n == 0 or steps[n] != steps[n - 1]]


def base(frame: av.VideoFrame) -> Fraction:
    assert frame.time_base is not None
    return frame.time_base


@pytest.mark.parametrize(
    ("name", "clip", "rate", "count"),
    [
        ("pose-25.mp4", Clip(seconds=3, audio=False), 30, 75),
        ("pose-60.mp4", Clip(seconds=3, fps=Fraction(60), audio=False), 30, 90),
        ("pose-60.mkv", Clip(seconds=3, fps=Fraction(60), container="matroska"), 30, 90),
        ("pose-50.mp4", Clip(seconds=3, fps=Fraction(50)), 30, 90),
        ("pose-24.mp4", Clip(seconds=5, fps=Fraction(24_000, 1001)), 10, 50),
        ("pose-uneven.mp4", Clip(seconds=9, times=UNEVEN), 30, 140),
    ],
)
def test_as_many_a_second_as_are_wanted_at_their_own_times(
    processes: MediaProcesses, clips: Clips, name: str, clip: Clip, rate: int, count: int
) -> None:
    path = clips(name, clip)
    made = media.run(processes, path, msgspec.structs.replace(ONLY, pose_rate=rate))
    assert made.done.cuts == len(made.ends)
    assert times(made) == at(path, rate)
    assert len(made.looks) == count
    for (_, cut), (header, payload) in made.pieces.items():
        assert header.frames == sum(look.cut == cut for look in made.looks)
        assert payload == b""


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("pose-resume.mp4", Clip(seconds=9, fps=Fraction(50), keyframe_every=70)),
        ("pose-resume.mkv", Clip(seconds=9, times=UNEVEN, container="matroska")),
    ],
)
def test_a_resume_looks_at_the_same_pictures(
    processes: MediaProcesses, clips: Clips, name: str, clip: Clip
) -> None:
    path = clips(name, clip)
    whole = media.run(processes, path, BESIDE)
    assert not any(look.warm for look in whole.looks)
    for cut in range(1, whole.done.cuts):
        rest = media.run(processes, path, BESIDE, resume=whole.resume_at(cut))
        warm = [look for look in rest.looks if look.warm]
        anew = [look for look in rest.looks if not look.warm]
        assert times(rest, anew) == times(whole, [k for k in whole.looks if k.cut >= cut])
        start = Fraction(whole.ends[cut].start, whole.settled.timescale)
        assert times(rest, warm) == [t for t in times(whole) if start - 1 <= t < start]
        assert {look.cut for look in warm} <= {cut}
        for key, (header, _) in rest.pieces.items():
            assert header.frames == whole.pieces[key][0].frames


def test_a_picture_that_stays_is_looked_at_once(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("pose-still.mp4", Clip(seconds=20, times=(0.0, 9.0, 19.0)))
    made = media.run(processes, path, ONLY)
    assert times(made) == [0, 9, 19]
    assert made.done.cuts > 3


@pytest.mark.parametrize(("width", "degrees"), [(320, 0), (318, 0), (318, 90), (302, 180)])
def test_pixels_come_row_after_row_and_upright(
    processes: MediaProcesses, clips: Clips, tmp_path: Path, width: int, degrees: int
) -> None:
    """Where rows are padded, the padding is left out."""
    path = clips("pose-rows.mp4", Clip(seconds=1, width=width, height=180, audio=False))
    upright = media.picture(str(path), 12).astype(float)
    if degrees:
        path = rotated(path, tmp_path / "turned.mp4", degrees)
        upright = np.rot90(upright, -degrees // 90)
    settings = msgspec.structs.replace(ONLY, ladder=(180, 120))
    made = media.run(processes, path, settings)
    look, pixels = made.looks[12], made.seen[12]
    assert (look.height, look.width) == upright.shape[:2]
    seen = np.frombuffer(pixels, np.uint8).reshape(look.height, look.width, 3).astype(float)
    assert float(np.abs(seen - upright).mean()) < 6


def test_the_size_nearest_to_720_is_looked_at(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("pose-size.mp4", Clip(seconds=1, width=1080, height=1920, audio=False))
    settings = MediaSettings(ladder=(1080, 720, 480), outputs=("pose",))
    made = media.run(processes, path, settings)
    assert {(look.width, look.height) for look in made.looks} == {(720, 1280)}
    assert [(o.name, o.width, o.height) for o in made.settled.outputs] == [("pose", 720, 1280)]


def test_sound_alone_has_no_poses(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("pose-sound.mkv", Clip(seconds=3, video=False, container="matroska"))
    assert media.run(processes, path, ONLY).failed.code == "nothing_wanted"
    made = media.run(processes, path, BESIDE)
    assert [output.kind for output in made.settled.outputs] == ["audio"]


def test_renditions_are_the_same_with_poses_and_without(
    processes: MediaProcesses, clips: Clips
) -> None:
    path = clips("pose-beside.mp4", Clip(seconds=6))
    without, beside = media.run(processes, path), media.run(processes, path, BESIDE)
    for key, (_, payload) in without.pieces.items():
        assert hashlib.sha256(beside.pieces[key][1]).digest() == hashlib.sha256(payload).digest()
