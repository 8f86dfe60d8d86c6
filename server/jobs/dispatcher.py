"""Changes when: which job may be queued now does.

A job is queued with the first bytes that make it possible, and only while its owner has a free
slot, so that one person's hundred videos do not starve another's one. The row's move and the
queue's entry commit together.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from server.errors import Empty
from server.jobs.lifecycle import Action, State, sources, target
from server.pipeline import containers
from storage.database import Database, Transaction
from storage.model import Job, Upload, now
from storage.ranges import Ranges
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

_log = logging.getLogger(__name__)
_LOOK_EVERY = 5.0
"""Seconds after which it looks although nobody rang."""

Enqueue = Callable[[Transaction, Job], None]
"""Puts a job into the queue, in the transaction that is given."""


class Dispatcher:
    """Looks through jobs that are not queued, whenever something rings."""

    def __init__(
        self,
        database: Database,
        source_files: Sources,
        executor: Executor,
        enqueue: Enqueue,
        slots_per_owner: int,
    ) -> None:
        self._database = database
        self._sources = source_files
        self._executor = executor
        self._enqueue = enqueue
        self._slots = slots_per_owner
        self._bell = asyncio.Event()
        self._idle: dict[str, str] = {}
        """Source id -> job id of jobs that wait for bytes."""

    def ring(self) -> None:
        """Something may have become possible."""
        self._bell.set()

    def arrived(self, source_id: str) -> None:
        """Bytes came into a source; rings only if a job waits for them."""
        if source_id in self._idle:
            self._bell.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._look()
            except Exception:
                _log.exception("the dispatcher stumbled")
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._bell.wait()
            except TimeoutError:
                pass
            self._bell.clear()

    async def _look(self) -> None:
        jobs, busy, uploads = await self._database.read(_candidates)
        self._idle = {uploads[job.id][0].source_id: job.id for job in jobs if uploads[job.id]}
        for job in jobs:
            parts = uploads[job.id]
            if not parts:
                continue
            length = max(part.start + part.length for part in parts)
            if length == 0:
                await self._database.write(partial(self._fail_empty, job))
                continue
            if busy[job.owner] >= self._slots or not await self._possible(job, parts, length):
                continue
            if await self._database.write(partial(self._queue, job)):
                busy[job.owner] += 1

    async def _possible(self, job: Job, parts: list[Upload], length: int) -> bool:
        ranges = self._sources.ranges(parts)
        complete = ranges.covers(0, length)
        if job.parked_at is not None and ranges.total <= job.parked_at and not complete:
            return False
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._openable, parts[0].source_id, ranges, length, complete
        )

    def _openable(self, source_id: str, ranges: Ranges, length: int, complete: bool) -> bool:
        with open(self._sources.path(source_id), "rb") as file:

            def read_at(offset: int, size: int) -> bytes | None:
                size = min(size, length - offset)
                if size <= 0:
                    return b""
                if not ranges.covers(offset, offset + size):
                    return None
                file.seek(offset)
                return file.read(size)

            return containers.openable(read_at, complete)

    def _queue(self, job: Job, tx: Transaction) -> bool:
        if not job_rows.move(tx, job.id, sources(Action.QUEUE), target(Action.QUEUE)):
            return False
        self._enqueue(tx, job)
        return True

    def _fail_empty(self, job: Job, tx: Transaction) -> None:
        if job_rows.move(tx, job.id, sources(Action.FAIL), target(Action.FAIL)):
            job_rows.note(tx, job.id, {"error_code": Empty.code, "ended_at": now()})


def _candidates(
    tx: Transaction,
) -> tuple[list[Job], Counter[str], dict[str, list[Upload]]]:
    """Jobs that are not queued, how many each owner has in work, and what they wait for."""
    jobs = job_rows.in_states(tx, [State.CREATED])
    working = job_rows.in_states(tx, [State.WAITING, State.ACTIVE])
    uploads: dict[str, list[Upload]] = {}
    for job in jobs:
        video = video_rows.get(tx, job.video_id)
        uploads[job.id] = upload_rows.of_source(tx, video.source_id) if video else []
    return jobs, Counter(job.owner for job in working), uploads
