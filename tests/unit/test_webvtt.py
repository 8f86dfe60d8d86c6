from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import webvtt

GOLDEN = Path(__file__).parent.parent / "golden"
TIMES = re.compile(r"^(\S+) --> (\S+)$", re.MULTILINE)


@pytest.mark.parametrize(
    ("tick", "timescale", "text"),
    [
        (0, 1000, "00:00:00.000"),
        (1, 90_000, "00:00:00.000"),
        (45, 90_000, "00:00:00.001"),
        (1001, 24_000, "00:00:00.042"),
        (59_999_500, 1_000_000, "00:01:00.000"),
        (3_599_999, 1000, "00:59:59.999"),
        (100 * 3600 * 48_000, 48_000, "100:00:00.000"),
        (12_345 * 3600, 1, "12345:00:00.000"),
    ],
)
def test_timestamps(tick: int, timescale: int, text: str) -> None:
    assert webvtt.timestamp(tick, timescale) == text


def test_the_files_are_as_they_were() -> None:
    thumbnails, storyboard = webvtt.Cues(12_800), webvtt.Cues(12_800)
    cuts = [(0, 25_600), (25_600, 51_712), (51_712, 102_400), (102_400, 130_000)]
    for number, (start, end) in enumerate(cuts):
        thumbnails.add(start, f"thumbnails.{number:06}.1.jpg")
        strip = f"storyboard.{number:06}.1.jpg"
        for place, tick in enumerate(webvtt.tiles(start, end, 25_600)):
            storyboard.add(tick, webvtt.tile(strip, place, 160, 90))
    for name, cues in (("thumbnails", thumbnails), ("storyboard", storyboard)):
        assert cues.text(130_000) == (GOLDEN / f"{name}.vtt").read_text("utf-8")


def test_only_the_end_of_the_last_cue_changes() -> None:
    cues = webvtt.Cues(1000)
    assert cues.text(0) == "WEBVTT\n"
    cues.add(0, "a")
    later = cues.copy()
    later.add(2000, "b")
    assert cues.text(2000) == "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\na\n"
    assert cues.text(2500) == "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\na\n"
    assert later.text(2500).startswith(cues.text(2000))


def test_what_is_shorter_than_a_thousandth_has_no_cue() -> None:
    cues = webvtt.Cues(90_000)
    for tick in (0, 1, 90_000, 90_010):
        cues.add(tick, str(tick))
    assert cues.text(90_020) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n1\n"


@given(
    st.integers(1, 200_000),
    st.integers(1, 60),
    st.lists(st.integers(1, 2_000_000), min_size=1, max_size=20),
)
def test_cues_cover_the_time_without_gaps(timescale: int, seconds: int, cuts: list[int]) -> None:
    """Wherever cuts are; and the tiles of all are those of the grid, and of cuts without one."""
    interval = seconds * timescale
    cues = webvtt.Cues(timescale)
    ticks: list[int] = []
    start = 0
    for duration in cuts:
        found = webvtt.tiles(start, start + duration, interval)[:50]
        assert all(start <= tick < start + duration for tick in found)
        ticks += found
        for tick in found:
            cues.add(tick, "x")
        start += duration
    assert ticks == sorted(set(ticks))
    times = TIMES.findall(cues.text(start))
    if times:
        assert times[0][0] == "00:00:00.000"
        assert times[-1][1] == webvtt.timestamp(start, timescale)
    assert all(before[1] == after[0] for before, after in pairwise(times))
    assert all(begin != end for begin, end in times)


@given(st.integers(0, 10**12), st.integers(1, 10**9))
def test_tiles_lie_on_a_grid_that_knows_no_cuts(start: int, interval: int) -> None:
    end = start + 3 * interval
    whole = [*webvtt.tiles(start, end, interval)]
    assert all(tick % interval == 0 for tick in whole)
    assert len(whole) == 3
    first, second = webvtt.tiles(start, whole[1], interval), webvtt.tiles(whole[1], end, interval)
    assert [*first, *second] == whole
