from __future__ import annotations

from server.api.video_view import Paces
from storage.model import Upload


class Clock:
    """Stands until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def upload(name: str) -> Upload:
    return Upload(name, name, name, 0, 1000, 0, "", "", 0, 0)


def test_tells_the_pace_of_what_arrives_and_zero_of_what_does_not() -> None:
    clock = Clock()
    paces = Paces(clock)
    assert paces.of("a") == 0
    paces.note(upload("a"), 100)
    assert paces.of("a") is None
    clock.now += 2
    paces.note(upload("a"), 300)
    assert paces.of("a") == 100
    clock.now += 11
    assert paces.of("a") == 0


def test_what_was_abandoned_or_is_whole_is_forgotten() -> None:
    clock = Clock()
    paces = Paces(clock)
    for number in range(100):
        paces.note(upload(f"abandoned {number}"), 10)
        paces.note(upload(f"whole {number}"), 500)
        paces.note(upload(f"whole {number}"), 1000)
        clock.now += 1
    assert len(paces._paces) <= 11
    clock.now += 1000
    paces.note(upload("last"), 1000)
    assert len(paces._paces) == 0
