"""Changes when: what the server does with what a media process says does.

One attempt at a job, on a thread of its own: names, checks, writes and publishes what the media
process makes. Nothing it says is trusted; every write is fenced by the job's epoch.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from server.errors import Crashed, Hung, JobError
from server.jobs import checks
from server.jobs.feed import Feed
from server.jobs.processes import MediaProcess, MediaProcesses
from server.jobs.progress import Pace
from server.outputs.port import SoundAnchor
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
    Resume,
    Start,
    decode_fraction,
    encode_fraction,
)
from server.settings import Patience
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.errors import ReelraceError
from storage.model import Cut, Edition, Output, Piece, now
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

_TICK = 1.0
"""Seconds between two looks at the clock."""
_NOTE_EVERY = 0.5
"""Seconds between two writes of a job's progress."""


class Stopped(Exception):
    """The attempt was told to stop; the reason is its argument."""


class EditionChanged(Exception):
    """What the media process makes does not fit to what is published: a new edition is due."""


class Ended(NamedTuple):
    """All cuts are published."""

    early: str | None
    notices: list[Notice]


@dataclass
class _OpenCut:
    """A cut whose pieces are coming in."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    descriptors: list[int] = field(default_factory=list)
    anchors: dict[str, SoundAnchor] = field(default_factory=dict)
    end: CutEnd | None = None


class Attempt:
    """One attempt. `run` blocks until it is over."""

    def __init__(
        self,
        *,
        database: Database,
        editions: Editions,
        processes: MediaProcesses,
        patience: Patience,
        crowded: Callable[[], bool],
        feed: Feed,
        job_id: str,
        epoch: int,
        video_id: str,
        edition: Edition,
        outputs: list[Output],
        start: Start,
        open_source: Callable[[], int],
    ) -> None:
        self._database = database
        self._editions = editions
        self._processes = processes
        self._patience = patience
        self._crowded = crowded
        self._feed = feed
        self._job_id = job_id
        self._epoch = epoch
        self._video_id = video_id
        self._edition = edition
        self._outputs = outputs
        self._start = start
        self._open_source = open_source
        self._facts: Facts | None = None
        self._cuts: dict[int, _OpenCut] = {}
        self._next = edition.cuts
        self._complete = start.length is not None
        self._pace = Pace()
        self._fed_at = self._moved_at = time.monotonic()
        self._last_progress: Progress | None = None
        self._noted_at = 0.0
        self.published = 0
        """Cuts that this attempt has published."""

    def run(self) -> Ended:
        """Raises `Stopped`, `EditionChanged`, or one of `server.errors`' job errors."""
        source = self._open_source()
        try:
            process = self._processes.start(self._start, source)
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
            self._drop_open_cuts()

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
                    if message.cuts != self._next:
                        raise Crashed("it ended before its last cut")
                    self._write_progress()
                    return Ended(message.early, message.notices)
                self._handle(message, size, process)
            self._look_up(process)

    def _look_up(self, process: MediaProcess) -> None:
        """What is due whether or not the media process says anything."""
        self._pass_on(process)
        self._check_clock()

    def _pass_on(self, process: MediaProcess) -> None:
        news = self._feed.take()
        if news.stop:
            raise Stopped(news.stop)
        try:
            for start, end in news.arrived:
                process.link.send(Available(start, end))
            if news.length is not None:
                process.link.send(End(news.length))
                self._complete = True
        except BlockingIOError as error:
            raise Hung("it does not listen") from error
        except OSError as error:
            raise EOFError from error
        if news.arrived or news.length is not None:
            self._fed_at = time.monotonic()

    def _check_clock(self) -> None:
        at = time.monotonic()
        hung, park, park_crowded = self._patience
        starving = self._last_progress is not None and self._last_progress.waiting
        if starving and not self._complete:
            self._moved_at = at
            if at - self._fed_at > (park_crowded if self._crowded() else park):
                raise Stopped("parked")
        if at - self._moved_at > hung:
            raise Hung(f"nothing happened for {hung:.0f} s")

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
        self._moved_at = time.monotonic()
        if isinstance(message, Facts):
            self._settle(message)
        elif isinstance(message, PieceHeader):
            self._piece(message, size, process)
        elif isinstance(message, CutEnd):
            checks.cut_end(message, self._next)
            self._open(message.cut).end = message
            self._publish_what_is_whole()
        elif isinstance(message, Failed):
            kind = ReelraceError.known.get(message.code, JobError)
            raise (kind if issubclass(kind, JobError) else JobError)(message.detail[:500])

    def _settle(self, facts: Facts) -> None:
        checks.facts(facts)
        if self._facts is not None:
            raise Crashed("it settled twice")
        if self._outputs:
            made = {o.name: (i, o.codec) for o, i in zip(facts.outputs, facts.inits, strict=True)}
            frozen = {
                o.name: (o.init, msgspec.json.decode(o.facts)["codec"]) for o in self._outputs
            }
            if made != frozen:
                raise EditionChanged
        self._facts = facts

    def _piece(self, header: PieceHeader, size: int, process: MediaProcess) -> None:
        names = {o.name: o for o in self._facts.outputs} if self._facts else {}
        checks.piece(header, size, names, self._next)
        cut = self._open(header.cut)
        if header.output in cut.pieces:
            raise Crashed("it sent a piece twice")
        name = f"{header.output}.{header.cut:06d}.{self._epoch}.m4s"
        cut.descriptors.append(
            self._editions.receive(self._edition.id, name, size, process.link.read_into)
        )
        cut.pieces[header.output] = Piece(
            number=header.cut,
            output=header.output,
            name=name,
            size=size,
            duration=header.duration,
            frames=header.frames,
            keyframes=header.keyframes,
        )
        if header.resume is not None:
            cut.anchors[header.output] = header.resume
        self._publish_what_is_whole()

    # --- publishing --------------------------------------------------------------------------

    def _open(self, number: int) -> _OpenCut:
        return self._cuts.setdefault(number, _OpenCut())

    def _publish_what_is_whole(self) -> None:
        assert self._facts is not None
        while (cut := self._cuts.get(self._next)) and cut.end:
            if len(cut.pieces) < len(self._facts.outputs):
                return
            descriptors, cut.descriptors = cut.descriptors, []
            self._editions.seal(self._edition.id, descriptors)
            self._record(cut, cut.end)
            del self._cuts[self._next]
            self._next += 1
            self.published += 1

    def _record(self, cut: _OpenCut, end: CutEnd) -> None:
        """One fenced transaction: what was settled (the first time), the cut and its pieces."""
        facts = self._facts
        assert facts is not None
        resume = Resume(end.cut + 1, end.end, facts.timescale, end.entry, cut.anchors)
        row = Cut(end.cut, self._epoch, end.start, end.end - end.start, _json(resume))
        pieces = list(cut.pieces.values())

        def publish(tx: Transaction) -> None:
            job_rows.check_epoch(tx, self._job_id, self._epoch)
            if not self._outputs:
                edition_rows.freeze(tx, self._edition.id, *_frozen(facts))
                video_rows.show(tx, self._video_id, self._edition.id)
            edition_rows.publish(tx, self._edition.id, row, pieces)
            job_rows.note(tx, self._job_id, {"misses": 0})

        self._database.submit(publish).result()
        if not self._outputs:
            self._outputs = _frozen(facts)[1]

    def _drop_open_cuts(self) -> None:
        for cut in self._cuts.values():
            for descriptor in cut.descriptors:
                os.close(descriptor)
        self._cuts.clear()

    # --- progress ----------------------------------------------------------------------------

    def _progress(self, message: Progress) -> None:
        checks.progress(message)
        at = time.monotonic()
        last = self._last_progress
        if last is None or (message.position, message.ticks, message.outputs) != (
            last.position,
            last.ticks,
            last.outputs,
        ):
            self._moved_at = at
        self._last_progress = message
        timescale = self._facts.timescale if self._facts else 1
        ticks = min(message.outputs.values(), default=message.ticks)
        self._pace.note(at, ticks / timescale)
        if at - self._noted_at >= _NOTE_EVERY:
            self._noted_at = at
            self._write_progress()

    def _write_progress(self) -> None:
        """What was said last, into the job's row; nobody waits for it."""
        last = self._last_progress
        if last is None:
            return
        timescale = self._facts.timescale if self._facts else 1
        progress = {
            "position": last.position,
            "waiting": last.waiting,
            "seconds": min(last.outputs.values(), default=last.ticks) / timescale,
            "outputs": {name: ticks / timescale for name, ticks in last.outputs.items()},
            "pace": self._pace.per_second(),
            "duration": self._facts.duration if self._facts else None,
            "at": now(),
        }

        def note(tx: Transaction) -> None:
            job_rows.check_epoch(tx, self._job_id, self._epoch)
            job_rows.note(tx, self._job_id, {"progress": _json(progress)})

        self._database.submit(note)


def _frozen(facts: Facts) -> tuple[str, list[Output]]:
    rest = msgspec.structs.replace(facts, outputs=[], inits=[])
    outputs = [
        Output(
            name=output.name,
            position=position,
            facts=_json(output),
            init=init,
            peak=output.peak,
            average=output.average,
        )
        for position, (output, init) in enumerate(zip(facts.outputs, facts.inits, strict=True))
    ]
    return _json(rest), outputs


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=encode_fraction).decode()


def resume_of(cut: Cut) -> Resume:
    """How to go on after a published cut."""
    return msgspec.json.decode(cut.resume, type=Resume, dec_hook=decode_fraction)
