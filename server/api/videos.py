"""Changes when: what can be done with videos by the API does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from server.api.receiving import Receiver
from server.api.sessions import authorize, principal
from server.api.shelf import Shelf
from server.api.video_view import Seen, VideoView, look
from server.errors import BadRequest, NotFound, NotRetryable
from server.jobs.removal import Removal
from server.jobs.retrying import Retrying
from storage.database import Database, Transaction
from storage.model import Video
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows

PAGE = 50
_MOST = 200
_CURSOR = re.compile(r"([0-9]{1,15})-([0-9a-f]{32})")


class Page(NamedTuple):
    """Some videos of somebody's, newest first."""

    seen: list[Seen]
    more: bool = False

    def shown(self, view: VideoView) -> dict[str, Any]:
        """The videos, and where the next page begins."""
        last = self.seen[-1].video if self.more else None
        return {
            "videos": [view.shown(one) for one in self.seen],
            "next": f"{last.created_at}-{last.id}" if last else None,
        }


def page(
    tx: Transaction, owner: str, limit: int = PAGE, before: tuple[int, str] | None = None
) -> Page:
    """The newest, or those that follow a page's last one."""
    videos = video_rows.of_owner(tx, owner, limit + 1, before)
    return Page([look(tx, video) for video in videos[:limit]], len(videos) > limit)


class Videos:
    """The resource `/api/videos`."""

    def __init__(
        self,
        database: Database,
        receiver: Receiver,
        removal: Removal,
        retrying: Retrying,
        shelf: Shelf,
        view: VideoView,
    ) -> None:
        self._database = database
        self._receiver = receiver
        self._removal = removal
        self._retrying = retrying
        self._shelf = shelf
        self._view = view

    def routes(self) -> list[web.RouteDef]:
        one = "/api/videos/{video:[0-9a-f]{32}}"
        return [
            web.get("/api/videos", self.list),
            web.get(one, self.get),
            web.delete(one, self.delete),
            web.post(f"{one}/retry", self.retry),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Mine, newest first. `limit`, and `before` (the `next` of a page) page through them."""
        who = principal(request)
        limit = min(_MOST, _number(request.query, "limit") or PAGE)
        before = _cursor(request.query)

        found = await self._database.read(lambda tx: page(tx, who, limit, before))
        return _json(found.shown(self._view))

    async def get(self, request: web.Request) -> web.Response:
        """One of mine: state, progress, what to play, or why it failed."""
        video = await self._video(request, "read")
        seen = await self._database.read(lambda tx: look(tx, video))
        return _json(self._view.shown(seen))

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

    async def retry(self, request: web.Request) -> web.Response:
        """Works once more on one that failed or is partial."""
        video = await self._video(request, "change")
        if not await self._retrying.retry(video):
            raise NotRetryable
        seen = await self._database.read(lambda tx: look(tx, video))
        return _json(self._view.shown(seen), 202)

    async def _video(self, request: web.Request, action: str) -> Video:
        video_id = request.match_info["video"]
        video = await self._database.read(lambda tx: video_rows.get(tx, video_id))
        return authorize(principal(request), action, video)


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


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
