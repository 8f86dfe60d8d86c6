"""Changes when: how pictures, and the poses found in them, pass through the server does.

Between the media process of an attempt and its pose process. Pictures lie in memory that both
have; here only words pass, and what is found becomes the pieces of the output `pose`. Neither
process is believed. Where nobody can look for poses, pictures are passed over and counted.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import msgspec

from server.job_errors import Crashed, PoseFailed
from server.jobs.poseless import Poses
from server.jobs.processes import PoseProcesses, Process
from server.outputs.port import SEEN, OutputFacts
from server.pipeline import pictures
from server.pipeline.messages import CutEnd, Free, PieceHeader, Posed
from server.pipeline.pose_messages import Look, PoseStart, Ready, Seen, Unable
from server.protocols import pose
from server.settings import MediaSettings

_STARTING = 60.0
"""Seconds that a pose process has until it has its model."""
_AHEAD = 6
"""Full cuts of which pictures may come before the first of them is published: an encoder looks
ahead, the last cut may be long, and there is one on either side of what sound lags behind."""
_LATEST = 10_000_000
"""Seconds after which no picture comes."""
_LAG = 20
"""Seconds besides: for so long a cut may wait for sound before silence takes its place."""


class Found(NamedTuple):
    """The piece of a cut."""

    header: PieceHeader
    payload: bytes
    first: int
    """The index of its first frame."""
    lost: int
    """Pictures that nobody looked at."""


@dataclass
class _Cut:
    """What came of one cut so far."""

    pictures: int = 0
    lost: int = 0
    expected: PieceHeader | None = None
    found: list[tuple[int, bytes]] = field(default_factory=list)
    """Ticks, and who was seen then."""


class Posing:
    """The poses of one attempt. Belongs to its thread."""

    def __init__(
        self,
        processes: PoseProcesses,
        settings: MediaSettings,
        first_cut: int,
        known: Poses,
        patience: float,
    ) -> None:
        """`known`: what came of the job's poses before.

        A pose process that has pictures is given up after `patience` seconds without a word.
        """
        self._patience = patience
        self._processes = processes
        self._settings = settings
        self._first_cut = first_cut
        self._known = known
        self._next = known.published.frames
        """The index of the next frame that is published."""
        self._most = (_LAG + _AHEAD * settings.cut_seconds) * settings.pose_rate + 100
        self._process: Process | None = None
        self._facts: OutputFacts | None = None
        self._tell: Callable[[Free], None] = lambda _: None
        self._ready = False
        self._sent: deque[Posed] = deque()
        """Pictures that are in the pose process."""
        self._cuts: dict[int, _Cut] = {}
        self._tick = -1
        self._tick_seen = 0
        self._at = -1
        """Milliseconds of the latest picture, as the pose process was told."""
        self._heard_at = time.monotonic()
        self._death = ""
        """What the pose process died of."""
        self.frames = known.published.frames
        """Those that were found so far, published or not."""
        self.unavailable: str | None = None
        """Why nobody can look for poses."""

    @property
    def descriptor(self) -> int | None:
        """Readable when `listen` has something to do."""
        return self._process.link.descriptor if self._process else None

    def begin(self) -> int:
        """Starts the pose process; the descriptor of what it shares with the media process."""
        self.unavailable = self._processes.fault
        shared = pictures.create()
        if self.unavailable is None:
            try:
                self._process = self._start(shared)
            except BaseException as error:
                os.close(shared)
                if isinstance(error, OSError):
                    raise PoseFailed(f"no process: {error}", self._first_cut) from error
                raise
            self._process.link.on_silence = self._in_mid_message
        return shared

    def _start(self, shared: int) -> Process:
        settings = self._settings
        start = PoseStart(
            model=settings.pose_model, people=settings.pose_people, memory=settings.memory
        )
        seen = pictures.read_only(shared)
        try:
            return self._processes.start(start, seen)
        finally:
            os.close(seen)

    def settle(self, outputs: Collection[OutputFacts], tell: Callable[[Free], None]) -> None:
        """What the media process makes; `tell` it that a slot is free."""
        self._facts = next((output for output in outputs if output.kind == "pose"), None)
        self._tell = tell

    def makes(self, output: str) -> bool:
        """Whether the pieces of an output are made here."""
        return self._facts is not None and self._facts.name == output

    @property
    def seconds(self) -> float:
        """Seconds up to which pictures were looked at."""
        return self._tick_seen / self._facts.timescale if self._facts else 0.0

    def close(self) -> None:
        """Ends the pose process."""
        if self._process is not None:
            self._process.kill()
            self._process.close()
            self._process = None

    # --- the media process says --------------------------------------------------------------

    def picture(self, said: Posed, next_cut: int) -> None:
        """A picture lies in a slot; cut `next_cut` is published next."""
        facts = self._facts
        _demand(facts is not None and (said.width, said.height) == (facts.width, facts.height))
        _demand(said.width > 0 and said.height > 0 and 3 * said.width * said.height <= SEEN)
        _demand(0 <= said.slot < pictures.SLOTS)
        _demand(said.slot not in [sent.slot for sent in self._sent])
        _demand(facts is not None and self._tick < said.tick <= _LATEST * facts.timescale)
        _demand(said.cut == self._first_cut and not self._cuts if said.warm else True)
        _demand(next_cut <= said.cut and said.cut >= max(self._cuts, default=0))
        _demand(sum(cut.pictures for cut in self._cuts.values()) < self._most)
        self._tick = said.tick
        cut = self._cuts.setdefault(said.cut, _Cut()) if not said.warm else _Cut()
        _demand(cut.expected is None)
        cut.pictures += 1
        if self.unavailable is not None or self._passed_over(said):
            cut.lost += 1
            self._tell(Free(said.slot))
            return
        if self._process is None:
            raise PoseFailed(self._death, said.cut)
        if not self._sent:
            self._heard_at = time.monotonic()
        assert facts is not None
        self._at = max(self._at + 1, round(Fraction(1000 * said.tick, facts.timescale)))
        self._sent.append(said)
        try:
            self._process.link.send(Look(said.slot, said.width, said.height, self._at))
        except BlockingIOError as error:
            raise self._failed("it does not listen") from error
        except OSError:
            return  # it has died, which is heard next

    def _passed_over(self, said: Posed) -> bool:
        """What broke down once more may do so again while it only prepares."""
        known = self._known
        return known.broken(said.cut) or (said.warm and known.published.lost)

    def piece(self, header: PieceHeader, next_cut: int) -> None:
        """All pictures of the cut that is published next have come."""
        _demand(header.cut == next_cut)
        cut = self._cuts.setdefault(header.cut, _Cut())
        _demand(cut.expected is None and header.frames == cut.pictures)
        cut.expected = header

    def expects(self, number: int) -> bool:
        """Whether the piece of a cut was announced, and is not complete."""
        cut = self._cuts.get(number)
        return cut is not None and len(cut.found) + cut.lost < cut.pictures

    def take(self, end: CutEnd) -> Found:
        """The complete piece of a cut."""
        cut = self._cuts.pop(end.cut, _Cut())
        facts, header = self._facts, cut.expected
        if facts is None or header is None:
            raise Crashed("it ended a cut without its poses")
        lines = []
        first, self._next = self._next, self._next + len(cut.found)
        for index, (tick, who) in enumerate(cut.found, first):
            _demand(end.start <= tick < end.end)
            values = pose.people(who, self._settings.pose_people)
            assert values is not None
            lines.append(pose.line(index, Fraction(tick, facts.timescale), values))
        header = msgspec.structs.replace(header, frames=len(lines))
        return Found(header, b"".join(lines), first, cut.lost)

    # --- the pose process says ---------------------------------------------------------------

    def listen(self) -> None:
        """Takes one message of the pose process."""
        assert self._process is not None
        try:
            received = self._process.link.receive()
        except ValueError as error:
            raise self._failed(f"it sent nonsense: {error}") from error
        if received is None:
            self._died(self._process)
            return
        message, size = received
        self._heard_at = time.monotonic()
        if size:
            raise self._failed("it sent bytes that belong to nothing")
        if isinstance(message, Seen):
            self._seen(message)
        elif isinstance(message, Ready):
            self._ready = True
        elif isinstance(message, Unable):
            self._give_up(message.detail)

    def look_up(self) -> None:
        """Raises `PoseFailed` if the pose process has been silent for too long."""
        patience = self._patience if self._ready else _STARTING
        silent = time.monotonic() - self._heard_at > patience
        if self._sent and silent and not self._has_spoken():
            raise self._failed(f"it said nothing for {patience:.0f} s")

    def _has_spoken(self) -> bool:
        """Whether it is only that nobody has listened for so long."""
        ready = select.poll()
        if self._process is not None:
            ready.register(self._process.link.descriptor, select.POLLIN)
        return bool(ready.poll(0))

    def _seen(self, message: Seen) -> None:
        if not self._sent or self._sent[0].slot != message.slot:
            raise self._failed("it saw what it was not shown")
        if pose.people(message.people, self._settings.pose_people) is None:
            raise self._failed("what it saw makes no sense")
        sent = self._sent.popleft()
        if not sent.warm:
            self._cuts[sent.cut].found.append((sent.tick, message.people))
            self.frames += 1
            self._tick_seen = sent.tick
        self._tell(Free(sent.slot))

    def _died(self, process: Process) -> None:
        exited = process.exited.result(timeout=30)
        if exited.fault and exited.status == 0:
            self._give_up(exited.fault)
            return
        detail = f"exit status {exited.status}, peak {exited.peak_rss // 1024} MiB"
        self._death = exited.fault or detail
        if self._sent:
            raise self._failed(self._death)
        self.close()  # nobody misses it, as long as there are no pictures for it

    def _in_mid_message(self) -> None:
        if time.monotonic() - self._heard_at > self._patience:
            raise self._failed("it broke off")

    def _failed(self, why: str) -> PoseFailed:
        """Its fault counts for the cut whose picture it had before it."""
        cut = self._sent[0].cut if self._sent else max(self._cuts, default=self._first_cut)
        return PoseFailed(why, cut)

    def _give_up(self, why: str) -> None:
        """Nobody can look for poses here: the pictures are passed over."""
        self.unavailable = why
        self.close()
        while self._sent:
            sent = self._sent.popleft()
            if not sent.warm:
                self._cuts[sent.cut].lost += 1
            self._tell(Free(sent.slot))


def _demand(holds: bool) -> None:
    if not holds:
        raise Crashed("what it said of its pictures makes no sense")
