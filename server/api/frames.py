"""Changes when: how the frames of poses that are asked for are found and read does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from fractions import Fraction
from typing import IO, NamedTuple, Self

import msgspec

from server.errors import BadRequest, NotFound
from server.jobs.lifecycle import ENDED
from server.protocols.pose import Heading
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import poses as pose_rows
from storage.records import videos as video_rows
from storage.records.poses import PosePiece

_PIECES = 16
"""Pieces that are looked up at once."""
_BLOCK = 1 << 16
"""Bytes that are read at once."""
_ENDLESS = 1 << 53
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_heading: msgspec.json.Decoder[Heading] = msgspec.json.Decoder(Heading)


class Range(NamedTuple):
    """Frames that are asked for: by index and by seconds, both half open."""

    since: int = 0
    until: int = _ENDLESS
    start: Fraction = Fraction(0)
    end: Fraction = Fraction(_ENDLESS)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """What a query asks for. Raises `BadRequest`."""
        return cls(
            index(query, "from", 0),
            index(query, "to", _ENDLESS),
            _seconds(query, "start", 0),
            _seconds(query, "end", _ENDLESS),
        )

    def holds(self, line: bytes) -> bool:
        """Whether a line is asked for."""
        heading = _heading.decode(line)
        # What was read as a time can be asked for as one.
        at = Fraction(round(heading.time * 1_000_000), 1_000_000)
        return self.since <= heading.index < self.until and self.start <= at < self.end

    def after(self, piece: PosePiece) -> Self:
        """What is still asked for behind a piece."""
        return self._replace(since=max(self.since, piece.first + piece.frames))


class Look(NamedTuple):
    """What the rows said."""

    edition: str
    """Id of the edition that is shown; empty if it has no poses."""
    number: int
    """How many editions were shown before."""
    over: bool
    """Nobody works on the video: there will be no more."""
    frames: int
    pieces: list[PosePiece]


class Frames:
    """The frames of all videos."""

    def __init__(self, database: Database, editions: Editions) -> None:
        self._database = database
        self._editions = editions

    async def look(self, video_id: str, asked: Range, number: int | None = None) -> Look:
        """The first pieces that may have something of what is asked for of edition `number`.

        Of another edition everything is asked for. Raises `NotFound` without the video.
        """
        return await self._database.read(lambda tx: _looked(tx, video_id, asked, number))

    async def lines(
        self, look: Look, piece: PosePiece, asked: Range
    ) -> AsyncGenerator[list[bytes]]:
        """The lines of a piece that are asked for, some at a time."""
        path = self._editions.path(look.edition, piece.name)
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while lines := await asyncio.to_thread(_read, file, asked):
                yield lines
        finally:
            await asyncio.to_thread(file.close)


def index(query: Mapping[str, str], name: str, otherwise: int) -> int:
    """A frame's index in a query. Raises `BadRequest`."""
    text = query.get(name)
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadRequest(f"{name} must be a whole number")
    return int(text)


def index_of(line: bytes) -> int:
    """The index of a line's frame."""
    return _heading.decode(line).index


def _seconds(query: Mapping[str, str], name: str, otherwise: int) -> Fraction:
    text = query.get(name)
    if text is None:
        return Fraction(otherwise)
    if not _SECONDS.fullmatch(text):
        raise BadRequest(f"{name} must be decimal seconds")
    return Fraction(text)


def _looked(tx: Transaction, video_id: str, asked: Range, number: int | None) -> Look:
    video = video_rows.get(tx, video_id)
    if video is None:
        raise NotFound
    if number not in (None, video.replaced):
        asked = Range()
    jobs = job_rows.of_videos(tx, [video_id])
    over = bool(jobs) and jobs[-1].state in ENDED
    edition = edition_rows.get(tx, video.edition_id) if video.edition_id else None
    if (
        edition is None
        or edition.facts is None
        or all(output.name != "pose" for output in edition_rows.outputs(tx, edition.id))
    ):
        return Look("", video.replaced, over, 0, [])
    timescale = msgspec.json.decode(edition.facts)["timescale"]
    pieces = pose_rows.pieces(
        tx,
        edition.id,
        _PIECES,
        since=asked.since,
        until=asked.until,
        # A line's time is rounded.
        start=int(asked.start * timescale) - 1,
        end=int(min(asked.end * timescale, _ENDLESS)) + 1,
    )
    frames = pose_rows.published(tx, edition.id).frames
    return Look(edition.id, video.replaced, over, frames, pieces)


def _read(file: IO[bytes], asked: Range) -> list[bytes]:
    """The next lines that are asked for; none at the end."""
    while lines := file.readlines(_BLOCK):
        wanted = [line for line in lines if asked.holds(line)]
        if wanted:
            return wanted
    return []
