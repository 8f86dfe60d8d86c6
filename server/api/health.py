"""Changes when: what it takes to be ready does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web

from server import __version__
from storage.database import Database


class Health:
    """`/healthz`: the rows can be read and jobs are being taken."""

    def __init__(self, database: Database, queue_alive: Callable[[], bool]) -> None:
        self._database = database
        self._queue_alive = queue_alive

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self.health)]

    async def health(self, request: web.Request) -> web.Response:
        await self._database.read(lambda tx: tx.rows("select 1 as one"))
        alive = self._queue_alive()
        body = {"status": "ok" if alive else "queue_stopped", "version": __version__}
        return web.Response(
            status=200 if alive else 503,
            body=msgspec.json.encode(body),
            content_type="application/json",
        )
