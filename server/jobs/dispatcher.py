"""Changes when: which job may be queued now does.

A job is queued with the first bytes that make it possible, and while there is a place for it.
Videos that are there as a whole keep a processor busy: they have few places. Those that still
arrive mostly wait for bytes: they have more, so that every one of them plays before its upload
ends. One person's hundred videos do not starve another's one. The row's move and the queue's
entry commit together.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

from server.errors import Empty
from server.jobs.lifecycle import Action, State, sources, target
from server.pipeline import containers
from server.settings import Places
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
_WORTHWHILE = 1 << 16
"""Bytes that must have come before a job that ran out of bytes is taken up again."""

Enqueue = Callable[[Transaction, Job], None]
"""Puts a job into the queue, in the transaction that is given."""


class _Candidate(NamedTuple):
    """A job and the uploads that its source comes from; there is one at least."""

    job: Job
    uploads: list[Upload]

    @property
    def source_id(self) -> str:
        return self.uploads[0].source_id


class _Arrival(NamedTuple):
    """How much of a source is there."""

    ranges: Ranges
    length: int
    complete: bool


class Dispatcher:
    """Looks through jobs that are not queued, whenever something rings."""

    def __init__(
        self,
        database: Database,
        source_files: Sources,
        executor: Executor,
        enqueue: Enqueue,
        crowd: Callable[[bool], None],
        places: Places,
        places_per_owner: int,
    ) -> None:
        self._database = database
        self._sources = source_files
        self._executor = executor
        self._enqueue = enqueue
        self._crowd = crowd
        self._places = places
        self._places_per_owner = places_per_owner
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
        waiting, working = await self._database.read(_candidates)
        self._idle = {candidate.source_id: candidate.job.id for candidate in waiting}
        owners = Counter(candidate.job.owner for candidate in working)
        taken = Counter(self._arrival(candidate).complete for candidate in working)
        places = {True: self._places.whole, False: self._places.growing}
        crowded = False
        for candidate in waiting:
            job, arrival = candidate.job, self._arrival(candidate)
            if arrival.length == 0:
                await self._database.write(partial(self._fail_empty, job))
                continue
            full = taken[arrival.complete] >= places[arrival.complete]
            if owners[job.owner] >= self._places_per_owner or (full and arrival.complete):
                continue
            if _is_parked(job, arrival) or not await self._openable(candidate.source_id, arrival):
                continue
            if full:
                crowded = True
            elif await self._database.write(partial(self._queue, job)):
                owners[job.owner] += 1
                taken[arrival.complete] += 1
        self._crowd(crowded)

    def _arrival(self, candidate: _Candidate) -> _Arrival:
        ranges = self._sources.ranges(candidate.uploads)
        length = max(part.start + part.length for part in candidate.uploads)
        return _Arrival(ranges, length, ranges.covers(0, length))

    async def _openable(self, source_id: str, arrival: _Arrival) -> bool:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._look_into, source_id, arrival
        )

    def _look_into(self, source_id: str, arrival: _Arrival) -> bool:
        with open(self._sources.path(source_id), "rb") as file:

            def read_at(offset: int, size: int) -> bytes | None:
                size = min(size, arrival.length - offset)
                if size <= 0:
                    return b""
                if not arrival.ranges.covers(offset, offset + size):
                    return None
                file.seek(offset)
                return file.read(size)

            return containers.openable(read_at, arrival.complete)

    def _queue(self, job: Job, tx: Transaction) -> bool:
        if not job_rows.move(tx, job.id, sources(Action.QUEUE), target(Action.QUEUE)):
            return False
        self._enqueue(tx, job)
        return True

    def _fail_empty(self, job: Job, tx: Transaction) -> None:
        if job_rows.move(tx, job.id, sources(Action.FAIL), target(Action.FAIL)):
            job_rows.note(tx, job.id, {"error_code": Empty.code, "ended_at": now()})


def _is_parked(job: Job, arrival: _Arrival) -> bool:
    """It ran out of bytes, and what came since is not worth another attempt."""
    if job.parked_at is None or arrival.complete:
        return False
    return arrival.ranges.total < job.parked_at + _WORTHWHILE


def _candidates(tx: Transaction) -> tuple[list[_Candidate], list[_Candidate]]:
    """Jobs that are not queued, and those that are in work."""

    def found(*states: State) -> list[_Candidate]:
        candidates = []
        for job in job_rows.in_states(tx, states):
            video = video_rows.get(tx, job.video_id)
            uploads = upload_rows.of_source(tx, video.source_id) if video else []
            if uploads:
                candidates.append(_Candidate(job, uploads))
        return candidates

    return found(State.CREATED), found(State.WAITING, State.ACTIVE)
