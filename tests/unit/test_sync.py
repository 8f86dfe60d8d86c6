from __future__ import annotations

from fractions import Fraction

from server.pipeline.sync import SoundSync
from server.pipeline.timeline import Jump, TimelineState

F = Fraction


def state(origin: int = 0, *jumps: tuple[int, int]) -> TimelineState:
    return TimelineState(F(origin), 0, [Jump(F(at), F(shift)) for at, shift in jumps])


def test_sound_waits_for_the_first_picture() -> None:
    sync: SoundSync[str] = SoundSync()
    sync.offer("a", F(100), F(1))
    assert list(sync.ready(TimelineState(), F(0))) == []
    assert list(sync.ready(state(100), F(0))) == [("a", F(0))]


def test_a_long_silence_is_a_silence_once_the_pictures_are_there() -> None:
    sync: SoundSync[str] = SoundSync()
    sync.offer("a", F(0), F(1))
    sync.offer("b", F(60), F(1))
    assert list(sync.ready(state(), F(1))) == [("a", F(0))]
    assert list(sync.ready(state(), F(30))) == []
    assert list(sync.ready(state(), F(58))) == [("b", F(60))]


def test_sound_takes_the_step_that_the_pictures_take() -> None:
    sync: SoundSync[str] = SoundSync()
    sync.offer("a", F(10), F(1))
    sync.offer("b", F(3611), F(1))
    assert list(sync.ready(state(), F(10))) == [("a", F(10))]
    assert list(sync.ready(state(0, (3611, 3600)), F(11))) == [("b", F(11))]


def test_sound_from_before_a_jump_may_come_after_it() -> None:
    sync: SoundSync[str] = SoundSync()
    sync.offer("late", F(10), F(1))
    assert list(sync.ready(state(0, (3611, 3600)), F(11))) == [("late", F(10))]


def test_sound_that_jumps_alone_goes_on_where_it_was() -> None:
    sync: SoundSync[int] = SoundSync()
    sync.offer(0, F(0), F(1))
    assert len(list(sync.ready(state(), F(1)))) == 1
    for n in range(17):
        sync.offer(n, F(5000 + n), F(1))
    placed = list(sync.ready(state(), F(16)))
    assert placed[0] == (0, F(1))
    assert placed[-1] == (16, F(17))
    assert sync.jumps == 1


def test_sound_without_times_follows_itself() -> None:
    sync: SoundSync[str] = SoundSync()
    sync.offer("a", F(5), F(1))
    sync.offer("b", None, F(1))
    assert [at for _, at in sync.ready(state(5), F(0))] == [F(0), F(1)]
    sync.offer("c", None, F(1))
    assert [at for _, at in sync.ready(state(5), F(2))] == [F(2)]


def test_at_the_end_everything_is_placed() -> None:
    sync: SoundSync[str] = SoundSync()
    sync.offer("far", F(900), F(1))
    assert list(sync.ready(state(), F(0))) == []
    assert [item for item, _ in sync.ready(state(), F(0), ended=True)] == ["far"]
    assert sync.waiting == 0
