"""Changes when: how watchers are let in does.

`GET /api/events`: what is mine, or with `video=ID` (repeatable) some of it, as Server-Sent
Events. `GET /api/jobs/{id}/stream`: one job's video, until the job ends.
"""

from __future__ import annotations

import asyncio
import logging
import re
from functools import partial

import msgspec
from aiohttp import HttpVersion11, web

from server.api.news import encoded
from server.api.sessions import authorize, issue, principal
from server.api.streams import Streams, open_stream
from server.api.topics import Beginning, Topic, begin, check_owner
from server.api.video_view import Seen, VideoView
from server.errors import BadRequest, NotFound
from server.events.bus import Bus
from server.events.watcher import Drain, Stored, Watcher
from server.events.wire import WireProgress
from server.protocols import sse
from storage.database import Database
from storage.model import Event
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

_log = logging.getLogger(__name__)

_MOST_VIDEOS = 100
_ID = re.compile(r"[0-9a-f]{32}")


class Events:
    """The streams."""

    def __init__(self, database: Database, bus: Bus, view: VideoView, streams: Streams) -> None:
        self._database = database
        self._bus = bus
        self._view = view
        self._streams = streams

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/events", self.mine),
            web.get("/api/jobs/{job:[0-9a-f]{32}}/stream", self.job),
        ]

    async def mine(self, request: web.Request) -> web.StreamResponse:
        """All of mine, or some. A stream of one video carries that video's numbers."""
        who = principal(request)
        ids = frozenset(request.query.getall("video", []))
        if len(ids) > _MOST_VIDEOS:
            raise BadRequest(f"at most {_MOST_VIDEOS} videos")
        if not all(map(_ID.fullmatch, ids)):
            raise NotFound
        resumes = "Last-Event-ID" in request.headers
        await self._database.read(lambda tx: check_owner(tx, who, ids, resumes=resumes))
        alone = next(iter(ids)) if len(ids) == 1 else None
        return await self._stream(request, Topic(who, alone, ids or None))

    async def job(self, request: web.Request) -> web.StreamResponse:
        """The video of a job, with its numbers; ends when the job has."""
        job_id = request.match_info["job"]
        job = await self._database.read(lambda tx: job_rows.get(tx, job_id))
        if job is None:
            raise NotFound
        video = await self._database.read(lambda tx: video_rows.get(tx, job.video_id))
        video = authorize(principal(request), "read", video)
        return await self._stream(request, Topic(video.owner, video.id, None, job_id))

    async def _stream(self, request: web.Request, topic: Topic) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(headers=sse.HEADERS)
        chunked = request.version >= HttpVersion11
        by_video = topic.video_id is not None
        watcher = Watcher(
            topic.video_id or topic.owner,
            self._stored(topic),
            by_video=by_video,
            chunked=chunked,
            videos=None if by_video else topic.videos,
            last=topic.ends,
        )
        after = sse.last_event_id(request.headers.get("Last-Event-ID"))
        # It hears before the rows are read, so that nothing falls between the two.
        with self._streams.place(topic.owner, watcher), self._bus.joined(watcher):
            beginning = await self._database.read(partial(begin, topic, after))
            if beginning.over and beginning.snapshot is None:
                return web.Response(status=204, headers={"Cache-Control": "no-store"})
            answer = web.StreamResponse(headers=sse.HEADERS)
            issue(request, answer)
            transport = await open_stream(request, answer)
            if transport is not None:
                await self._tell(watcher, transport, request.writer.drain, beginning)
        return answer

    async def _tell(
        self, watcher: Watcher, transport: asyncio.Transport, drain: Drain, beginning: Beginning
    ) -> None:
        try:
            await watcher.run(
                transport,
                drain,
                beginning.number,
                beginning.latest,
                self._snapshot(beginning),
                [self._missed(seen) for seen in beginning.missed],
                over=beginning.over,
            )
        except Exception:
            # The answer has begun: there can be no other one.
            _log.exception("a stream broke down")
            transport.abort()

    def _snapshot(self, beginning: Beginning) -> bytes:
        if beginning.snapshot is None:
            return b""
        data = msgspec.json.encode(beginning.snapshot.shown(self._view))
        return sse.event(data, "snapshot", identity=beginning.number)

    def _missed(self, seen: Seen) -> WireProgress:
        return WireProgress(seen.video.id, encoded(self._view, seen), seen.video.events)

    def _stored(self, topic: Topic) -> Stored:
        async def stored(after: int, limit: int) -> list[Event]:
            return await self._database.read(lambda tx: topic.stored(tx, after, limit))

        return stored
