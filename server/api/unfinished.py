"""Changes when: what somebody is told of their unfinished uploads does.

`/api/uploads` names the URLs to write to, so that any browser of the same session, on whatever
machine, can go on where another one stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from server.api.sessions import principal
from server.api.urls import Urls
from server.jobs.lifecycle import ENDED
from server.protocols import tus
from storage.database import Database, Transaction
from storage.errors import ReelraceError
from storage.model import Source, Stretch, Upload, now
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_MOST = 200
_WINDOWS = 10_000
"""Of one answer: as many as a source may have, so that the newest one is always told of."""


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
        owner, files = principal(request), self._urls.absolute(request, "/files/")
        return web.Response(
            body=await self._database.read(lambda tx: self._told(tx, owner, files)),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    def _told(self, tx: Transaction, owner: str, files: str) -> bytes:
        """The answer. It may be long: it is made in the reader's thread. `files`: the URL that
        those of uploads begin with."""
        found = source_rows.unfinished_of(tx, owner, now(), sorted(ENDED), _MOST + 1)
        more, left = len(found) > _MOST, _WINDOWS
        shown: list[dict[str, Any]] = []
        for source in found[:_MOST]:
            if source.there == source.length:
                continue
            uploads = upload_rows.stretches(tx, source.id, left + 1)
            if len(uploads) > left:
                more = True
                break
            left -= len(uploads)
            first = upload_rows.first(tx, source.id)
            received = sum(map(self._sources.received, uploads))  # no two have the same bytes
            if first is not None and received != source.length:
                shown.append(self._shown(files, source, first, uploads, received))
        return msgspec.json.encode({"uploads": shown, "more": more})

    def _shown(
        self, files: str, source: Source, first: Upload, uploads: Sequence[Stretch], received: int
    ) -> dict[str, Any]:
        return {
            "video": first.video_id or None,
            "size": source.length,
            "received": received,
            "assembly": source.assembly,
            "metadata": _metadata(first),
            "created_at": first.created_at,
            "expires_at": source.expires_at,
            "windows": [
                {
                    "url": f"{files}{upload.id}",
                    "start": upload.start,
                    "length": upload.length,
                    "offset": self._sources.received(upload),
                }
                for upload in uploads
            ],
        }


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
