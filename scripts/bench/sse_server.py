"""Changes when: how the events room is laid open to a bench does.

    python -m scripts.bench.sse_server [--port P]

The streams of `server.events` as they are, at `/sub`, and a door to put events in, `POST /pub`:
what an independent bench of Server-Sent Events wants. Stored events are kept in memory here, so
that the fan-out alone is measured. `GET /watchers` tells how many streams are open.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from server.api.connections import raise_descriptors
from server.api.streams import open_stream
from server.events.bus import Bus
from server.events.watcher import Watcher
from server.protocols import sse
from storage.model import Event

_KEPT = 10_000
_TOPIC = "0" * 32


class Bench:
    """One topic."""

    def __init__(self) -> None:
        self._bus = Bus()
        self._events: list[Event] = []
        self._number = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.post("/pub", self.publish),
                web.get("/sub", self.subscribe, allow_head=False),
                web.get("/watchers", self.watchers),
            ]
        )
        app.cleanup_ctx.append(self._time)
        return app

    async def publish(self, request: web.Request) -> web.Response:
        """The body is an event's data."""
        self._number += 1
        text = await request.text()
        event = Event("bench", self._number, _TOPIC, self._number, "cut", text, 0)
        self._events.append(event)
        del self._events[:-_KEPT]
        self._bus.publish(event)
        return web.Response(status=204)

    async def subscribe(self, request: web.Request) -> web.StreamResponse:
        """Everything from now on."""
        watcher = Watcher(_TOPIC, self._stored, by_video=True, chunked=True)
        with self._bus.joined(watcher):
            answer = web.StreamResponse(headers=sse.HEADERS)
            transport = await open_stream(request, answer)
            if transport is not None:
                number = self._number
                await watcher.run(transport, request.writer.drain, number, number)
        return answer

    async def watchers(self, _: web.Request) -> web.Response:
        return web.Response(text=str(len(self._bus)))

    async def _stored(self, after: int, limit: int) -> list[Event]:
        return [event for event in self._events if event.number > after][:limit]

    async def _time(self, _: web.Application) -> AsyncIterator[None]:
        running = asyncio.create_task(self._bus.run())
        yield
        running.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description="The events room, for a bench.")
    parser.add_argument("--port", type=int, default=8799)
    arguments = parser.parse_args()
    raise_descriptors()
    web.run_app(Bench().app(), host="127.0.0.1", port=arguments.port, access_log=None, backlog=4096)


if __name__ == "__main__":
    main()
