"""Changes when: procrastinate's connector seam does.

procrastinate's own worker (fetching, retries, priorities, locks, heartbeats, cron) on the one
writing connection: a connector that answers the library's named queries with `storage.queue`.
It stands at the seam of `procrastinate.testing.InMemoryConnector`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from procrastinate import connector, exceptions, sql

from storage.crossing import Crossing
from storage.database import Database, Row, Transaction
from storage.errors import DiskFull
from storage.queue import QUERIES

_MAY_BE_LEFT_OUT = {"fetch_job", "update_heartbeat", "prune_stalled_workers"}
"""Queries that are asked again soon anyway."""
_DISK_FULL_PAUSE = 1.0
"""Seconds until the others are asked again."""


class SqliteConnector(connector.BaseAsyncConnector):
    """Gives procrastinate our database. Opening and closing the file is not its business."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._crossing: Crossing | None = None
        self._listeners: list[tuple[connector.Notify, frozenset[str]]] = []
        self._names = {text: name for name, text in sql.queries.items()}

    # --- the library's seam ---------------------------------------------------------------

    def get_sync_connector(self) -> connector.BaseConnector:
        return self

    def open(self, pool: connector.Pool | None = None) -> None:
        """Nothing to open: the database is open already."""

    def close(self) -> None:
        """Nothing to close: the database outlives the queue."""

    async def open_async(self, pool: connector.Pool | None = None) -> None:
        self._crossing = Crossing(asyncio.get_running_loop())

    async def close_async(self) -> None:
        self._crossing = None

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        await self.execute_query_all_async(query, **arguments)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> Row:
        rows = await self.execute_query_all_async(query, **arguments)
        return rows[0] if rows else {"id": None}

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[Row]:
        """The library takes an error for the end of its worker; a full disk is none."""
        while True:
            try:
                return await self._database.write(lambda tx: self._answer(tx, query, arguments))
            except DiskFull:
                if self._names.get(query) in _MAY_BE_LEFT_OUT:
                    return []
            await asyncio.sleep(_DISK_FULL_PAUSE)

    def execute_query(self, query: str, **arguments: Any) -> None:
        self._database.submit(lambda tx: self._answer(tx, query, arguments)).result()

    def execute_query_one(self, query: str, **arguments: Any) -> Row:
        rows = self.execute_query_all(query, **arguments)
        return rows[0] if rows else {"id": None}

    def execute_query_all(self, query: str, **arguments: Any) -> list[Row]:
        return self._database.submit(lambda tx: self._answer(tx, query, arguments)).result()

    def execute_query_one_with_connection(
        self, connection: Transaction, query: str, **arguments: Any
    ) -> Row:
        rows = self._answer(connection, query, arguments)
        return rows[0] if rows else {"id": None}

    def execute_query_all_with_connection(
        self, connection: Transaction, query: str, **arguments: Any
    ) -> list[Row]:
        """So that a row of ours and its queue entry commit together."""
        return self._answer(connection, query, arguments)

    async def listen_notify(
        self, on_notification: connector.Notify, channels: Iterable[str]
    ) -> None:
        """Rings after every commit that queued or aborted a job; ends when cancelled."""
        listener = (on_notification, frozenset(channels))
        self._listeners.append(listener)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._listeners.remove(listener)

    # --- inside ------------------------------------------------------------------------------

    def _answer(self, tx: Transaction, query: str, arguments: dict[str, Any]) -> list[Row]:
        name = self._names.get(query)
        if name is None:
            raise exceptions.ConnectorException(f"unknown query: {query[:60]}")
        rows, bell = QUERIES[name](tx, **arguments)
        for queue_name, kind, job_id in bell:
            payload = json.dumps({"type": kind, "job_id": job_id})
            tx.after(partial(self._ring, queue_name, payload))
        return rows

    def _ring(self, queue_name: str, payload: str) -> None:
        crossing = self._crossing
        names = {"procrastinate_any_queue_v1", f"procrastinate_queue_v1#{queue_name}"}
        for notify, channels in list(self._listeners):
            for channel in channels & names:
                if crossing is not None:
                    crossing.spawn(_awaited(notify, channel, payload))


async def _awaited(notify: connector.Notify, channel: str, payload: str) -> None:
    await notify(channel=channel, payload=payload)
