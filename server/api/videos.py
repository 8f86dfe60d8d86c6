"""Changes when: what a video looks like in the API does."""

from __future__ import annotations

import time
from collections.abc import Mapping
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
from storage.model import Edition, Job, Output, Upload, Video, now
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

_PAGE = 50
_MOST = 200


class Paces:
    """How fast each source grows, as far as this server has seen it."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}

    def note(self, upload: Upload, received: int) -> None:
        """`received` bytes of `upload` are there now."""
        if received >= upload.length:
            self._paces.pop(upload.source_id, None)
        else:
            self._paces.setdefault(upload.source_id, Pace()).note(time.monotonic(), received)

    def of(self, source_id: str) -> float | None:
        """Bytes a second; zero if nothing came lately, None if nothing is known."""
        pace = self._paces.get(source_id)
        return pace.recent(time.monotonic()) if pace else None


class _Seen(msgspec.Struct, frozen=True):
    """All rows that one answer is made from."""

    video: Video
    job: Job | None
    uploads: list[Upload]
    length: int | None
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
        """Mine, newest first. `limit` and `before` (a `created_at`) page through them."""
        who = principal(request)
        limit = min(_MOST, _number(request.query, "limit") or _PAGE)
        before = _number(request.query, "before")

        def look(tx: Transaction) -> list[_Seen]:
            return [_look(tx, video) for video in video_rows.of_owner(tx, who, limit, before)]

        seen = await self._database.read(look)
        return _json({"videos": [self._shown(one) for one in seen]})

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
        there = self._sources.ranges(seen.uploads).total if seen.uploads else seen.length or 0
        length = max((u.start + u.length for u in seen.uploads), default=seen.length or 0)
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
    source = upload_rows.source(tx, video.source_id) or {}
    last = edition_rows.last_cut(tx, edition.id) if edition else None
    return _Seen(
        video=video,
        job=jobs[-1] if jobs else None,
        uploads=upload_rows.of_source(tx, video.source_id),
        length=source.get("length"),
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


def _json(value: object) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
