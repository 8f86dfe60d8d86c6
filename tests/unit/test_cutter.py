from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.cutter import Cutter, Grid, Placed

GRID = Grid(1000, Fraction(4), Fraction(2))
steps = st.lists(st.integers(1, 9_000), min_size=1, max_size=60)


def ticks_of(gaps: list[int]) -> list[int]:
    found = [0]
    for gap in gaps:
        found.append(found[-1] + gap)
    return found


def place(ticks: list[int], cutter: Cutter | None = None) -> list[Placed]:
    cutter = cutter or Cutter(GRID)
    return [placed for tick in ticks for placed in cutter.picture(tick)]


def test_the_grid_begins_with_half_a_cut() -> None:
    assert [GRID.cut(n) for n in range(5)] == [0, 2000, 4000, 8000, 12000]
    odd = Grid(1001, Fraction(4), Fraction(2))
    assert [odd.cut(n) for n in range(4)] == [0, 2002, 4004, 8008]


def test_cuts_at_the_first_picture_at_or_after_each_place() -> None:
    placed = place(list(range(0, 9000, 40)))
    cuts = {p.cut: p.tick for p in placed if p.cut is not None}
    assert cuts == {0: 0, 1: 2000, 2: 4000, 3: 8000}
    assert [p.tick for p in placed if p.key] == [0, 2000, 4000, 6000, 8000]
    assert not any(p.held for p in placed)


@given(steps)
def test_cuts_are_numbered_without_gaps_and_begin_with_keyframes(gaps: list[int]) -> None:
    placed = place(ticks_of(gaps))
    cuts = [p for p in placed if p.cut is not None]
    assert [p.cut for p in cuts] == list(range(len(cuts)))
    assert all(p.key for p in cuts)
    for p in cuts:
        assert p.cut is not None
        assert GRID.cut(p.cut) <= p.tick < GRID.cut(p.cut) + 400


@given(steps)
def test_times_increase_and_no_picture_is_lost(gaps: list[int]) -> None:
    ticks = ticks_of(gaps)
    placed = place(ticks)
    assert all(a.tick < b.tick for a, b in pairwise(placed))
    assert [p.tick for p in placed if not p.held] == ticks


@given(steps)
def test_no_cut_is_longer_than_the_target_and_the_patience(gaps: list[int]) -> None:
    starts = [p.tick for p in place(ticks_of(gaps)) if p.cut is not None]
    assert all(b - a < 4400 for a, b in pairwise(starts))


@given(steps, st.integers(1, 20), st.none() | st.just(40))
def test_a_resume_cuts_alike(gaps: list[int], number: int, frame: int | None) -> None:
    ticks = ticks_of(gaps)
    whole = place(ticks, Cutter(GRID, frame=frame))
    starts = {p.cut: p.tick for p in whole if p.cut is not None}
    if number not in starts:
        return
    start = starts[number]
    cutter = Cutter(GRID, number, frame)
    for tick in (tick for tick in ticks if tick < start):
        cutter.seed(tick)
    resumed = place([tick for tick in ticks if tick >= start], cutter)
    assert resumed == [p for p in whole if p.tick >= start]


def test_holds_the_last_picture_when_none_comes() -> None:
    placed = place([0, 1000, 9000])
    held = [(p.tick, p.cut) for p in placed if p.held]
    assert held == [(2000, 1), (4000, 2), (8000, 3)]


@given(steps)
def test_a_picture_that_stays_long_is_a_keyframe(gaps: list[int]) -> None:
    """Where pictures are reordered, it would delay those that are decoded after it."""
    ticks = ticks_of(gaps)
    placed = place(ticks, Cutter(GRID, frame=40))
    assert all(a.tick < b.tick for a, b in pairwise(placed))
    assert [p.tick for p in placed if not p.held] == ticks
    assert all(a.key for a, b in pairwise(placed) if b.tick - a.tick >= 480)
    cuts = [(p.tick, p.cut) for p in placed if p.cut is not None]
    assert cuts == [(p.tick, p.cut) for p in place(ticks) if p.cut is not None]


def test_it_is_repeated_once_and_by_no_resume() -> None:
    placed = place([0, 40, 80, 1500, 1540, 5000], Cutter(GRID, frame=40))
    assert [p.tick for p in placed if p.held] == [120, 1580, 2000, 4000]
    resumed = Cutter(GRID, 1, frame=40)
    resumed.seed(1500)
    resumed.seed(1540)
    assert resumed.picture(5000) == placed[-3:]


def test_advance_holds_only_when_patience_is_over() -> None:
    cutter = Cutter(GRID)
    cutter.picture(0)
    assert cutter.advance(2399) == []
    assert [p.tick for p in cutter.advance(4400)] == [2000, 4000]
    assert Cutter(GRID).advance(9000) == []
