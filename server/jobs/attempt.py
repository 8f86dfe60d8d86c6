"""Changes when: what the server does with what a media process says does.

One attempt at a job, on a thread of its own: listens to the media process, hands what it makes to
`publishing`, tells it what arrives, and ends it when `watch` says so. Nothing it says is trusted.
"""

from __future__ import annotations

import io
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from server.job_errors import Crashed, Hung, JobError, PoseUnavailable
from server.jobs import checks
from server.jobs.feed import Feed
from server.jobs.posing import Posing
from server.jobs.processes import MediaProcesses, PoseProcesses, Process
from server.jobs.progress import Pace
from server.jobs.publishing import Publishing
from server.jobs.taking import Taken
from server.jobs.watch import Stopped, Watch
from server.pipeline.messages import (
    Available,
    CutEnd,
    Done,
    Down,
    End,
    Facts,
    Failed,
    Notice,
    PieceHeader,
    Posed,
    Progress,
)
from server.settings import Allowance, Patience
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import now
from storage.records import events as event_rows
from storage.records import jobs as job_rows

_TICK = 1.0
"""Seconds between two looks at the clock."""
_NOTE_EVERY = 0.5
"""Seconds between two writes of a job's progress."""
_SAID = 2
"""Messages that may wait."""


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
        pose_processes: PoseProcesses,
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
        self._posing: Posing | None = None
        if "pose" in start.settings.outputs:
            self._posing = Posing(
                pose_processes, start.settings, taken.edition.cuts, taken.poses, patience.pose
            )
        self._said: deque[tuple[object, int]] = deque()
        """The end of a cut that waits for its poses, and what was said behind it."""
        self._watch = Watch(
            patience, start.ranges, complete=start.length is not None, at=time.monotonic()
        )
        self._pace = Pace()
        self._last_progress: Progress | None = None
        self._noted_at = 0.0

    def run(self) -> Ended:
        """Raises `Stopped`, `EditionChanged`, or one of `server.job_errors`' job errors."""
        try:
            process = self._start()
            process.link.on_silence = lambda: self._look_up(process)
            try:
                return self._follow(process)
            except EOFError:
                raise self._death(process) from None
            finally:
                process.kill()
                process.close()
                self._publishing.drop()
        finally:
            if self._posing is not None:
                self._posing.close()

    def _start(self) -> Process:
        descriptors = [self._open_source()]
        try:
            if self._posing is not None:
                descriptors.append(self._posing.begin())
                only = self._taken.start.settings.outputs == ("pose",)
                if only and self._posing.unavailable is not None:
                    raise PoseUnavailable(self._posing.unavailable)
            return self._processes.start(self._taken.start, *descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    # --- the loop ----------------------------------------------------------------------------

    def _follow(self, process: Process) -> Ended:
        while True:
            readable = self._readable(process)
            if self._posing is not None and self._posing.descriptor in readable:
                self._posing.listen()
                self._watch.moved(time.monotonic())
            if process.link.descriptor in readable:
                try:
                    received = process.link.receive()
                except ValueError as error:
                    raise Crashed(f"it sent nonsense: {error}") from error
                if received is None:
                    raise EOFError
                self._said.append(received)
            ended = self._hear(process)
            if ended is not None:
                return ended
            self._look_up(process)

    def _readable(self, process: Process) -> set[int]:
        """Who has something to say; the media process only if that need not wait."""
        ready = select.poll()
        ready.register(self._feed.descriptor, select.POLLIN)
        if len(self._said) < _SAID:
            ready.register(process.link.descriptor, select.POLLIN)
        if self._posing is not None and self._posing.descriptor is not None:
            ready.register(self._posing.descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in ready.poll(_TICK * 1000)}

    def _hear(self, process: Process) -> Ended | None:
        """Takes what was said, in order, but for the end of a cut that waits for its poses.

        What is said behind that waits as well, unless it is more pictures to look at.
        """
        while self._said:
            message, size = self._said[0]
            if isinstance(message, CutEnd) and self._posing and self._posing.expects(message.cut):
                if len(self._said) == _SAID and isinstance(self._said[1][0], Posed | Progress):
                    message, size = self._said.pop()
                    self._handle(message, size, process)
                return None
            self._said.popleft()
            if isinstance(message, Done):
                checks.done(message, self._publishing.next)
                self._write_progress()
                return Ended(message.early, message.notices)
            self._handle(message, size, process)
        return None

    def _look_up(self, process: Process) -> None:
        """What is due whether or not the media process says anything."""
        self._pass_on(process)
        if self._posing is not None:
            self._posing.look_up()
        self._watch.look(time.monotonic(), crowded=self._crowded())

    def _pass_on(self, process: Process) -> None:
        news = self._feed.take()
        if news.stop:
            raise Stopped(news.stop)
        for start, end in news.arrived:
            self._tell(process, Available(start, end))
        if news.length is not None:
            self._tell(process, End(news.length))
        self._watch.fed(news.arrived, time.monotonic())
        if news.length is not None:
            self._watch.completed(time.monotonic())

    def _tell(self, process: Process, message: Down) -> None:
        try:
            process.link.send(message)
        except BlockingIOError as error:
            raise Hung("it does not listen") from error
        except OSError:
            return  # it has ended; what it said before is heard first

    def _death(self, process: Process) -> JobError:
        """Why the media process is gone."""
        exited = process.exited.result(timeout=30)
        detail = f"exit status {exited.status}, peak {exited.peak_rss // 1024} MiB"
        return Crashed(detail, outside=exited.status == -signal.SIGKILL)

    # --- what it says ------------------------------------------------------------------------

    def _handle(self, message: object, size: int, process: Process) -> None:
        if size and not isinstance(message, PieceHeader):
            raise Crashed("it sent bytes that belong to nothing")
        if isinstance(message, Progress):
            self._progress(message)
            return
        if isinstance(message, Facts):
            self._publishing.settle(message)
            self._settle_poses(message, process)
        elif isinstance(message, Posed):
            self._posed(message)
        elif isinstance(message, PieceHeader):
            self._piece(message, size, process)
        elif isinstance(message, CutEnd):
            self._end_cut(message)
            self._watch.published(time.monotonic())
        elif isinstance(message, Failed):
            raise checks.failure(message)
        self._watch.moved(time.monotonic())

    def _piece(self, header: PieceHeader, size: int, process: Process) -> None:
        if self._posing is not None and self._posing.makes(header.output):
            if size:
                raise Crashed("it sent poses of its own")
            self._posing.piece(header, self._publishing.next)
            return

        def read(buffer: memoryview) -> int:
            # What came before is written by now: the time until here was not the process's.
            self._watch.moved(time.monotonic())
            return process.link.read_into(buffer)

        self._publishing.piece(header, size, read, self._watch.there)

    def _end_cut(self, end: CutEnd) -> None:
        if self._posing is not None and self._posing.makes("pose"):
            found = self._posing.take(end)
            read = io.BytesIO(found.payload).readinto
            size, there = len(found.payload), self._watch.there
            self._publishing.piece(found.header, size, read, there, found.first, found.lost)
        self._publishing.end_cut(end)

    # --- poses -------------------------------------------------------------------------------

    def _settle_poses(self, facts: Facts, process: Process) -> None:
        if self._posing is not None:
            self._posing.settle(facts.outputs, lambda free: self._tell(process, free))
        elif any(output.kind == "pose" for output in facts.outputs):
            raise Crashed("it makes poses that nobody wants")

    def _posed(self, picture: Posed) -> None:
        if self._posing is None:
            raise Crashed("it sent a picture that nobody wants")
        self._posing.picture(picture, self._publishing.next)

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
        progress: dict[str, object] = {
            "position": last.position,
            "waiting": last.waiting,
            "seconds": min(last.outputs.values(), default=last.ticks) / timescale,
            "outputs": {name: ticks / timescale for name, ticks in last.outputs.items()},
            "pace": self._pace.per_second(),
            "duration": facts.duration if facts else None,
            "at": now(),
        }
        if self._posing is not None:
            progress["pose"] = {"frames": self._posing.frames, "seconds": self._posing.seconds}
        text = msgspec.json.encode(progress).decode()
        job, epoch = self._taken.job, self._taken.epoch

        def note(tx: Transaction) -> None:
            job_rows.check_epoch(tx, job.id, epoch)
            job_rows.note(tx, job.id, {"progress": text})
            event_rows.changed(tx, job.video_id, job.owner)

        self._database.submit(note)
