"""Changes when: how what a media process makes becomes files and rows does.

Names, checks, writes and publishes the pieces of one attempt. Every write is fenced by the job's
epoch, and no more is made of a source than is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import msgspec

from server.job_errors import Crashed, Limits
from server.jobs import checks
from server.jobs.taking import Taken
from server.outputs.port import SUFFIXES, OutputFacts, SoundAnchor
from server.pipeline.cutter import Grid
from server.pipeline.messages import CutEnd, Facts, PieceHeader, Resume, encode_fraction
from server.settings import Allowance
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Cut, Output, Piece
from storage.records import editions as edition_rows
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

_GOOD = 500
"""A thumbnail with this score is good enough as a poster: no later one takes its place."""
_RANKS = 4
"""Steps up to there; a black picture is on none."""


class EditionChanged(Exception):
    """What the media process makes does not fit to what is published: a new edition is due."""


@dataclass
class _OpenCut:
    """The cut whose pieces are coming in."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    descriptors: list[int] = field(default_factory=list)
    anchors: dict[str, SoundAnchor] = field(default_factory=dict)


class Publishing:
    """What one attempt at a job makes. Everything here blocks."""

    def __init__(
        self,
        database: Database,
        editions: Editions,
        allowance: Allowance,
        taken: Taken,
        made: int,
    ) -> None:
        """`made`: bytes that were made of the source before."""
        self._database = database
        self._editions = editions
        self._allowance = allowance
        self._taken = taken
        self._made = made
        self._outputs = taken.outputs
        self._grid: Grid | None = None
        self._open = _OpenCut()
        resume = taken.start.resume
        self._tick = resume.tick if resume else 0
        """Where the next cut begins."""
        self.facts: Facts | None = None
        self.next = taken.edition.cuts
        """The cut that is published next."""

    def settle(self, facts: Facts) -> None:
        """What will be made. Raises `EditionChanged` if something else was made before."""
        checks.facts(facts)
        if self.facts is not None:
            raise Crashed("it settled twice")
        if self._outputs:
            resume = self._taken.start.resume
            made = {
                output.name: (init, output.codec, output.timescale)
                for output, init in zip(facts.outputs, facts.inits, strict=True)
            }
            if made != dict(map(_identity, self._outputs)) or (
                resume is not None and resume.timescale != facts.timescale
            ):
                raise EditionChanged
        settings = self._taken.start.settings
        self._grid = Grid(
            facts.timescale, Fraction(settings.cut_seconds), Fraction(settings.keyframe_seconds)
        )
        self.facts = facts

    def piece(
        self,
        header: PieceHeader,
        size: int,
        read: Callable[[memoryview], int],
        there: int,
        first: int = 0,
        lost: int = 0,
    ) -> None:
        """Writes a piece of `size` bytes, taken from `read`; `there` bytes of the source are.

        Raises `Limits` if that is more than may be made of them.
        """
        outputs = {output.name: output for output in self.facts.outputs} if self.facts else {}
        checks.piece(header, size, outputs, self.next)
        cut = self._open
        if header.output in cut.pieces:
            raise Crashed("it sent a piece twice")
        self._made += size
        most = self._allowance.base + self._allowance.factor * there
        if self._made > most:
            raise Limits(f"more than {most} bytes would be made of it")
        suffix = SUFFIXES[outputs[header.output].kind]
        name = f"{header.output}.{header.cut:06d}.{self._taken.epoch}.{suffix}"
        cut.descriptors.append(self._editions.receive(self._taken.edition.id, name, size, read))
        cut.pieces[header.output] = Piece(
            number=header.cut,
            output=header.output,
            name=name,
            size=size,
            duration=header.duration,
            frames=header.frames,
            keyframes=header.keyframes,
            score=header.score,
            first=first,
            lost=lost,
        )
        if header.resume is not None:
            cut.anchors[header.output] = header.resume

    def end_cut(self, end: CutEnd) -> None:
        """Publishes the cut whose pieces were sent. Raises `Limits` if it begins too late."""
        facts, grid, cut = self.facts, self._grid, self._open
        if facts is None or grid is None:
            raise Crashed("it ended a cut before it settled")
        checks.cut_end(end, self.next, self._tick, grid)
        checks.whole(end, list(cut.pieces.values()), facts)
        if end.start > self._allowance.seconds * facts.timescale:
            raise Limits(f"it lasts longer than {self._allowance.seconds:.0f} s")
        descriptors, cut.descriptors = cut.descriptors, []
        self._editions.seal(self._taken.edition.id, descriptors)
        self._record(cut, end, facts)
        self._open = _OpenCut()
        self._tick = end.end
        self.next += 1

    def drop(self) -> None:
        """Lets go of what is not published."""
        for descriptor in self._open.descriptors:
            os.close(descriptor)
        self._open = _OpenCut()

    def _record(self, cut: _OpenCut, end: CutEnd, facts: Facts) -> None:
        """One fenced transaction: what was settled (the first time), the cut and its pieces."""
        job, epoch, edition_id = self._taken.job, self._taken.epoch, self._taken.edition.id
        resume = Resume(end.cut + 1, end.end, facts.timescale, end.entry, cut.anchors)
        row = Cut(end.cut, epoch, end.start, end.end - end.start, _json(resume))
        pieces = list(cut.pieces.values())
        kinds = {output.name: output.kind for output in facts.outputs}
        thumbnails = [piece for piece in pieces if kinds[piece.output] == "thumbnails"]
        start, until = (round(tick / facts.timescale, 6) for tick in (end.start, end.end))

        def publish(tx: Transaction) -> None:
            job_rows.check_epoch(tx, job.id, epoch)
            if not self._outputs:
                edition_rows.freeze(tx, edition_id, *_frozen(facts))
                video_rows.show(tx, self._taken.video.id, edition_id)
            edition_rows.publish(tx, edition_id, row, pieces)
            for piece in thumbnails:
                edition_rows.show_poster(tx, edition_id, piece.name, _rank(piece.score))
            job_rows.note(tx, job.id, {"misses": 0})
            told = {"cut": end.cut, "start": start, "end": until}
            event_rows.add(tx, job.video_id, "cut", told)

        self._database.submit(publish).result()
        if not self._outputs:
            self._outputs = _frozen(facts)[1]


def _rank(score: int) -> int:
    """Of a thumbnail as a poster: few steps, so that a poster changes a few times at most."""
    return min(score, _GOOD) * _RANKS // _GOOD


def _identity(output: Output) -> tuple[str, tuple[bytes, str, int]]:
    """An output's name, and what pieces must have in common to follow each other."""
    facts = msgspec.json.decode(output.facts, type=OutputFacts)
    return output.name, (output.init, facts.codec, facts.timescale)


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
