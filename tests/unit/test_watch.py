from __future__ import annotations

import pytest

from server.job_errors import Crashed, Hung
from server.jobs.watch import STRIDE, TALK, WORTHWHILE, Stopped, Watch
from server.pipeline.messages import Progress
from server.settings import Patience

PATIENCE = Patience(hung=60, fruitless=600, park=30, park_crowded=5)


def watch(there: int = 0, *, complete: bool = False) -> Watch:
    return Watch(PATIENCE, [(0, there)], complete=complete, at=0)


def said(position: int = 0, *, waiting: bool = False) -> Progress:
    return Progress(position=position, waiting=waiting, ticks=0, outputs={})


def test_nothing_but_the_same_is_hung() -> None:
    kept = watch(complete=True)
    for second in range(61):
        kept.said(said(1), second)
        kept.look(second, crowded=False)
    with pytest.raises(Hung, match="nothing happened"):
        kept.look(62, crowded=False)


def test_who_only_talks_is_hung_in_the_end() -> None:
    """A position that changes, and trickling bytes, are signs of life; they are no work."""
    kept = watch(STRIDE - 1, complete=True)
    for second in range(601):
        kept.said(said(second % 7 * STRIDE), second)
        kept.moved(second)
        kept.look(second, crowded=False)
    with pytest.raises(Hung, match="nothing came of it"):
        kept.look(601, crowded=False)


def test_cuts_and_what_was_read_are_work() -> None:
    """What is said to be read counts once, and only as far as it is there."""
    kept = watch(3 * STRIDE, complete=True)
    for nth in range(1, 4):
        kept.said(said(nth * STRIDE), nth * 500)
        kept.look(nth * 500, crowded=False)
    kept.published(2000)
    kept.look(2060, crowded=False)
    for second in range(2000, 2601):
        kept.said(said(second * STRIDE), second)
        kept.look(second, crowded=False)
    with pytest.raises(Hung, match="nothing came of it"):
        kept.look(2601, crowded=False)


def test_waiting_for_bytes_is_not_being_hung() -> None:
    kept = watch()
    for second in range(1000):
        kept.fed([(second, second + 1)], second)
        kept.said(said(waiting=True), second)
        kept.look(second, crowded=False)
    kept.completed(1000)
    with pytest.raises(Hung):
        kept.look(1061, crowded=False)


def test_without_bytes_it_is_parked() -> None:
    kept = watch()
    kept.said(said(waiting=True), 0)
    kept.fed([(0, 1)], 1)
    kept.fed([(0, 1)], 20)  # known
    kept.look(31, crowded=False)
    with pytest.raises(Stopped, match="parked"):
        kept.look(31.1, crowded=False)


def test_a_few_bytes_keep_no_place_that_others_want() -> None:
    kept = watch()
    kept.said(said(waiting=True), 0)
    for at in (3.5, 5.0):
        kept.fed([(0, int(at))], at)
        kept.look(at, crowded=True)
    kept.look(5.1, crowded=False)
    with pytest.raises(Stopped, match="parked"):
        kept.look(5.1, crowded=True)


def test_many_bytes_or_a_cut_keep_it() -> None:
    kept = watch()
    for second in range(1, 60):
        kept.fed([(0, second * WORTHWHILE // 4)], second)
        kept.said(said(waiting=True), second)
        kept.look(second, crowded=True)
    kept.published(62)
    kept.look(67, crowded=True)
    with pytest.raises(Stopped):
        kept.look(67.1, crowded=True)


def test_who_does_not_wait_is_not_parked() -> None:
    kept = watch()
    for second in range(50):
        kept.said(said(second), second)
        kept.look(second, crowded=True)


def test_too_many_signs_of_life() -> None:
    kept = watch()
    for n in range(3 * TALK):
        kept.said(said(), n * 10.1 / TALK)
    for _ in range(TALK):
        kept.said(said(), 60)
    with pytest.raises(Crashed):
        kept.said(said(), 60)
