"""Changes when: what a video looks like in the API does."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from server.api.receiving import Receiver
from server.api.sessions import authorize, principal
from server.api.shelf import Shelf
from server.errors import BadRequest, NotFound
from server.jobs.progress import Pace, Receiving, report
from server.jobs.removal import Removal
from server.outputs.port import OutputFacts
from server.protocols import signing
from storage.database import Database, Row, Transaction
from storage.errors import ReelraceError
from storage.model import Edition, Job, Output, Source, Upload, Video, now
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

_PAGE = 50
_MOST = 200
_CURSOR = re.compile(r"([0-9]{1,15})-([0-9a-f]{32})")
_SILENT = 10.0
"""Seconds without a byte after which a source is not followed any more."""


class Paces:
    """How fast sources grow that something came for in the last ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that only grow."""
        self._clock = clock
        self._paces: OrderedDict[str, tuple[float, Pace]] = OrderedDict()
        """With the time of the last bytes, oldest first."""

    def note(self, upload: Upload, received: int) -> None:
        """`received` bytes of `upload` are there now."""
        at = self._clock()
        _, pace = self._paces.pop(upload.source_id, (at, Pace()))
        if received < upload.length:
            pace.note(at, received)
            self._paces[upload.source_id] = at, pace
        while self._paces and at - next(iter(self._paces.values()))[0] > _SILENT:
            self._paces.popitem(last=False)

    def of(self, source_id: str) -> float | None:
        """Bytes a second; zero if nothing came lately, None until it can be told."""
        known = self._paces.get(source_id)
        return known[1].recent(self._clock()) if known else 0.0


class _Seen(msgspec.Struct, frozen=True):
    """All rows that one answer is made from."""

    video: Video
    job: Job | None
    uploads: list[Upload]
    source: Source | None
    edition: Edition | None
    outputs: list[Output]
    published: int
    """Ticks of the edition's timescale that can be played."""


class Videos:
    """The resource `/api/videos`."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        receiver: Receiver,
        removal: Removal,
        shelf: Shelf,
        paces: Paces,
        secret: bytes,
    ) -> None:
        self._database = database
        self._sources = sources
        self._receiver = receiver
        self._removal = removal
        self._shelf = shelf
        self._paces = paces
        self._secret = secret

    def routes(self) -> list[web.RouteDef]:
        one = "/api/videos/{video:[0-9a-f]{32}}"
        return [
            web.get("/api/videos", self.list),
            web.get(one, self.get),
            web.delete(one, self.delete),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Mine, newest first. `limit`, and `before` (the `next` of a page) page through them."""
        who = principal(request)
        limit = min(_MOST, _number(request.query, "limit") or _PAGE)
        before = _cursor(request.query)

        def look(tx: Transaction) -> tuple[list[_Seen], bool]:
            videos = video_rows.of_owner(tx, who, limit + 1, before)
            return [_look(tx, video) for video in videos[:limit]], len(videos) > limit

        seen, more = await self._database.read(look)
        last = seen[-1].video if more else None
        return _json(
            {
                "videos": [self._shown(one) for one in seen],
                "next": f"{last.created_at}-{last.id}" if last else None,
            }
        )

    async def get(self, request: web.Request) -> web.Response:
        """One of mine: state, progress, what to play, or why it failed."""
        video = await self._video(request, "read")
        seen = await self._database.read(lambda tx: _look(tx, video))
        return _json(self._shown(seen))

    async def delete(self, request: web.Request) -> web.Response:
        """Gone from sight at once; the work stops and the files are erased."""
        video = await self._video(request, "delete")
        uploads = await self._database.read(lambda tx: upload_rows.of_video(tx, video.id))
        if not await self._removal.remove(video):
            raise NotFound
        self._shelf.forget(video.id)
        for upload in uploads:
            await self._receiver.settle(upload.id, NotFound())
        return web.Response(status=204)

    async def _video(self, request: web.Request, action: str) -> Video:
        video_id = request.match_info["video"]
        video = await self._database.read(lambda tx: video_rows.get(tx, video_id))
        return authorize(principal(request), action, video)

    # --- shown ---------------------------------------------------------------------------------

    def _shown(self, seen: _Seen) -> dict[str, Any]:
        video, job, edition = seen.video, seen.job, seen.edition
        state = job.state if job else "created"
        noted: Row = msgspec.json.decode(job.progress) if job else {}
        facts: Row = msgspec.json.decode(edition.facts) if edition and edition.facts else {}
        there = self._sources.ranges_of(seen.source, seen.uploads).total if seen.source else 0
        length = (seen.source.length if seen.source else None) or 0
        receiving = Receiving(there, length, self._paces.of(video.source_id))
        published = seen.published / facts["timescale"] if facts else 0.0
        declared = facts.get("duration") or noted.get("duration")
        ended = edition is not None and edition.ended
        return {
            "id": video.id,
            "title": video.title,
            "filename": video.filename,
            "state": state,
            "created_at": video.created_at,
            "size": length,
            "duration": round(published, 3) if ended and published else declared,
            "width": facts.get("width") or None,
            "height": facts.get("height") or None,
            "progress": report(state, receiving, noted, published, _renditions(seen.outputs)),
            "playback": self._playback(seen, published),
            "error": _error(job, state),
            "warnings": msgspec.json.decode(job.warnings) if job else [],
            "attempts": job.attempts if job else 0,
        }

    def _playback(self, seen: _Seen, published: float) -> dict[str, Any] | None:
        """Present as soon as the first cut is published."""
        if seen.edition is None or seen.edition.cuts == 0:
            return None
        video = seen.video
        grant = signing.PUBLIC
        expires = None
        if video.access != "public":
            grant = signing.grant(self._secret, video.id, video.access_version, now())
            expires = signing.expires(grant)
        return {
            "hls": f"/v/{grant}/{video.id}/index.m3u8",
            "expires_at": expires,
            "growing": not seen.edition.ended,
            "seconds": round(published, 3),
        }


def _look(tx: Transaction, video: Video) -> _Seen:
    jobs = job_rows.of_videos(tx, [video.id])
    edition = edition_rows.get(tx, video.edition_id) if video.edition_id else None
    last = edition_rows.last_cut(tx, edition.id) if edition else None
    return _Seen(
        video=video,
        job=jobs[-1] if jobs else None,
        uploads=upload_rows.of_source(tx, video.source_id),
        source=upload_rows.get_source(tx, video.source_id),
        edition=edition,
        outputs=edition_rows.outputs(tx, edition.id) if edition else [],
        published=last.start + last.duration if last else 0,
    )


def _renditions(outputs: list[Output]) -> list[dict[str, Any]]:
    found = [msgspec.json.decode(output.facts, type=OutputFacts) for output in outputs]
    return [
        {"name": o.name, "width": o.width, "height": o.height} for o in found if o.kind == "video"
    ]


def _error(job: Job | None, state: str) -> dict[str, str] | None:
    """Why a job ended early; while it is being tried again, nothing."""
    if job is None or job.error_code is None or state not in ("failed", "partial"):
        return None
    kind = ReelraceError.known.get(job.error_code, ReelraceError)
    return {"code": kind.code, "message": kind.sentence(), "detail": job.error_detail or ""}


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadRequest(f"{name} must be a whole number")
    return int(text)


def _cursor(query: Mapping[str, str]) -> tuple[int, str] | None:
    """Where a page begins: behind the video that was made at that time and has that id."""
    text = query.get("before")
    if text is None:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadRequest("before must be the next of another page")
    return int(match[1]), match[2]


def _json(value: object) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
