from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.messages import encode_fraction
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
    assert timeline.state.jumps == 1
    assert timeline.state.before == 0
    assert timeline.state.shift == Fraction(3601) - Fraction(1040, 1000)


def test_what_it_knows_does_not_grow_with_the_jumps() -> None:
    timeline = Timeline(90_000, 3600)
    sizes = []
    for number in range(1000):
        timeline.tick(Fraction(number * 11_003, 1000))
        sizes.append(len(msgspec.msgpack.encode(timeline.state, enc_hook=encode_fraction)))
    assert timeline.state.jumps == 999
    assert sizes[-1] < sizes[1] + 20


def test_a_gap_through_which_sound_goes_on_is_real() -> None:
    asked: list[tuple[Fraction, Fraction]] = []

    def sounding(start: Fraction, end: Fraction) -> bool:
        asked.append((start, end))
        return end < 100

    timeline = Timeline(1000, 40, sounding=sounding)
    times = [Fraction(n) for n in (7, 19, 49, 149)]
    assert [timeline.tick(at) for at in times] == [0, 12_000, 42_000, 42_040]
    assert asked == [(times[n], times[n + 1]) for n in range(3)]
    assert timeline.state.stills == 0


def test_a_steady_clock_is_believed_for_some_hours_in_all() -> None:
    timeline = Timeline(1000, 40, steady_until=Fraction(90_000))
    ticks = [timeline.tick(Fraction(3600 * n)) for n in range(8)]
    assert ticks == [*(3_600_000 * n for n in range(7)), 21_600_040]
    assert timeline.state.jumps == 1


def test_a_steady_clock_is_believed_up_to_its_declared_end() -> None:
    timeline = Timeline(1000, 40, steady_until=Fraction(100))
    assert [timeline.tick(Fraction(n)) for n in (0, 100, 200)] == [0, 100_000, 100_040]
    assert timeline.vouched(Fraction(60), 40_000)
    assert not timeline.vouched(Fraction(61), 40_000)


def test_a_clock_that_goes_back_is_not_steady() -> None:
    timeline = Timeline(1000, 40, steady_until=Fraction(900), sounding=lambda *_: True)
    assert [timeline.tick(Fraction(t)) for t in (100, 101, 5, 6)] == [0, 1000, 1040, 2040]


def test_a_clock_starts_anew_with_a_keyframe() -> None:
    timeline = Timeline(1000, 40)
    assert [timeline.tick(Fraction(t)) for t in (0, 36)] == [0, 40]
    assert timeline.tick(Fraction(24), key=False) is None
    assert timeline.tick(Fraction(37), key=False) == 1040
    assert timeline.tick(Fraction(5), key=True) == 1080
    assert (timeline.late, timeline.state.jumps) == (1, 2)


def test_or_when_many_are_behind() -> None:
    timeline = Timeline(1000, 40)
    ticks = [timeline.tick(Fraction(900 + n, 1), key=not n) for n in range(3)]
    ticks += [timeline.tick(Fraction(n, 25), key=False) for n in range(100)]
    assert ticks[:3] == [0, 1000, 2000]
    assert ticks[3:67] == [None] * 64
    assert ticks[67:] == [2040 + 40 * n for n in range(36)]


def test_what_has_been_held_is_over() -> None:
    timeline = Timeline(1000, 40)
    timeline.tick(Fraction(0))
    timeline.hold(25_000)
    assert [timeline.tick(Fraction(t)) for t in (6, 12, 20, 25)] == [None] * 4
    assert timeline.tick(Fraction(25_001, 1000)) == 25_001
    assert (timeline.late, timeline.state.jumps) == (4, 0)
    timeline.hold(30_000)
    assert timeline.tick(None) == 30_040


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
