"""Changes when: how the poses in a video are handed out does.

Lines of NDJSON, as they lie in the pieces: all that are published now, or a range of them; or as
events, from the first one on while they are found.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from fractions import Fraction
from typing import IO, NamedTuple

import msgspec
from aiohttp import web

from server.api.sessions import authorize, principal
from server.errors import BadRequest, NotFound
from server.jobs.lifecycle import ENDED
from server.protocols import sse
from server.protocols.pose import Heading
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Video
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import poses as pose_rows
from storage.records import videos as video_rows
from storage.records.poses import PosePiece

_LOOK = 0.5
"""Seconds between two looks at the rows while frames are awaited."""
_HEARTBEAT = 15.0
_RETRY = 2000
"""Milliseconds."""
_PIECES = 16
"""Pieces that are looked up at once."""
_BLOCK = 1 << 18
"""Bytes that are read at once."""
_ENDLESS = 1 << 53
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_heading: msgspec.json.Decoder[Heading] = msgspec.json.Decoder(Heading)


class _Range(NamedTuple):
    """Frames that are asked for: by index and by seconds, both half open."""

    since: int = 0
    until: int = _ENDLESS
    start: Fraction = Fraction(0)
    end: Fraction = Fraction(_ENDLESS)

    def holds(self, line: bytes) -> bool:
        """Whether a line is asked for."""
        heading = _heading.decode(line)
        # What was read as a time can be asked for as one.
        at = Fraction(round(heading.time * 1_000_000), 1_000_000)
        return self.since <= heading.index < self.until and self.start <= at < self.end

    def after(self, piece: PosePiece) -> _Range:
        """What is still asked for behind a piece."""
        return self._replace(since=max(self.since, piece.first + piece.frames))


class _Look(NamedTuple):
    """What the rows said."""

    edition: str
    """Its id; empty if it has no poses."""
    over: bool
    """There will be no more."""
    frames: int
    pieces: list[PosePiece]


class Poses:
    """`/api/videos/{video}/pose.ndjson` and `/api/videos/{video}/pose/stream`."""

    def __init__(self, database: Database, editions: Editions) -> None:
        self._database = database
        self._editions = editions
        self._draining = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        one = "/api/videos/{video:[0-9a-f]{32}}"
        return [
            web.get(f"{one}/pose.ndjson", self.lines),
            web.get(f"{one}/pose/stream", self.stream),
        ]

    async def drain(self) -> None:
        """Ends all streams; clients go on where they were."""
        self._draining.set()

    async def lines(self, request: web.Request) -> web.StreamResponse:
        """What is published now: `from` and `to` are indexes, `start` and `end` seconds."""
        video = await self._video(request)
        asked = _range(request.query)
        look = await self._look(video.id, asked)
        if not look.edition:
            raise NotFound
        headers = {"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"}
        asked = asked._replace(until=min(asked.until, look.frames))
        async with _answering(request, headers) as answer:
            while request.method != "HEAD" and look.pieces:
                for piece in look.pieces:
                    async for lines in self._lines(look, piece, asked):
                        await answer.write(b"".join(lines))
                asked = asked.after(look.pieces[-1])
                look = await self._look(video.id, asked)
        return answer

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """An event a frame, after Last-Event-ID or from `from` on, until there are no more."""
        video = await self._video(request)
        last = sse.last_event_id(request.headers.get("Last-Event-ID"))
        asked = _Range(since=_index(request.query, "from", 0) if last is None else last + 1)
        look = await self._look(video.id, asked)
        if last is not None and look.over and not look.pieces:
            return web.Response(status=204)  # whoever comes again after the end stays away
        async with _answering(request, sse.HEADERS) as answer:
            if request.method != "HEAD":
                await self._follow(answer, video, asked, look)
        return answer

    async def _follow(
        self, answer: web.StreamResponse, video: Video, asked: _Range, look: _Look
    ) -> None:
        await answer.write(sse.retry(_RETRY))
        said = time.monotonic()
        while not self._draining.is_set():
            for piece in look.pieces:
                async for lines in self._lines(look, piece, asked):
                    await answer.write(_events(lines))
                asked = asked.after(piece)
                said = time.monotonic()
            if look.over and not look.pieces:
                end = msgspec.json.encode({"frames": look.frames})
                await answer.write(sse.event(end, kind="end"))
                break
            if time.monotonic() - said >= _HEARTBEAT:
                await answer.write(sse.HEARTBEAT)
                said = time.monotonic()
            if not look.pieces:
                await self._news()
            look = await self._look(video.id, asked)

    async def _news(self) -> None:
        """Waits until there may be more."""
        try:
            await asyncio.wait_for(self._draining.wait(), _LOOK)
        except TimeoutError:
            return

    async def _lines(
        self, look: _Look, piece: PosePiece, asked: _Range
    ) -> AsyncIterator[list[bytes]]:
        """The lines of a piece that are asked for, some at a time."""
        path = self._editions.path(look.edition, piece.name)
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while lines := await asyncio.to_thread(_read, file, asked):
                yield lines
        finally:
            await asyncio.to_thread(file.close)

    async def _look(self, video_id: str, asked: _Range) -> _Look:
        return await self._database.read(lambda tx: _looked(tx, video_id, asked))

    async def _video(self, request: web.Request) -> Video:
        video_id = request.match_info["video"]
        video = await self._database.read(lambda tx: video_rows.get(tx, video_id))
        return authorize(principal(request), "read", video)


@contextlib.asynccontextmanager
async def _answering(
    request: web.Request, headers: Mapping[str, str]
) -> AsyncIterator[web.StreamResponse]:
    """An answer that is written bit by bit; broken off if the video is deleted meanwhile."""
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    try:
        yield answer
    except (NotFound, OSError):
        if request.transport is not None:
            request.transport.abort()
    else:
        await answer.write_eof()


def _looked(tx: Transaction, video_id: str, asked: _Range) -> _Look:
    video = video_rows.get(tx, video_id)
    if video is None:
        raise NotFound
    jobs = job_rows.of_videos(tx, [video_id])
    edition = edition_rows.get(tx, video.edition_id) if video.edition_id else None
    if edition is None or edition.facts is None:
        return _Look("", bool(jobs) and jobs[-1].state in ENDED, 0, [])
    if all(output.name != "pose" for output in edition_rows.outputs(tx, edition.id)):
        return _Look("", True, 0, [])
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
    return _Look(edition.id, edition.ended, pose_rows.published(tx, edition.id).frames, pieces)


def _read(file: IO[bytes], asked: _Range) -> list[bytes]:
    """The next lines that are asked for; none at the end."""
    while lines := file.readlines(_BLOCK):
        wanted = [line for line in lines if asked.holds(line)]
        if wanted:
            return wanted
    return []


def _events(lines: list[bytes]) -> bytes:
    return b"".join(
        sse.event(line.rstrip(b"\n"), kind="frame", number=_heading.decode(line).index)
        for line in lines
    )


def _range(query: Mapping[str, str]) -> _Range:
    return _Range(
        _index(query, "from", 0),
        _index(query, "to", _ENDLESS),
        _seconds(query, "start", 0),
        _seconds(query, "end", _ENDLESS),
    )


def _index(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name)
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadRequest(f"{name} must be a whole number")
    return int(text)


def _seconds(query: Mapping[str, str], name: str, otherwise: int) -> Fraction:
    text = query.get(name)
    if text is None:
        return Fraction(otherwise)
    if not _SECONDS.fullmatch(text):
        raise BadRequest(f"{name} must be decimal seconds")
    return Fraction(text)
