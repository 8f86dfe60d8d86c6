"""Changes when: what somebody is told of their unfinished uploads does.

`/api/uploads` names the URLs to write to, so that any browser of the same session, on whatever
machine, can go on where another one stopped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from server.api.sessions import principal
from server.api.urls import Urls
from server.jobs.lifecycle import ENDED
from server.protocols import tus
from storage.database import Database, Transaction
from storage.errors import ReelraceError
from storage.model import Source, Upload, now
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_MOST = 200
_WRITABLE = ("whole", "window", "part")


class _Found(NamedTuple):
    source: Source
    uploads: list[Upload]
    """Those that are written into it, by where they begin."""


class Unfinished:
    """The resource `/api/uploads`."""

    def __init__(self, database: Database, sources: Sources, urls: Urls) -> None:
        self._database = database
        self._sources = sources
        self._urls = urls

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/uploads", self.list)]

    async def list(self, request: web.Request) -> web.Response:
        """Mine that still lack bytes, and that more bytes are of use to, the newest first."""
        owner, at = principal(request), now()

        def find(tx: Transaction) -> list[_Found]:
            unfinished = source_rows.unfinished_of(tx, owner, at, sorted(ENDED), _MOST)
            return [_Found(source, _writable(tx, source)) for source in unfinished]

        found = await self._database.read(find)
        shown = [self._shown(request, one) for one in found if self._lacks_bytes(one)]
        return web.Response(
            body=msgspec.json.encode({"uploads": shown}),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    def _lacks_bytes(self, found: _Found) -> bool:
        there = self._sources.ranges(found.uploads).total
        return bool(found.uploads) and there != found.source.length

    def _shown(self, request: web.Request, found: _Found) -> dict[str, Any]:
        source, uploads = found
        first = min(uploads, key=lambda upload: (upload.created_at, upload.id))
        return {
            "video": first.video_id or None,
            "size": source.length,
            "received": self._sources.ranges(uploads).total,
            "assembly": source.assembly,
            "metadata": _metadata(first),
            "created_at": first.created_at,
            "expires_at": source.expires_at,
            "windows": [
                {
                    "url": self._urls.absolute(request, f"/files/{upload.id}"),
                    "start": upload.start,
                    "length": upload.length,
                    "offset": self._sources.received(upload),
                }
                for upload in uploads
            ],
        }


def _writable(tx: Transaction, source: Source) -> list[Upload]:
    uploads = upload_rows.of_source(tx, source.id)
    return sorted((u for u in uploads if u.kind in _WRITABLE), key=lambda upload: upload.start)


def _metadata(upload: Upload) -> dict[str, str]:
    """What was said of it; values that are no text are left out."""
    try:
        fields = tus.metadata(upload.metadata)
    except ReelraceError:
        return {}
    found: dict[str, str] = {}
    for key, value in fields.items():
        try:
            found[key] = value.decode("utf-8")
        except UnicodeDecodeError:
            continue
    return found
