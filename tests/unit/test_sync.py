from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.sync import SoundPackets, SoundSync
from server.pipeline.timeline import TimelineState

F = Fraction


def state(origin: int = 0, shift: int = 0, before: int = 0) -> TimelineState:
    return TimelineState(F(origin), shift=F(shift), before=F(before))


def placed(
    sync: SoundSync[str], timeline: TimelineState, seen: int, *, ended: bool = False
) -> list[tuple[str, Fraction]]:
    def taken() -> Iterator[tuple[str, Fraction]]:
        while found := sync.take(timeline, F(seen), ended=ended):
            yield found

    return list(taken())


def steady(reach: int = 3600) -> SoundSync[str]:
    return SoundSync(reach=lambda: F(reach))


def offer(sync: SoundSync[str], *times: int) -> None:
    for at in times:
        sync.offer(str(at), F(at), F(1))


def test_sound_waits_for_the_first_picture() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, 100)
    assert placed(sync, TimelineState(), 0) == []
    assert placed(sync, state(100), 0) == [("100", F(0))]


def test_a_long_silence_is_a_silence_once_the_pictures_are_there() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, 0, 60, 61)
    assert placed(sync, state(), 1) == [("0", F(0))]
    assert placed(sync, state(), 30) == []
    assert placed(sync, state(), 58) == [("60", F(60)), ("61", F(61))]


def test_a_long_silence_is_believed_of_a_steady_clock() -> None:
    sync = steady()
    offer(sync, 0, *range(60, 76))
    found = placed(sync, state(), 1)
    assert [at for _, at in found[:2]] == [F(0), F(60)]
    assert sync.jumps == 0


def test_a_single_wrong_time_is_not_believed() -> None:
    for wrong in (900, -900, 60):
        for sync in (SoundSync[str](), steady()):
            offer(sync, 0, 1, wrong, 3, 4)
            found = placed(sync, state(), 1)
            assert [at for _, at in found] == [F(n) for n in range(5)]
            assert sync.jumps == sync.shift == 0


def test_a_steady_clock_does_not_start_anew() -> None:
    sync = steady()
    offer(sync, *range(100, 110), 1, 2, 3)
    found = placed(sync, state(), 100, ended=True)
    assert [at for _, at in found[10:]] == [F(1), F(2), F(3)]
    assert sync.jumps == 0


def test_but_not_without_bounds() -> None:
    sync = steady()
    offer(sync, 0, *range(5000, 5016))
    assert placed(sync, state(), 1)[-1] == ("5015", F(16))
    assert sync.jumps == 1


def test_sound_takes_the_step_that_the_pictures_take() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, 10, 3611, 3612)
    assert placed(sync, state(), 10) == [("10", F(10))]
    assert placed(sync, state(shift=3600), 11) == [("3611", F(11)), ("3612", F(12))]


def test_sound_from_before_a_jump_may_come_after_it() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, 10)
    assert placed(sync, state(shift=3600), 11) == [("10", F(10))]


def test_sound_that_jumps_alone_goes_on_where_it_was() -> None:
    for first in (5000, -5000):
        sync: SoundSync[str] = SoundSync()
        offer(sync, 0)
        assert placed(sync, state(), 1) == [("0", F(0))]
        offer(sync, *range(first, first + 17))
        found = placed(sync, state(), 16)
        assert found[0] == (str(first), F(1))
        assert found[-1] == (str(first + 16), F(17))
        assert sync.jumps == 1
        assert sync.shift == first - 1


def test_goes_on_after_such_a_jump() -> None:
    sync: SoundSync[str] = SoundSync(F(4999), F(101, 10))
    offer(sync, 5010, 5011)
    assert placed(sync, state(), 90) == [("5010", F(11)), ("5011", F(12))]
    assert sync.jumps == 0


def test_sound_that_was_always_behind_has_not_jumped() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, *range(40))
    assert placed(sync, state(), 40) == [(str(n), F(n)) for n in range(40)]
    assert sync.jumps == 0


def test_sound_without_times_follows_itself() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, 5)
    sync.offer("b", None, F(1))
    assert placed(sync, state(5), 0) == [("5", F(0)), ("b", F(1))]
    sync.offer("c", None, F(1))
    assert placed(sync, state(5), 2) == [("c", F(2))]


def test_at_the_end_everything_is_placed() -> None:
    sync: SoundSync[str] = SoundSync()
    offer(sync, 900)
    assert placed(sync, state(), 0) == []
    assert [item for item, _ in placed(sync, state(), 0, ended=True)] == ["900"]
    assert sync.waiting == 0


def test_packets_tell_where_there_is_sound() -> None:
    packets = SoundPackets(F(1, 1000))
    for at in [*range(0, 20_000, 20), *range(50_000, 60_000, 20)]:
        packets.add(at, 20)
    assert packets.end == packets.span == 60
    assert packets.gaps == 30
    assert packets.patience == 15
    packets.picture(F(19))
    assert packets.patience == 15
    packets.picture(F(55))
    assert packets.patience == 25
    assert packets.fills(F(2), F(18))
    assert packets.fills(F(7), F(32))
    assert not packets.fills(F(7), F(34))
    assert not packets.fills(F(20), F(50))
    assert packets.fills(F(48), F(61))


@given(st.lists(st.tuples(st.none() | st.integers(-9_999, 9_999), st.none() | st.integers(0, 99))))
def test_packets_may_say_what_they_like(said: list[tuple[int | None, int | None]]) -> None:
    packets = SoundPackets(F(1, 10))
    for at, duration in said:
        packets.add(at, duration)
    assert packets.gaps >= 0
    packets.fills(F(-1000), F(1000))
