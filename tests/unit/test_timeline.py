from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.timeline import JUMP, Timeline, timescale_for

millis = st.integers(0, 120_000).map(lambda ms: Fraction(ms, 1000))


@given(st.lists(millis | st.none(), max_size=40))
def test_ticks_always_increase_from_zero(times: list[Fraction | None]) -> None:
    timeline = Timeline(1000, 40)
    ticks = [tick for tick in map(timeline.tick, times) if tick is not None]
    assert ticks[:1] in ([], [0])
    assert all(a < b for a, b in pairwise(ticks))
    assert all(b - a <= JUMP * 1000 for a, b in pairwise(ticks))


@given(st.lists(millis, min_size=2, max_size=30), st.integers(0, 28))
def test_goes_on_alike_from_its_state(times: list[Fraction], at: int) -> None:
    whole = Timeline(1000, 40)
    ticks = []
    states = []
    for time in times:
        states.append(whole.state)
        ticks.append(whole.tick(time))
    at = min(at, len(times) - 1)
    resumed = Timeline(1000, 40, states[at])
    assert [resumed.tick(time) for time in times[at:]] == ticks[at:]


def test_keeps_exact_times() -> None:
    timeline = Timeline(90_000, 3003)
    assert timeline.tick(Fraction(1_000_003, 90_000)) == 0
    assert timeline.tick(Fraction(1_003_006, 90_000)) == 3003
    assert timeline.tick(Fraction(1_006_010, 90_000)) == 6007


def test_closes_a_jump_and_remembers_it() -> None:
    timeline = Timeline(1000, 40)
    assert [timeline.tick(Fraction(t)) for t in (0, 1, 3601, 3602)] == [0, 1000, 1040, 2040]
    assert len(timeline.state.jumps) == 1
    assert timeline.state.shift() == Fraction(3601) - Fraction(1040, 1000)


def test_a_clock_that_starts_anew_goes_on() -> None:
    timeline = Timeline(1000, 40)
    assert [timeline.tick(Fraction(t)) for t in (100, 101, 5, 6)] == [0, 1000, 1040, 2040]


def test_a_picture_that_comes_too_late_is_left_out() -> None:
    timeline = Timeline(1000, 40)
    times = [Fraction(0), Fraction(1), Fraction(9, 10), Fraction(1), Fraction(2)]
    assert [timeline.tick(t) for t in times] == [0, 1000, None, None, 2000]
    assert timeline.late == 2


def test_timescale_is_exact_for_the_clock_of_the_source() -> None:
    assert timescale_for(Fraction(1, 90_000), Fraction(24_000, 1001)) == 90_000
    assert timescale_for(Fraction(1001, 24_000), None) == 24_000
    assert timescale_for(Fraction(1, 25), Fraction(25)) == 1000
    assert timescale_for(Fraction(1, 1_000_000_007), Fraction(30_000, 1001)) == 30_000
