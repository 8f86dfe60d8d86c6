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


def test_what_was_abandoned_is_told_once_and_what_is_whole_never() -> None:
    clock = Clock()
    paces = Paces(clock)
    silent = []
    for number in range(100):
        paces.note(upload(f"abandoned {number}"), 10)
        paces.note(upload(f"whole {number}"), 500)
        paces.note(upload(f"whole {number}"), 1000)
        clock.now += 1
        silent += paces.fallen_silent()
    assert len(paces) <= 11
    clock.now += 1000
    silent += paces.fallen_silent()
    assert silent == [f"abandoned {number}" for number in range(100)]
    assert len(paces) == 0


def test_who_stopped_sending_is_silent_sooner_unless_another_body_comes() -> None:
    clock = Clock()
    paces = Paces(clock)
    for name in ("gone", "chunks"):
        paces.note(upload(name), 100)
        clock.now += 1
        paces.note(upload(name), 200)
        paces.body_ended(upload(name))
    clock.now += 1.5
    paces.note(upload("chunks"), 300)
    assert paces.fallen_silent() == []
    clock.now += 2
    assert paces.fallen_silent() == ["gone"]
    assert paces.of("gone") == 0
    assert paces.of("chunks")
