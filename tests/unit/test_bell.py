from __future__ import annotations

import asyncio

from server.events.bell import Bell
from server.events.bus import Bus
from storage.model import Event
from tests.support.streams import Line

LONG, SHORT = 60.0, 0.0


def event(video_id: str) -> Event:
    return Event("me", 1, video_id, 1, "cut", "{}", 0)


async def test_rings_for_events_of_its_video() -> None:
    """Though nobody watches; what came while nobody waited counts as well, once."""
    bus = Bus()
    mine, other = Bell(), Bell()
    with bus.hung("a", mine), bus.hung("b", other):
        bus.publish(event("a"))
        bus.publish(event("a"))
        assert await mine.rung(LONG)
        assert not await mine.rung(SHORT)
        assert not await other.rung(SHORT)
        waiting = asyncio.create_task(other.rung(LONG))
        await asyncio.sleep(0)
        bus.publish(event("b"))
        assert await waiting
        assert len(bus) == 0
    bus.publish(event("a"))
    assert not await mine.rung(SHORT)


async def test_rings_when_nobody_reads_any_more() -> None:
    line, bell = Line(), Bell()
    assert (bell.gone, bell.over) == (False, False)
    bell.transport = line
    bell.look()
    assert not await bell.rung(SHORT)
    line.closed = True
    assert (bell.gone, bell.over) == (True, True)
    bell.look()
    assert await bell.rung(LONG)


async def test_farewell_ends_who_waits_and_breaks_off_who_is_slow() -> None:
    bus, lines = Bus(), [Line(), Line()]
    lines[1].waiting = 1
    early, quick, slow = bells = [Bell(), Bell(), Bell()]
    quick.transport, slow.transport = lines
    with bus.hung("a", early), bus.hung("a", quick), bus.hung("b", slow):
        bus.farewell()
        for bell in bells:
            assert bell.over
            assert await bell.rung(LONG)
    assert [line.closed for line in lines] == [False, True]
