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
from typing import NamedTuple

import msgspec

from server.errors import Crashed, Hung, JobError, ResumeMismatch
from server.jobs.attempt import Attempt, EditionChanged, Ended, Stopped, resume_of
from server.jobs.feed import Feed
from server.jobs.finish import finish_edition
from server.jobs.lifecycle import Action, State, sources, target
from server.jobs.processes import MediaProcesses
from server.pipeline.messages import Start
from server.settings import MediaSettings, Patience
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.errors import DiskFull, Fenced
from storage.model import Edition, Job, Output, Upload, Video, new_id, now
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

_log = logging.getLogger(__name__)

RETRIED = (JobError, Crashed, Hung, ResumeMismatch, DiskFull)
"""Errors (exactly these) that another attempt may not meet; all others are the file's own."""
MISSES = 3
"""Attempts in a row without a new cut after which a job is given up."""
MISSES_FROM_OUTSIDE = 12
"""The same when the file has no part in it: a full disk, a process that somebody killed."""
ATTEMPTS = 100
"""Attempts in all."""


class Again(Exception):
    """The attempt failed, but the job is to be tried again after `delay` seconds."""

    def __init__(self, delay: float) -> None:
        super().__init__(delay)
        self.delay = delay


class Taken(msgspec.Struct, frozen=True):
    """A job that was taken on, and all that an attempt starts from."""

    job: Job
    epoch: int
    video: Video
    edition: Edition
    outputs: list[Output]
    uploads: list[Upload]
    start: Start


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
        settings: MediaSettings,
        patience: Patience,
        places: int,
    ) -> None:
        self._database = database
        self._editions = editions
        self._sources = source_files
        self._processes = processes
        self._settings = settings
        self._patience = patience
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
        self._threads.shutdown()

    async def rescue(self, job_id: str) -> bool:
        """Takes a job from a worker that died; False if it is not to be given to another."""

        def take(tx: Transaction) -> bool:
            job = job_rows.get(tx, job_id)
            if job is None or job.state not in (State.ACTIVE, State.WAITING):
                return False
            job_rows.raise_epoch(tx, job_id)
            attempts = job.attempts + (job.state == State.ACTIVE)
            job_rows.note(tx, job_id, {"attempts": attempts})
            if attempts >= ATTEMPTS:
                self._settle(tx, job, Crashed.code, "[]")
                return False
            _move(tx, job_id, Action.RETRY)
            return True

        return await self._database.write(take)

    async def process(self, job_id: str) -> None:
        """Does a job that the queue gave. Raises `Again` if it is to be given again."""
        if self._draining:
            raise Again(0)
        running = self._running[job_id] = _Running(Feed(), asyncio.Event())
        try:
            taken = await self._take(job_id)
            if taken is not None:  # else removed, ended or parked in the meantime
                await self._do(taken, running.feed)
        finally:
            del self._running[job_id]
            running.feed.close()
            running.over.set()
            self._on_end()

    async def _do(self, taken: Taken, feed: Feed) -> None:
        try:
            ended = await self._run(taken, feed)
        except Fenced:
            return
        except EditionChanged:
            await self._begin_new_edition(taken)
            raise Again(0) from None
        except Stopped as stopped:
            await self._stopped(taken, str(stopped))
        except (JobError, DiskFull) as error:
            await self._failed(taken, error)
        except OSError as error:
            await self._failed(taken, JobError(str(error)))
        else:
            await self._ended(taken, ended)

    # --- taking ------------------------------------------------------------------------------

    async def _take(self, job_id: str) -> Taken | None:
        taken = await self._database.write(lambda tx: self._taken(tx, job_id))
        if taken is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._prepare, taken)
        return taken

    def _taken(self, tx: Transaction, job_id: str) -> Taken | None:
        job = job_rows.get(tx, job_id)
        if job is None or not _move(tx, job_id, Action.START):
            return None
        video = video_rows.get(tx, job.video_id)
        if video is None:
            return None
        epoch = job_rows.raise_epoch(tx, job_id)
        edition = edition_rows.get(tx, job.edition_id) if job.edition_id else None
        if edition is None:
            edition = self._new_edition(tx, video)
        job_rows.note(
            tx,
            job_id,
            {
                "edition_id": edition.id,
                "started_at": job.started_at or now(),
                "parked_at": None,
                "error_code": None,
                "error_detail": None,
            },
        )
        uploads = upload_rows.of_source(tx, video.source_id)
        source = upload_rows.source(tx, video.source_id) or {}
        cut = edition_rows.last_cut(tx, edition.id)
        start = Start(
            settings=msgspec.json.decode(edition.settings, type=MediaSettings),
            ranges=list(self._sources.ranges(uploads)),
            length=source["length"] if source.get("ended") else None,
            promised=source.get("length"),
            resume=resume_of(cut) if cut else None,
            thorough=job.misses > 0,
        )
        outputs = edition_rows.outputs(tx, edition.id)
        return Taken(job, epoch, video, edition, outputs, uploads, start)

    def _new_edition(self, tx: Transaction, video: Video) -> Edition:
        edition_id = new_id()
        settings = msgspec.json.encode(self._settings).decode()
        edition_rows.create(tx, edition_id, video.source_id, settings, now())
        edition = edition_rows.get(tx, edition_id)
        assert edition is not None
        return edition

    def _prepare(self, taken: Taken) -> None:
        """The edition's folder, without what dead workers left in it."""
        self._editions.create(taken.edition.id)

        def names(tx: Transaction) -> set[str]:
            return {piece.name for piece in edition_rows.pieces(tx, taken.edition.id)}

        self._editions.sweep(taken.edition.id, self._database.submit(names).result())

    # --- running -----------------------------------------------------------------------------

    async def _run(self, taken: Taken, feed: Feed) -> Ended:
        stop_listening = self._listen(taken, feed)
        attempt = Attempt(
            database=self._database,
            editions=self._editions,
            processes=self._processes,
            patience=self._patience,
            crowded=lambda: self._crowded,
            feed=feed,
            job_id=taken.job.id,
            epoch=taken.epoch,
            video_id=taken.video.id,
            edition=taken.edition,
            outputs=taken.outputs,
            start=taken.start,
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

    def _listen(self, taken: Taken, feed: Feed) -> Callable[[], None]:
        """Tells `feed` what arrives from now on, and what has since the job was taken."""
        uploads = taken.uploads
        length = max((upload.start + upload.length for upload in uploads), default=0)

        def arrived(start: int, end: int) -> None:
            feed.arrived(start, end)
            if self._sources.ranges(uploads).covers(0, length):
                feed.finish(length)

        stop = self._sources.listen(taken.video.source_id, arrived)
        if taken.start.length is None:
            for start, end in self._sources.ranges(uploads):
                arrived(start, end)
        return stop

    # --- what became of it -------------------------------------------------------------------

    async def _stopped(self, taken: Taken, reason: str) -> None:
        """Parked, drained or removed: no attempt is counted."""
        there = self._sources.ranges(taken.uploads).total

        def park(tx: Transaction) -> None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            _move(tx, taken.job.id, Action.PARK)
            parked_at = there if reason == "parked" else None
            job_rows.note(tx, taken.job.id, {"parked_at": parked_at})

        with contextlib.suppress(Fenced):  # removed
            await self._database.write(park)
        _log.info("job stopped", extra={"job": taken.job.id, "reason": reason})

    async def _begin_new_edition(self, taken: Taken) -> None:
        def forget(tx: Transaction) -> None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            job_rows.note(tx, taken.job.id, {"edition_id": None})
            _move(tx, taken.job.id, Action.RETRY)

        await self._database.write(forget)

    async def _failed(self, taken: Taken, error: JobError | DiskFull) -> None:
        """Again, if another attempt may do better; else the job ends with what there is."""

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
                    "error_detail": error.detail,
                },
            )
            outside = isinstance(error, DiskFull) or error.facts.get("killed")
            most = MISSES_FROM_OUTSIDE if outside else MISSES
            if type(error) in RETRIED and misses < most and attempts < ATTEMPTS:
                _move(tx, job.id, Action.RETRY)
                return backoff(misses)
            self._settle(tx, job, error.code, "[]")
            return None

        try:
            delay = await self._database.write(settle)
        except Fenced:
            return
        _log.warning(
            "attempt failed",
            extra={"job": taken.job.id, "code": error.code, "detail": error.detail},
        )
        if delay is not None:
            raise Again(delay)

    async def _ended(self, taken: Taken, ended: Ended) -> None:
        warnings = msgspec.json.encode(ended.notices).decode()

        def settle(tx: Transaction) -> None:
            job_rows.check_epoch(tx, taken.job.id, taken.epoch)
            job = job_rows.get(tx, taken.job.id)
            assert job is not None
            self._settle(tx, job, ended.early, warnings)

        with contextlib.suppress(Fenced):
            await self._database.write(settle)

    def _settle(self, tx: Transaction, job: Job, early: str | None, warnings: str) -> None:
        """Ends the job's edition with what is published, and the job with it."""
        cuts = finish_edition(tx, job.edition_id) if job.edition_id else 0
        early_end = Action.END_EARLY if cuts else Action.FAIL
        _move(tx, job.id, early_end if early else Action.COMPLETE)
        job_rows.note(tx, job.id, {"error_code": early, "warnings": warnings, "ended_at": now()})


def backoff(misses: int) -> float:
    """Seconds before the next attempt: 1, 1, 1, 2, 4, ... at most 60."""
    return float(min(60, 2 ** max(0, misses - 3)))


def _move(tx: Transaction, job_id: str, action: Action) -> bool:
    states: tuple[State, ...] = sources(action)
    return job_rows.move(tx, job_id, states, target(action))
