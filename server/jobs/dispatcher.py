"""Changes when: which job may be queued now does.

A job is queued with the first bytes that make it possible, and while there is a place for it.
Videos that are there as a whole keep a processor busy: they have few places. Those that still
arrive mostly wait for bytes: they have more, so that every one of them plays before its upload
ends. One person's hundred videos do not starve another's one. The row's move and the queue's
entry commit together.

Bytes make it look at their own source only; all jobs are looked at when one may have become
possible by something else, a few times a second at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

from server.job_errors import Empty
from server.jobs.lifecycle import Action, State
from server.jobs.moves import move
from server.jobs.sharing import share
from server.pipeline import containers
from server.settings import Places
from storage.database import Database, Transaction
from storage.model import Candidate, Job, now
from storage.ranges import Ranges
from storage.records import jobs as job_rows
from storage.sources import Sources

_log = logging.getLogger(__name__)
_LOOK_EVERY = 5.0
"""Seconds after which it looks at all jobs although nobody rang."""
_REST = 0.25
"""Seconds between two looks at all jobs."""
_SHARE = 4
"""It rests this many times as long as such a look took, if that is longer."""
_PAUSE = 0.02
"""Seconds between two looks of any kind."""
_FILES = 64
"""Files that one look opens, and sources that it asks for by name: nobody waits for those of
others for long."""
_WORTHWHILE = 1 << 16
"""Bytes that must have come before a job that ran out of bytes is taken up again."""
_WORKING = (State.WAITING, State.ACTIVE)

Enqueue = Callable[[Transaction, Job], None]
"""Puts a job into the queue, in the transaction that is given."""


class _Standing(NamedTuple):
    """A job, and how much of its source is there."""

    job_id: str
    owner: str
    parked_at: int | None
    source_id: str
    length: int | None
    ranges: Ranges
    complete: bool


class _View(NamedTuple):
    """What one look at the rows shows."""

    created: set[str]
    """Sources of the jobs that are not queued."""
    promising: list[_Standing]
    """Those jobs of them that enough has come for to look closer, most urgent first."""
    working: list[_Standing]


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
        self._rung = True
        self._rested = self._due = 0.0
        """When all jobs may be looked at again, and when they must be (the loop's clock)."""
        self._stirred: dict[str, None] = {}
        """Sources that bytes came into, first come first."""
        self._deaf: set[str] = set()
        """Sources whose bytes no job waits for, as far as was seen since the last look at all."""
        self._wanted: dict[str, tuple[int, int]] = {}
        """What must arrive in a source before its file is looked into again."""
        self._files = _FILES
        """Files that the look under way may still open."""
        self._left_out = False
        """Somebody waits for a place: who comes with new bytes must not be served first."""

    def ring(self) -> None:
        """Something may have become possible."""
        self._rung = True
        self._bell.set()

    def arrived(self, source_id: str) -> None:
        """Bytes came into a source."""
        if source_id not in self._deaf:
            self._stirred[source_id] = None
            self._bell.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            everything = await self._called()
            try:
                await (self._look_at_all() if everything else self._look_at_stirred())
            except Exception:
                _log.exception("the dispatcher stumbled")
            await asyncio.sleep(_PAUSE)

    async def _called(self) -> bool:
        """Returns when there is something to look at; whether that is everything."""
        clock = asyncio.get_running_loop().time
        while True:
            due = self._rested if self._rung else self._due
            if clock() >= due:
                return True
            if self._stirred and not (self._rung and self._left_out):
                return False
            self._bell.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._bell.wait()

    # --- looking -------------------------------------------------------------------------------

    async def _look_at_all(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        self._rung = False
        self._rested, self._due = began + _REST, began + _LOOK_EVERY
        self._stirred.clear()
        view = await self._database.read(self._all)
        self._rested = max(self._rested, clock() + _SHARE * (clock() - began))
        self._deaf = {standing.source_id for standing in view.working}
        self._wanted = {k: wanted for k, wanted in self._wanted.items() if k in view.created}
        self._left_out = False
        self._crowd(await self._go_through(view))

    async def _look_at_stirred(self) -> None:
        stirred = set(islice(self._stirred, _FILES))
        for source_id in stirred:
            del self._stirred[source_id]
        view = await self._database.read(partial(self._some, stirred))
        self._deaf |= stirred - view.created
        if await self._go_through(view):
            self._crowd(True)

    def _all(self, tx: Transaction) -> _View:
        found = job_rows.candidates(tx, State.CREATED, _WORKING)
        return self._view(chain(found, job_rows.working(tx, _WORKING)))

    def _some(self, source_ids: set[str], tx: Transaction) -> _View:
        found = job_rows.candidates(tx, State.CREATED, _WORKING, source_ids)
        return self._view(chain(found, job_rows.working(tx, _WORKING)))

    def _view(self, found: Iterable[Candidate]) -> _View:
        """Made on the database's thread, while the loop does other things."""
        view = _View(set(), [], [])
        for candidate in found:
            standing = self._standing(candidate)
            if candidate.state in _WORKING:
                view.working.append(standing)
            else:
                view.created.add(standing.source_id)
                if self._is_promising(standing):
                    view.promising.append(standing)
        return view

    def _is_promising(self, standing: _Standing) -> bool:
        """Whether all that is known of a job speaks for it; its file is not opened for that."""
        if standing.complete:
            return True
        parked_at = standing.parked_at
        if parked_at is not None and standing.ranges.total < parked_at + _WORTHWHILE:
            return False  # what came since it ran out of bytes is not worth another attempt
        return standing.ranges.covers(*self._wanted.get(standing.source_id, containers.FIRST))

    def _standing(self, candidate: Candidate) -> _Standing:
        job_id, owner, _, parked_at, source, parts = candidate
        ranges = self._sources.ranges_of(source, parts)
        complete = source.ended
        return _Standing(job_id, owner, parked_at, source.id, source.length, ranges, complete)

    # --- deciding ------------------------------------------------------------------------------

    async def _go_through(self, view: _View) -> bool:
        """Queues what can be; whether others, which still arrive, wait for a place."""
        waiting = self._left_out  # somebody whom this look may not show
        owners = Counter(standing.owner for standing in view.working)
        taken = Counter(standing.complete for standing in view.working)
        places = {True: self._places.whole, False: self._places.growing}
        self._files = _FILES
        crowded = False
        for standing in view.promising:
            if standing.length == 0:
                await self._database.write(partial(self._fail_empty, standing.job_id))
                continue
            full = taken[standing.complete] >= places[standing.complete]
            if owners[standing.owner] >= self._places_per_owner or (full and standing.complete):
                self._left_out = True
                continue
            if not await self._openable(standing):
                continue
            if full:
                self._left_out = crowded = True
            elif waiting:
                self.ring()  # a look at all decides who gets the free place
            elif await self._database.write(partial(self._queue, standing.job_id)):
                owners[standing.owner] += 1
                taken[standing.complete] += 1
                self._deaf.add(standing.source_id)
        return crowded

    async def _openable(self, standing: _Standing) -> bool:
        """Whether a media process could begin with what is there."""
        if standing.complete:
            return True
        wanted = self._wanted.get(standing.source_id)
        if wanted != containers.NOTHING:
            if not self._files:
                self.ring()
                return False
            self._files -= 1
            wanted = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._look_into, standing
            )
            self._wanted[standing.source_id] = wanted
        return wanted == containers.NOTHING

    def _look_into(self, standing: _Standing) -> tuple[int, int]:
        try:
            with self._sources.path(standing.source_id).open("rb", buffering=0) as file:

                def read_at(offset: int, size: int) -> bytes | None:
                    if standing.length is not None:
                        size = max(0, min(size, standing.length - offset))
                    if not standing.ranges.covers(offset, offset + size):
                        return None
                    return os.pread(file.fileno(), size, offset)

                return containers.wanted(read_at)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise  # no file can be opened now; this one may be fine
            return containers.NOTHING  # whoever works on it will say what is wrong

    def _queue(self, job_id: str, tx: Transaction) -> bool:
        job = job_rows.get(tx, job_id)
        if job is None or share(tx, job) or not move(tx, job, Action.QUEUE):
            return False
        self._enqueue(tx, job)
        return True

    def _fail_empty(self, job_id: str, tx: Transaction) -> None:
        job = job_rows.get(tx, job_id)
        if job is not None and move(tx, job, Action.FAIL, (Empty.code, None)):
            job_rows.note(tx, job_id, {"error_code": Empty.code, "ended_at": now()})
