"""Changes when: what is tidied up while the server runs does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from server.jobs.lifecycle import ENDED
from storage.database import Database
from storage.model import now
from storage.records import events as event_rows
from storage.retention import Eraser

_AT_ONCE = 500
"""Events that one transaction forgets: others who write wait no longer than for these."""


class Upkeep:
    """Takes up digests that were dropped, forgets old events, collects what has expired, and erases
    what nobody has any more."""

    def __init__(
        self,
        database: Database,
        eraser: Eraser,
        recover: Callable[[], Awaitable[None]],
        sweep: Callable[[], Awaitable[int]],
        executor: Executor,
        events_kept: float,
    ) -> None:
        """`recover` takes up digests and waits for none; `sweep` collects uploads whose time
        is over; `events_kept` is in seconds."""
        self._database = database
        self._recover = recover
        self._sweep = sweep
        self._eraser = eraser
        self._executor = executor
        self._events_kept = events_kept

    async def run(self) -> None:
        """Once through everything."""
        await self._recover()
        before = now() - int(self._events_kept * 1000)
        while await self._database.write(lambda tx: event_rows.expire(tx, before, _AT_ONCE)):
            pass
        await self._sweep()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._erase)

    def _erase(self) -> None:
        self._eraser.erase_replaced()
        self._eraser.erase_doubles(sorted(ENDED))
