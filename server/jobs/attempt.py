"""Changes when: what the server does with what a media process says does.

One attempt at a job, on a thread of its own: listens to the media process, hands what it makes to
`publishing`, tells it what arrives, and ends it when `watch` says so. Nothing it says is trusted.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from server.errors import Crashed, Hung, JobError
from server.jobs import checks
from server.jobs.feed import Feed
from server.jobs.processes import MediaProcess, MediaProcesses
from server.jobs.progress import Pace
from server.jobs.publishing import Publishing
from server.jobs.taking import Taken
from server.jobs.watch import Stopped, Watch
from server.pipeline.messages import (
    Available,
    CutEnd,
    Done,
    End,
    Facts,
    Failed,
    Notice,
    PieceHeader,
    Progress,
)
from server.settings import Allowance, Patience
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.errors import ReelraceError
from storage.model import now
from storage.records import events as event_rows
from storage.records import jobs as job_rows

_TICK = 1.0
"""Seconds between two looks at the clock."""
_NOTE_EVERY = 0.5
"""Seconds between two writes of a job's progress."""


class Ended(NamedTuple):
    """All cuts are published."""

    early: str | None
    notices: list[Notice]


class Attempt:
    """One attempt. `run` blocks until it is over."""

    def __init__(
        self,
        *,
        database: Database,
        editions: Editions,
        processes: MediaProcesses,
        patience: Patience,
        allowance: Allowance,
        crowded: Callable[[], bool],
        feed: Feed,
        taken: Taken,
        made: int,
        open_source: Callable[[], int],
    ) -> None:
        """`made`: bytes that were made of the source before."""
        self._database = database
        self._processes = processes
        self._crowded = crowded
        self._feed = feed
        self._taken = taken
        self._open_source = open_source
        self._publishing = Publishing(database, editions, allowance, taken, made)
        start = taken.start
        self._watch = Watch(
            patience, start.ranges, complete=start.length is not None, at=time.monotonic()
        )
        self._pace = Pace()
        self._last_progress: Progress | None = None
        self._noted_at = 0.0

    def run(self) -> Ended:
        """Raises `Stopped`, `EditionChanged`, or one of `server.errors`' job errors."""
        source = self._open_source()
        try:
            process = self._processes.start(self._taken.start, source)
        finally:
            os.close(source)
        process.link.on_silence = lambda: self._look_up(process)
        try:
            return self._follow(process)
        except EOFError:
            raise self._death(process) from None
        finally:
            process.kill()
            process.close()
            self._publishing.drop()

    # --- the loop ----------------------------------------------------------------------------

    def _follow(self, process: MediaProcess) -> Ended:
        link = process.link
        ready = select.poll()
        ready.register(link.descriptor, select.POLLIN)
        ready.register(self._feed.descriptor, select.POLLIN)
        while True:
            readable = {descriptor for descriptor, _ in ready.poll(_TICK * 1000)}
            if link.descriptor in readable:
                try:
                    received = link.receive()
                except ValueError as error:
                    raise Crashed(f"it sent nonsense: {error}") from error
                if received is None:
                    raise EOFError
                message, size = received
                if isinstance(message, Done):
                    checks.done(message, self._publishing.next)
                    self._write_progress()
                    return Ended(message.early, message.notices)
                self._handle(message, size, process)
            self._look_up(process)

    def _look_up(self, process: MediaProcess) -> None:
        """What is due whether or not the media process says anything."""
        self._pass_on(process)
        self._watch.look(time.monotonic(), crowded=self._crowded())

    def _pass_on(self, process: MediaProcess) -> None:
        news = self._feed.take()
        if news.stop:
            raise Stopped(news.stop)
        try:
            for start, end in news.arrived:
                process.link.send(Available(start, end))
            if news.length is not None:
                process.link.send(End(news.length))
        except BlockingIOError as error:
            raise Hung("it does not listen") from error
        except OSError as error:
            raise EOFError from error
        self._watch.fed(news.arrived, time.monotonic())
        if news.length is not None:
            self._watch.completed(time.monotonic())

    def _death(self, process: MediaProcess) -> JobError:
        """Why the media process is gone."""
        exited = process.exited.result(timeout=30)
        detail = f"exit status {exited.status}, peak {exited.peak_rss // 1024} MiB"
        return Crashed(detail, outside=exited.status == -signal.SIGKILL)

    # --- what it says ------------------------------------------------------------------------

    def _handle(self, message: object, size: int, process: MediaProcess) -> None:
        if size and not isinstance(message, PieceHeader):
            raise Crashed("it sent bytes that belong to nothing")
        if isinstance(message, Progress):
            self._progress(message)
            return
        if isinstance(message, Facts):
            self._publishing.settle(message)
        elif isinstance(message, PieceHeader):
            self._piece(message, size, process)
        elif isinstance(message, CutEnd):
            self._publishing.end_cut(message)
            self._watch.published(time.monotonic())
        elif isinstance(message, Failed):
            kind = ReelraceError.known.get(message.code, JobError)
            raise (kind if issubclass(kind, JobError) else JobError)(message.detail)
        self._watch.moved(time.monotonic())

    def _piece(self, header: PieceHeader, size: int, process: MediaProcess) -> None:
        def read(buffer: memoryview) -> int:
            # What came before is written by now: the time until here was not the process's.
            self._watch.moved(time.monotonic())
            return process.link.read_into(buffer)

        self._publishing.piece(header, size, read, self._watch.there)

    # --- progress ----------------------------------------------------------------------------

    def _progress(self, message: Progress) -> None:
        checks.progress(message)
        at = time.monotonic()
        self._watch.said(message, at)
        self._last_progress = message
        facts = self._publishing.facts
        ticks = min(message.outputs.values(), default=message.ticks)
        self._pace.note(at, ticks / (facts.timescale if facts else 1))
        if at - self._noted_at >= _NOTE_EVERY:
            self._noted_at = at
            self._write_progress()

    def _write_progress(self) -> None:
        """What was said last, into the job's row; nobody waits for it."""
        last, facts = self._last_progress, self._publishing.facts
        if last is None:
            return
        timescale = facts.timescale if facts else 1
        progress = {
            "position": last.position,
            "waiting": last.waiting,
            "seconds": min(last.outputs.values(), default=last.ticks) / timescale,
            "outputs": {name: ticks / timescale for name, ticks in last.outputs.items()},
            "pace": self._pace.per_second(),
            "duration": facts.duration if facts else None,
            "at": now(),
        }
        text = msgspec.json.encode(progress).decode()
        job, epoch = self._taken.job, self._taken.epoch

        def note(tx: Transaction) -> None:
            job_rows.check_epoch(tx, job.id, epoch)
            job_rows.note(tx, job.id, {"progress": text})
            event_rows.changed(tx, job.video_id, job.owner)

        self._database.submit(note)
