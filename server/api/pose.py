"""Changes when: how the poses in a video are handed out does.

Lines of NDJSON, as they lie in the pieces: all that are published now, or a range of them; or as
events, from the first one on while they are found.
"""

from __future__ import annotations

from contextlib import aclosing

import msgspec
from aiohttp import web

from server.api.frames import Frames, Look, Range, index, index_of
from server.api.headers import accepts_gzip
from server.api.pen import PATIENCE, Pen
from server.api.sessions import authorize, principal
from server.api.streams import Streams, open_stream
from server.errors import NotFound
from server.events.bell import Bell
from server.events.bus import Bus
from server.protocols import sse
from server.protocols.pose import Mark, mark
from storage.database import Database
from storage.editions import Editions
from storage.model import Video
from storage.records import videos as video_rows
from storage.records.poses import PosePiece

_HEARTBEAT = 10.0
"""Seconds without a frame after which a sign of life is sent: it finds out who is gone."""
_NO_STORE = {"Cache-Control": "no-store"}


class Poses:
    """`/api/videos/{video}/pose.ndjson` and `/api/videos/{video}/pose/stream`."""

    def __init__(
        self,
        database: Database,
        editions: Editions,
        bus: Bus,
        streams: Streams,
        patience: float = PATIENCE,
    ) -> None:
        """`patience` is how many seconds somebody may take for a part of an answer."""
        self._database = database
        self._frames = Frames(database, editions)
        self._bus = bus
        self._streams = streams
        self._patience = patience

    def routes(self) -> list[web.RouteDef]:
        one = "/api/videos/{video:[0-9a-f]{32}}"
        return [
            web.get(f"{one}/pose.ndjson", self.lines),
            web.get(f"{one}/pose/stream", self.stream),
        ]

    async def lines(self, request: web.Request) -> web.StreamResponse:
        """What is published now: `from` and `to` are indexes, `start` and `end` seconds."""
        video = await self._video(request)
        asked = Range.of(request.query)
        look = await self._frames.look(video.id, asked)
        if not look.edition:
            raise NotFound
        headers = {"Content-Type": "application/x-ndjson", "Vary": "Accept-Encoding"}
        answer = web.StreamResponse(headers=headers | _NO_STORE)
        if accepts_gzip(request):
            answer.enable_compression(web.ContentCoding.gzip)
        await answer.prepare(request)
        pen = Pen(request, answer, self._patience)
        if request.method != "HEAD":
            with pen.breaking_off():
                await self._write(pen, video.id, asked, look)
        return answer

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """An event a frame, behind Last-Event-ID or from `from` on, until there are no more."""
        video = await self._video(request)
        since = index(request.query, "from", 0)
        last = mark(request.headers.get("Last-Event-ID"))
        if request.method == "HEAD":
            return web.Response(headers=sse.HEADERS)
        bell = Bell()
        # It rings before the rows are read, so that nothing falls between the two.
        with self._streams.place(video.owner, bell), self._bus.hung(video.id, bell):
            asked = Range(since if last is None else last.frame + 1)
            look = await self._frames.look(video.id, asked, last and last.edition)
            told = last or Mark(look.number, since - 1)
            if last and look.over and not look.pieces and look.number == last.edition:
                # Whoever comes again after the end stays away.
                return web.Response(status=204, headers=_NO_STORE)
            answer = web.StreamResponse(headers=sse.HEADERS)
            bell.transport = await open_stream(request, answer)
            if bell.transport is not None:
                pen = Pen(request, answer, self._patience)
                with pen.breaking_off():
                    await _Telling(self._frames, pen, bell, video.id, told).run(look)
        return answer

    async def _write(self, pen: Pen, video_id: str, asked: Range, look: Look) -> None:
        """Raises `NotFound` if the video shows another edition before all is written."""
        edition = look.edition
        asked = asked._replace(until=min(asked.until, look.frames))
        while look.pieces:
            for piece in look.pieces:
                async with aclosing(self._frames.lines(look, piece, asked)) as reading:
                    async for lines in reading:
                        await pen.write(b"".join(lines))
                asked = asked.after(piece)
            if asked.since >= asked.until:
                return
            look = await self._frames.look(video_id, asked)
            if look.edition != edition:
                raise NotFound

    async def _video(self, request: web.Request) -> Video:
        video_id = request.match_info["video"]
        video = await self._database.read(lambda tx: video_rows.get(tx, video_id))
        return authorize(principal(request), "read", video)


class _Telling:
    """One stream of frames."""

    def __init__(self, frames: Frames, pen: Pen, bell: Bell, video_id: str, told: Mark) -> None:
        """`told` is what whoever reads has got."""
        self._frames = frames
        self._pen = pen
        self._bell = bell
        self._video_id = video_id
        self._told = told

    async def run(self, look: Look) -> None:
        """From what was found first until there will be no more, or the stream is to end."""
        while not self._bell.over:
            if look.number != self._told.edition:
                self._told = Mark(look.number, -1)
                await self._pen.write(sse.event(b"{}", "reset", identity=str(self._told)))
            try:
                for piece in look.pieces:
                    await self._tell(look, piece)
            except FileNotFoundError:
                # Perhaps the edition was replaced, and is erased.
                look = await self._look()
                if look.number == self._told.edition:
                    raise
                continue
            if not look.pieces:
                if look.over:
                    end = msgspec.json.encode({"frames": look.frames})
                    await self._pen.write(sse.event(end, "end"))
                    return
                if not await self._bell.rung(_HEARTBEAT):
                    await self._pen.write(sse.HEARTBEAT)
            look = await self._look()

    async def _tell(self, look: Look, piece: PosePiece) -> None:
        """The frames of a piece that are still to be told."""
        edition, frame = self._told
        async with aclosing(self._frames.lines(look, piece, Range(frame + 1))) as reading:
            async for lines in reading:
                if self._bell.over:
                    return
                await self._pen.write(b"".join(_event(edition, line) for line in lines))
        self._told = Mark(edition, max(frame, piece.first + piece.frames - 1))

    async def _look(self) -> Look:
        edition, frame = self._told
        return await self._frames.look(self._video_id, Range(frame + 1), edition)


def _event(edition: int, line: bytes) -> bytes:
    identity = Mark(edition, index_of(line))
    return sse.event(line.rstrip(b"\n"), "frame", identity=str(identity))
