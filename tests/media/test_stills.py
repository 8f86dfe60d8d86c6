"""Thumbnails and storyboards: which pictures they show, and how."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from server.jobs.processes import MediaProcesses
from server.settings import MediaSettings
from tests.conftest import Clips
from tests.support import media, stills
from tests.support.clips import Clip
from tests.support.rotation import rotated

SMALL = MediaSettings(ladder=(180, 120), outputs=("thumbnails", "storyboard"))
EVENLY = tuple(n / 25 for n in range(260))
UNEVENLY = (
    *(0.0, 0.033, 0.066, 1.7, 2.5, 2.6, 2.7, 3.9),
    *(4.41 + 0.04 * n for n in range(40)),
    *(8.3 + 0.033 * n for n in range(70)),
)
SLIDES = (0.0, 1.9, 13.1, 27.3, 38.2)
ONCE_A_SECOND = tuple(n + 0.9 * (n > 0) for n in range(14))
SHOWN = {"evenly": EVENLY, "unevenly": UNEVENLY, "slides": SLIDES, "once": ONCE_A_SECOND}


def clip_of(times: tuple[float, ...]) -> Clip:
    return Clip(seconds=times[-1] + 1, times=times, keyframe_every=10)


def shown(times: tuple[float, ...], at: float) -> int:
    """The number of the picture that is seen at `at` seconds."""
    return max(n for n, time in enumerate(times) if time <= at + 1e-6)


def tiles(made: media.Made, cut: int) -> list[np.ndarray]:
    header, data = made.pieces["storyboard", cut]
    strip = stills.rgb(data)
    width = strip.shape[1] // header.frames
    return [strip[:, n * width : (n + 1) * width] for n in range(header.frames)]


@pytest.mark.parametrize("name", SHOWN)
def test_tiles_show_what_is_seen_at_their_times(
    processes: MediaProcesses, clips: Clips, name: str
) -> None:
    times = SHOWN[name]
    made = media.run(processes, clips(f"tiles-{name}.mp4", clip_of(times)), SMALL)
    on_grid = []
    for cut, end in made.ends.items():
        start, until = (Fraction(t, made.settled.timescale) for t in (end.start, end.end))
        expected = [Fraction(t) for t in range(0, 60, 2) if start <= t < until] or [start]
        found = tiles(made, cut)
        assert len(found) == len(expected)
        for at, tile in zip(expected, found, strict=True):
            assert tile.shape == (90, 160, 3)
            number = shown(times, float(at))
            picture = stills.pattern(320, 180, number, times[number])
            near = stills.apart(tile, picture)
            assert near < 7, (cut, at)
            others = {max(0, number - 3), min(len(times) - 1, number + 3)} - {number}
            for other in others:
                picture = stills.pattern(320, 180, other, times[other])
                assert stills.apart(tile, picture) > near + 2, (cut, at, other)
        on_grid += [at for at in expected if at % 2 == 0]
    last = made.ends[max(made.ends)].end
    assert on_grid == [t for t in range(0, 60, 2) if t * made.settled.timescale < last]


@pytest.mark.parametrize("seconds", [1, 5, 60])
def test_the_distance_of_tiles_can_be_set(
    processes: MediaProcesses, clips: Clips, seconds: int
) -> None:
    settings = msgspec.structs.replace(SMALL, storyboard_seconds=seconds)
    made = media.run(processes, clips("tiles-evenly.mp4", clip_of(EVENLY)), settings)
    counts = [made.pieces["storyboard", cut][0].frames for cut in sorted(made.ends)]
    assert counts == {1: [2, 2, 4, 3], 5: [1, 1, 1, 1], 60: [1, 1, 1, 1]}[seconds]


@pytest.mark.parametrize("name", SHOWN)
def test_thumbnails_show_the_picture_of_their_time(
    processes: MediaProcesses, clips: Clips, name: str
) -> None:
    times = SHOWN[name]
    made = media.run(processes, clips(f"tiles-{name}.mp4", clip_of(times)), SMALL)
    for cut, end in made.ends.items():
        header, data = made.pieces["thumbnails", cut]
        ((offset, size, ticks),) = header.keyframes
        assert (offset, size, header.frames) == (0, len(data), 1)
        assert header.duration == end.end - end.start
        at = (end.start + ticks) / made.settled.timescale
        number = shown(times, at)
        still = stills.rgb(data)
        assert still.shape == (180, 320, 3)
        assert stills.apart(still, stills.pattern(320, 180, number, times[number])) < 6
        assert header.score == 0 or still.mean() < 200, "a white picture, where there were others"


def test_a_black_beginning_is_passed_over(processes: MediaProcesses, clips: Clips) -> None:
    clip = Clip(seconds=7, black_until=2.9)
    made = media.run(processes, clips("dawn.mp4", clip), SMALL)
    scores = [made.pieces["thumbnails", cut][0].score for cut in range(3)]
    assert scores[0] == 0
    assert min(scores[1:]) > 300
    ((_, _, ticks),) = made.pieces["thumbnails", 1][0].keyframes
    assert 2.9 <= 2 + ticks / made.settled.timescale < 4


@pytest.mark.parametrize("plain", [(0, 0, 0), (255, 255, 255), (90, 140, 60)])
def test_blank_pictures_stand_for_nothing(
    processes: MediaProcesses, clips: Clips, plain: tuple[int, int, int]
) -> None:
    made = media.run(processes, clips("blank.mp4", Clip(seconds=1, plain=plain)), SMALL)
    header, data = made.pieces["thumbnails", 0]
    assert header.score == 0
    assert np.abs(stills.rgb(data).astype(int) - plain).max() < 8


@pytest.mark.parametrize(
    ("size", "matrix", "pix_fmt"),
    [
        ((320, 180), None, "yuv420p"),
        ((320, 180), 1, "yuv420p"),
        ((320, 180), 6, "yuv420p"),
        ((320, 180), 6, "yuvj420p"),
        ((1280, 720), 1, "yuv420p"),
        ((1280, 720), 6, "yuv420p"),
    ],
)
@pytest.mark.parametrize("plain", [(200, 30, 40), (30, 190, 60), (40, 60, 210), (235, 235, 235)])
def test_colours_are_right(
    processes: MediaProcesses,
    clips: Clips,
    size: tuple[int, int],
    matrix: int | None,
    pix_fmt: str,
    plain: tuple[int, int, int],
) -> None:
    clip = Clip(0.2, *size, plain=plain, matrix=matrix, pix_fmt=pix_fmt, audio=False)
    made = media.run(processes, clips("plain.mp4", clip), SMALL)
    for name in ("thumbnails", "storyboard"):
        still = stills.rgb(made.pieces[name, 0][1])
        assert np.abs(still.astype(int) - plain).max() < 8, (name, still[9, 9])


@pytest.mark.parametrize(
    ("width", "height", "thumbnail", "tile"),
    [
        (1280, 720, (640, 360), (160, 90)),
        (720, 1280, (360, 640), (90, 160)),
        (640, 480, (640, 480), (160, 120)),
        (96, 54, (96, 54), (96, 54)),
        (2, 2, (2, 2), (2, 2)),
        (1000, 20, (640, 12), (160, 4)),
    ],
)
def test_sizes(
    processes: MediaProcesses,
    clips: Clips,
    width: int,
    height: int,
    thumbnail: tuple[int, int],
    tile: tuple[int, int],
) -> None:
    clip = Clip(0.4, width, height, fps=Fraction(5), audio=False)
    settings = msgspec.structs.replace(SMALL, ladder=(720, 480, 360, 240))
    made = media.run(processes, clips("size.mp4", clip), settings)
    for name, size in (("thumbnails", thumbnail), ("storyboard", tile)):
        (facts,) = [output for output in made.settled.outputs if output.name == name]
        assert (facts.width, facts.height) == size
        assert stills.rgb(made.pieces[name, 0][1]).shape == (size[1], size[0], 3)


def test_they_stand_upright(processes: MediaProcesses, clips: Clips, tmp_path: Path) -> None:
    """Whether their level is the one that turns, or the one that does is not even made."""
    plain = clips("turn.mp4", Clip(seconds=1, audio=False))
    path = rotated(plain, tmp_path / "turned.mp4", 90)
    for settings in (SMALL, media.SMALL):
        made = media.run(processes, path, settings)
        for name in ("thumbnails", "storyboard"):
            still = stills.rgb(made.pieces[name, 0][1])
            back = np.ascontiguousarray(np.rot90(still))
            ((_, _, ticks),) = made.pieces["thumbnails", 0][0].keyframes
            at = ticks / made.settled.timescale if name == "thumbnails" else 0.0
            assert stills.apart(back, stills.pattern(320, 180, round(at * 25), at)) < 8


def test_one_picture_is_enough(processes: MediaProcesses, clips: Clips) -> None:
    made = media.run(processes, clips("one.mp4", Clip(seconds=0.04, audio=False)), SMALL)
    assert made.done.cuts == 1
    assert made.pieces["thumbnails", 0][0].keyframes[0][2] == 0
    assert len(tiles(made, 0)) == 1


def test_sound_has_none(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("only-sound.m4a", Clip(seconds=3, video=False))
    made = media.run(processes, path)
    assert [output.kind for output in made.settled.outputs] == ["audio"]
    assert media.run(processes, path, SMALL).failed.code == "nothing_wanted"


def test_without_renditions_they_are_the_same(processes: MediaProcesses, clips: Clips) -> None:
    """But for what scaling by way of the larger sizes changes; and nothing else is made."""
    path = clips("evenly.mp4", clip_of(EVENLY))
    alone, beside = media.run(processes, path, SMALL), media.run(processes, path, media.SMALL)
    assert {output.kind for output in alone.settled.outputs} == {"thumbnails", "storyboard"}
    assert (alone.settled.width, alone.settled.height) == (320, 180)
    assert alone.ends == beside.ends
    for key, (header, data) in alone.pieces.items():
        assert (header.frames, header.duration) == (
            beside.pieces[key][0].frames,
            beside.pieces[key][0].duration,
        )
        other = stills.rgb(beside.pieces[key][1]).astype(int)
        assert np.abs(stills.rgb(data).astype(int) - other).mean() < 3


def test_the_bytes_depend_on_the_cut_alone(processes: MediaProcesses, clips: Clips) -> None:
    """Not on what came before, nor on how the threads took turns."""
    path = clips("unevenly.mp4", clip_of(UNEVENLY))
    first, second = media.run(processes, path), media.run(processes, path)
    kinds = {"thumbnails", "storyboard"}
    found = [{k: v for k, v in m.pieces.items() if k[0] in kinds} for m in (first, second)]
    assert found[0] == found[1]
    assert len(found[0]) == 2 * first.done.cuts
    starts = [end.start for _, end in sorted(first.ends.items())]
    assert all(a < b for a, b in pairwise(starts))
