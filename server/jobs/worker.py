"""Changes when: how a job is taken on, ended or tried again does.

The worker host: takes a job the queue gives it, runs attempts, and settles what became of it.
Every move is fenced by the epoch under which the job was taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import msgspec

from server.job_errors import Crashed, Hung, JobError, PoseFailed, ResumeMismatch
from server.jobs.attempt import Attempt, Ended
from server.jobs.feed import Feed
from server.jobs.lifecycle import Action
from server.jobs.moves import move
from server.jobs.poseless import outcome
from server.jobs.processes import MediaProcesses, PoseProcesses
from server.jobs.publishing import EditionChanged
from server.jobs.taking import ATTEMPTS, Enqueue, Taken, Taking, end_job, poses_of
from server.jobs.watch import Stopped
from server.settings import Allowance, MediaSettings, Patience
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.errors import DiskFull, Fenced
from storage.model import Part, Source
from storage.records import jobs as job_rows
from storage.records import poses as pose_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_log = logging.getLogger(__name__)

RETRIED = (JobError, Crashed, Hung, PoseFailed, ResumeMismatch, DiskFull)
"""Errors (exactly these) that another attempt may not meet; all others are the file's own."""
MISSES = 3
"""Attempts in a row without a new cut after which a job is given up."""
MISSES_FROM_OUTSIDE = 12
"""The same when the file has no part in it: a full disk, a process that somebody killed. A pose
process is given up before that."""
_DETAIL = 500
"""Characters of an error's detail that are kept: it may tell what a media process said."""
_DISK_FULL_PAUSE = 5.0
"""Seconds until a job is given again that could not even be taken."""


class Again(Exception):
    """The attempt failed, but the job is to be tried again after `delay` seconds."""

    def __init__(self, delay: float) -> None:
        super().__init__(delay)
        self.delay = delay


class _Running(NamedTuple):
    feed: Feed
    over: asyncio.Event


class Worker:
    """Runs jobs of one server. Everything here belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        editions: Editions,
        source_files: Sources,
        processes: MediaProcesses,
        pose_processes: PoseProcesses,
        settings: MediaSettings,
        patience: Patience,
        allowance: Allowance,
        places: int,
    ) -> None:
        self._database = database
        self._editions = editions
        self._sources = source_files
        self._taking = Taking(
            database, editions, source_files, settings, lambda: pose_processes.fault
        )
        self._processes = processes
        self._pose_processes = pose_processes
        self._patience = patience
        self._allowance = allowance
        self._crowded = False
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="job")
        self._running: dict[str, _Running] = {}
        self._draining = False
        self._on_end: Callable[[], None] = lambda: None

    def on_end(self, callback: Callable[[], None]) -> None:
        """Calls `callback` whenever a job has given its place free."""
        self._on_end = callback

    def crowd(self, crowded: bool) -> None:
        """Whether others wait for the places of jobs that wait for bytes."""
        self._crowded = crowded

    async def end(self, job_id: str, reason: str) -> None:
        """Ends the attempt at a job, if there is one, and waits until it is over."""
        running = self._running.get(job_id)
        if running is not None:
            running.feed.stop(reason)
            await running.over.wait()

    async def drain(self) -> None:
        """Stops every attempt; what is published stays, the rest is made again later."""
        self._draining = True
        for job_id in list(self._running):
            await self.end(job_id, "drain")
        self._threads.shutdown(wait=False)  # nothing runs there any more

    async def rescue(self, enqueue: Enqueue) -> None:
        """Gives jobs back to the queue that lost their worker, or their place in it."""
        rescued = await self._taking.rescue(set(self._running), enqueue)
        if rescued:
            _log.warning("jobs were given back to the queue", extra={"jobs": rescued})

    def works_on(self, job_id: str) -> bool:
        """Whether an attempt at a job is under way here."""
        return job_id in self._running

    async def process(self, job_id: str) -> None:
        """Does a job that the queue gave. Raises `Again` if it is to be given again."""
        if self._draining:
            raise Again(0)
        await self.end(job_id, "taken over")  # by ourselves: the queue thought us dead
        running = self._running[job_id] = _Running(Feed(), asyncio.Event())
        try:
            try:
                taken = await self._taking.take(job_id)
            except DiskFull:
                raise Again(_DISK_FULL_PAUSE) from None
            if taken is not None:
                await self._do(taken, running.feed)
        finally:
            del self._running[job_id]
            running.feed.close()
            running.over.set()
            self._on_end()

    async def _do(self, taken: Taken, feed: Feed) -> None:
        """Whatever happens, the job's row tells what became of it."""
        try:
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(self._threads, self._taking.prepare, taken)
            ended = await self._run(taken, made, feed)
        except Fenced:
            return
        except EditionChanged:
            await self._begin_new_edition(taken)
            raise Again(0) from None
        except Stopped as stopped:
            await self._stopped(taken, str(stopped))
        except (JobError, DiskFull) as error:
            await self._failed(taken, error)
        except Exception as error:
            _log.exception("an attempt broke down", extra={"job": taken.job.id})
            await self._failed(taken, JobError(repr(error), outside=True))
        else:
            await self._ended(taken, ended)

    # --- running -----------------------------------------------------------------------------

    async def _run(self, taken: Taken, made: int, feed: Feed) -> Ended:
        stop_listening = await self._listen(taken, feed)
        attempt = Attempt(
            database=self._database,
            editions=self._editions,
            processes=self._processes,
            pose_processes=self._pose_processes,
            patience=self._patience,
            allowance=self._allowance,
            crowded=lambda: self._crowded,
            feed=feed,
            taken=taken,
            made=made,
            open_source=lambda: self._sources.open_reader(taken.video.source_id),
        )
        running = asyncio.get_running_loop().run_in_executor(self._threads, attempt.run)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            feed.stop("drain")
            return await running
        finally:
            stop_listening()

    async def _listen(self, taken: Taken, feed: Feed) -> Callable[[], None]:
        """Tells `feed` what arrives from now on, and what has since the job was taken."""
        source_id = taken.video.source_id
        stop = self._sources.listen(source_id, feed.arrived, feed.finish)
        if taken.start.length is not None:
            return stop
        try:
            source, parts = await self._database.read(partial(_standing, source_id))
        except BaseException:
            stop()
            raise
        for start, end in self._sources.ranges(parts):
            feed.arrived(start, end)
        if source is not None and source.ended:
            feed.finish(source.length or 0)
        return stop

    # --- what became of it -------------------------------------------------------------------

    async def _stopped(self, taken: Taken, reason: str) -> None:
        """Parked, drained or removed: no attempt is counted."""

        def park(tx: Transaction) -> None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            move(tx, taken.job, Action.PARK)
            parts = upload_rows.parts(tx, taken.video.source_id)
            parked_at = self._sources.ranges(parts).total if reason == "parked" else None
            job_rows.note(tx, taken.job.id, {"parked_at": parked_at})

        with contextlib.suppress(Fenced):  # removed
            await self._database.write(park)
        _log.info("job stopped", extra={"job": taken.job.id, "reason": reason})

    async def _begin_new_edition(self, taken: Taken) -> None:
        def forget(tx: Transaction) -> None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            job_rows.note(tx, taken.job.id, {"edition_id": None, "pose_faults": "{}"})
            move(tx, taken.job, Action.RETRY)

        with contextlib.suppress(Fenced):  # removed, or taken by another: the queue sees that
            await self._database.write(forget)

    async def _failed(self, taken: Taken, error: JobError | DiskFull) -> None:
        """Again, if another attempt may do better; else the job ends with what there is."""
        detail = error.detail[:_DETAIL]

        def settle(tx: Transaction) -> float | None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            job = job_rows.get(tx, taken.job.id)
            assert job is not None
            misses, attempts = job.misses + 1, job.attempts + 1
            job_rows.note(
                tx,
                job.id,
                {
                    "attempts": attempts,
                    "misses": misses,
                    "error_code": error.code,
                    "error_detail": detail,
                },
            )
            if isinstance(error, PoseFailed):
                faults = taken.poses.failed_at(error.cut)
                text = msgspec.json.encode(faults).decode()
                job_rows.note(tx, job.id, {"pose_faults": text})
            outside = isinstance(error, DiskFull) or error.facts.get("outside")
            most = MISSES_FROM_OUTSIDE if outside else MISSES
            if type(error) in RETRIED and misses < most and attempts < ATTEMPTS:
                move(tx, job, Action.RETRY)
                return backoff(0 if isinstance(error, PoseFailed) else misses)
            end_job(tx, job, error.code, "[]", detail)
            return None

        try:
            delay = await self._database.write(settle)
        except Fenced:
            return
        _log.warning(
            "attempt failed",
            extra={"job": taken.job.id, "code": error.code, "detail": detail},
        )
        if delay is not None:
            raise Again(delay)

    async def _ended(self, taken: Taken, ended: Ended) -> None:
        wanted = "pose" in self._taking.wanted(taken.video)
        made = "pose" in taken.start.settings.outputs

        def settle(tx: Transaction) -> None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            job = job_rows.get(tx, taken.job.id)
            assert job is not None
            lost = pose_rows.lost(tx, taken.edition.id)
            poses = outcome(poses_of(tx, job, taken.edition.id), lost, wanted=wanted, made=made)
            warnings = msgspec.json.encode([*ended.notices, *poses.notices]).decode()
            end_job(tx, job, ended.early or poses.early, warnings)

        with contextlib.suppress(Fenced):
            await self._database.write(settle)


def _standing(source_id: str, tx: Transaction) -> tuple[Source | None, list[Part]]:
    return upload_rows.get_source(tx, source_id), upload_rows.parts(tx, source_id)


def backoff(misses: int) -> float:
    """Seconds before the next attempt: 1, 1, 1, 2, 4, ... at most 60."""
    return float(min(60, 2 ** max(0, misses - 3)))
