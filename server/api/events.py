"""Changes when: how watchers are let in does.

`GET /api/events`: what is mine, or with `video=ID` (repeatable) some of it, as Server-Sent
Events. `GET /api/jobs/{id}/stream`: one job's video, until the job ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import msgspec
from aiohttp import HttpVersion11, web

from server.api.news import encoded
from server.api.sessions import authorize, issue, principal
from server.api.video_view import Seen, VideoView, look
from server.api.videos import Page, page
from server.errors import BadRequest, Draining, NotFound, StreamsFull, TooManyStreams
from server.events.bus import Bus
from server.events.watcher import FULL, Stored, Watcher
from server.events.wire import WireProgress
from server.jobs.lifecycle import ENDED, LIVE
from server.protocols import sse
from storage.database import Database, Transaction
from storage.model import Event, Job
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

_RETRY = (1500, 4500)
"""Milliseconds, drawn for each stream: after a restart not everybody comes at once."""
_MOST_VIDEOS = 100
_RECENT = 200
"""Events that are looked through for what a stream that goes on has missed."""
_KERNEL = 1 << 16
"""Bytes that the kernel keeps for a reader: what lies there cannot be replaced by newer state."""
_COME_BACK = 30
"""Seconds after which a stream that was refused may be asked for again."""
_ID = re.compile(r"[0-9a-f]{32}")


class _Topic(NamedTuple):
    """What a stream is of: one video with its numbers, or a feed with those of the feed."""

    owner: str
    video_id: str | None = None
    videos: frozenset[str] | None = None
    """Of a feed: which of its videos; None: all."""
    job: Job | None = None
    """The stream ends with this job."""

    def ends(self, event: Event) -> bool:
        """Whether nothing comes after `event`."""
        if event.kind == "removed":
            return self.video_id == event.video_id
        if self.job is None or event.kind != "state":
            return False
        told = msgspec.json.decode(event.data)
        return told["job"] == self.job.id and told["state"] in ENDED

    def span(self, tx: Transaction) -> tuple[int, int]:
        """The lowest number that a stream can go on after, and that of the latest event."""
        if self.video_id is not None:
            return event_rows.span_of_video(tx, self.video_id)
        return event_rows.span_of_feed(tx, self.owner)

    def stored(self, tx: Transaction, after: int, limit: int) -> list[Event]:
        """The events with numbers above `after`."""
        if self.video_id is not None:
            return event_rows.of_video(tx, self.video_id, after, limit)
        return event_rows.of_feed(tx, self.owner, after, limit)


class _Beginning(NamedTuple):
    """How a stream begins: behind event `number`, with a snapshot or the state of some videos."""

    number: int
    latest: int
    snapshot: Page | None = None
    missed: tuple[Seen, ...] = ()
    over: bool = False
    """All that there was to tell is told."""


class Events:
    """The streams."""

    def __init__(
        self, database: Database, bus: Bus, view: VideoView, most: int, most_of_one: int
    ) -> None:
        """`most` streams are open at once, and of one principal's `most_of_one`."""
        self._database = database
        self._bus = bus
        self._view = view
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[str] = Counter()
        self._draining = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/events", self.mine),
            web.get("/api/jobs/{job:[0-9a-f]{32}}/stream", self.job),
        ]

    def drain(self) -> None:
        """Ends every stream; whoever comes again goes on where it was."""
        self._draining = True
        self._bus.farewell()

    async def mine(self, request: web.Request) -> web.StreamResponse:
        """All of mine, or some. A stream of one video carries that video's numbers."""
        who = principal(request)
        ids = frozenset(request.query.getall("video", []))
        if len(ids) > _MOST_VIDEOS:
            raise BadRequest(f"at most {_MOST_VIDEOS} videos")
        if not all(map(_ID.fullmatch, ids)):
            raise NotFound
        resumes = "Last-Event-ID" in request.headers
        await self._database.read(lambda tx: _authorize(tx, who, ids, resumes=resumes))
        alone = next(iter(ids)) if len(ids) == 1 else None
        return await self._stream(request, _Topic(who, alone, ids or None))

    async def job(self, request: web.Request) -> web.StreamResponse:
        """The video of a job, with its numbers; ends when the job has."""
        job_id = request.match_info["job"]
        job = await self._database.read(lambda tx: job_rows.get(tx, job_id))
        if job is None:
            raise NotFound
        video = await self._database.read(lambda tx: video_rows.get(tx, job.video_id))
        video = authorize(principal(request), "read", video)
        return await self._stream(request, _Topic(video.owner, video.id, None, job))

    async def _stream(self, request: web.Request, topic: _Topic) -> web.StreamResponse:
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
        with self._place(topic.owner), self._bus.joined(watcher):
            begin = partial(_begin, topic, after)
            beginning = await self._database.read(begin)
            if beginning.over and beginning.snapshot is None:
                return web.Response(status=204, headers={"Cache-Control": "no-store"})
            answer = web.StreamResponse(headers=sse.HEADERS)
            issue(request, answer)
            transport = await open_stream(request, answer)
            if transport is not None:
                await watcher.run(
                    transport,
                    request.writer.drain,
                    beginning.number,
                    beginning.latest,
                    self._snapshot(beginning),
                    [self._missed(seen) for seen in beginning.missed],
                    over=beginning.over,
                )
        return answer

    @contextlib.contextmanager
    def _place(self, who: str) -> Iterator[None]:
        if self._draining:
            raise Draining
        if self._open[who] >= self._most_of_one:
            raise TooManyStreams(f"at most {self._most_of_one}", retry_after=_COME_BACK)
        if self._open.total() >= self._most:
            raise StreamsFull(retry_after=_COME_BACK)
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    def _snapshot(self, beginning: _Beginning) -> bytes:
        if beginning.snapshot is None:
            return b""
        data = msgspec.json.encode(beginning.snapshot.shown(self._view))
        return sse.event(data, "snapshot", number=beginning.number)

    def _missed(self, seen: Seen) -> WireProgress:
        return WireProgress(seen.video.id, encoded(self._view, seen))

    def _stored(self, topic: _Topic) -> Stored:
        async def stored(after: int, limit: int) -> list[Event]:
            return await self._database.read(lambda tx: topic.stored(tx, after, limit))

        return stored


def _begin(topic: _Topic, after: int | None, tx: Transaction) -> _Beginning:
    """A stream goes on where it was, if all events since then are kept; else with a snapshot."""
    lowest, latest = topic.span(tx)
    if after is None or not lowest <= after <= latest:
        over = topic.job is not None and topic.job.state in ENDED
        return _Beginning(latest, latest, _snapshot(tx, topic), over=over)
    events = topic.stored(tx, after, _RECENT)
    ids = {event.video_id for event in events}
    if topic.job is not None:
        over = topic.job.state in ENDED and not any(map(topic.ends, events))
    else:
        over = topic.video_id is not None and video_rows.get(tx, topic.video_id) is None
        over = over and not events
    if topic.video_id is not None:
        ids.add(topic.video_id)
    else:
        ids |= set(job_rows.videos_in_states(tx, topic.owner, LIVE, _RECENT))
    if topic.videos is not None:
        ids &= topic.videos
    videos = (video_rows.get(tx, video_id) for video_id in sorted(ids))
    missed = tuple(look(tx, video) for video in videos if video is not None)
    return _Beginning(after, latest, missed=missed, over=over)


def _snapshot(tx: Transaction, topic: _Topic) -> Page:
    wanted = topic.videos if topic.video_id is None else {topic.video_id}
    if wanted is None:
        return page(tx, topic.owner)
    found = (video_rows.get(tx, video_id) for video_id in wanted)
    videos = sorted(filter(None, found), key=lambda v: (v.created_at, v.id), reverse=True)
    return Page([look(tx, video) for video in videos])


def _authorize(tx: Transaction, who: str, ids: frozenset[str], *, resumes: bool) -> None:
    """Raises `NotFound` unless all are `who`'s.

    Who comes again may have missed that some were removed, which the events tell.
    """
    found = {video_id: video_rows.get(tx, video_id) for video_id in ids}
    gone = {video_id for video_id, video in found.items() if video is None}
    for video_id in ids - (event_rows.removed(tx, who, gone) if resumes else set()):
        authorize(who, "read", found[video_id])


async def open_stream(request: web.Request, answer: web.StreamResponse) -> asyncio.Transport | None:
    """Sends the headers of a stream, and what events are to be written to; None if nobody is left.

    Little is kept for who reads slowly, so that they get what is new, not what was.
    """
    answer.force_close()
    await answer.prepare(request)
    pause = random.randint(*_RETRY)  # noqa: S311 - not a secret
    await answer.write(sse.retry(pause))
    transport = request.transport
    if transport is not None:
        transport.set_write_buffer_limits(FULL)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL)
    return transport
