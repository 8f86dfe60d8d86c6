"""Changes when: what an upload's URL answers does.

`/files/` speaks tus. An upload's URL is itself the capability to write: stock clients send no
cookie. The answer that creates it names the video in `Reelrace-Video-Id`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import NamedTuple

import aiofiles
import msgspec
from aiohttp import web

from server.api.creating import Creating, Wish, joined_offset
from server.api.receiving import Holder, Receiver
from server.api.sessions import principal
from server.api.urls import Urls
from server.errors import (
    EncodingRefused,
    FinalUpload,
    NotFound,
    QuotaExceeded,
    TooLarge,
    UploadExpired,
)
from server.jobs.arrival import Arrival
from server.jobs.removal import Removal
from server.protocols import metadata, tus
from server.protocols.resumable import UploadState, judge_told_length
from storage.database import Database, Transaction
from storage.digests import ALGORITHMS, Promise
from storage.model import Source, Upload, now
from storage.ranges import Ranges
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

VIDEO_HEADER = "Reelrace-Video-Id"
_COPY = 1 << 16
"""Bytes: a reader has two or three times as many in memory, and may be slow."""
_DOWNLOAD = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": "attachment",
    "Cache-Control": "no-store",
    # Whatever somebody has uploaded, it is no page of ours; other pages may have it (CORS).
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Found(NamedTuple):
    """An upload that somebody asked for, and what it writes into."""

    upload: Upload
    source: Source
    offset: int | None
    """Recorded; None: of what others make together, as long as these are not whole."""

    @property
    def expires_at(self) -> int | None:
        """When it goes, unless it is whole by then."""
        lasts = self.source.ended and self.upload.video_id
        return None if lasts else self.source.expires_at


class Uploads:
    """The resource `/files/`."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        creating: Creating,
        arrival: Arrival,
        receiver: Receiver,
        removal: Removal,
        urls: Urls,
        max_size: int,
    ) -> None:
        self._database = database
        self._sources = sources
        self._executor = executor
        self._creating = creating
        self._arrival = arrival
        self._receiver = receiver
        self._removal = removal
        self._urls = urls
        self._capabilities = tus.Capabilities(
            max_size, defers_length=True, expires=True, concatenates=True, checksums=ALGORITHMS
        )

    def routes(self) -> list[web.RouteDef]:
        """POST may stand for any method (X-HTTP-Method-Override)."""
        one = "/files/{upload:[0-9a-f]{32}}"
        return [
            web.options("/files/", self.options),
            web.options(one, self.options),
            web.post("/files/", self.create),
            web.post("/files", self.create),
            web.head(one, self.head),
            web.patch(one, self.append),
            web.delete(one, self.delete),
            web.get(one, self.download, allow_head=False),
            web.post(one, self.overridden),
        ]

    async def options(self, request: web.Request) -> web.Response:
        """What is spoken here; also the answer to a browser's preflight."""
        headers = tus.options(self._capabilities)
        if "Access-Control-Request-Method" in request.headers:
            headers["Access-Control-Allow-Methods"] = ", ".join(tus.METHODS)
            headers["Access-Control-Allow-Headers"] = tus.ALLOWED
            headers["Access-Control-Max-Age"] = "86400"
        return web.Response(status=204, headers=headers)

    async def create(self, request: web.Request) -> web.Response:
        """A new upload, and the video that its bytes will be."""
        _refuse_encoded(request)
        creation = tus.creation(request.headers, self._capabilities)
        promise = self._promise(request)
        made = await self._creating.create(
            Wish(
                owner=principal(request),
                said=metadata.read(creation.fields),
                metadata=creation.metadata,
                length=creation.length,
                recipe=creation.concat,
                parts=creation.parts,
            )
        )
        upload, offset = made.upload, made.offset
        if creation.with_upload and offset == 0:
            async with self._receiver.claim(upload.id, 0, request.content) as holder:
                found = await self._existing(upload.id)  # it may have been deleted just now
                offset = await self._receive(found, holder, promise)
        location = self._urls.absolute(request, f"/files/{upload.id}")
        headers = tus.created(location, offset, made.expires_at) | _named(upload)
        return web.Response(status=201, headers=headers)

    async def head(self, request: web.Request) -> web.Response:
        """Where the upload is. Whoever was writing is ended first: the answer must hold."""
        tus.check_version(request.headers)
        upload_id = request.match_info["upload"]
        await self._existing(upload_id)
        await self._receiver.settle(upload_id)
        found = await self._existing(upload_id)
        upload, offset = found.upload, found.offset
        if offset is not None and upload.kind != "joined":
            offset = await self._receiver.acknowledge(upload)
        standing = tus.Standing(
            offset, upload.length, upload.metadata, found.expires_at, upload.recipe
        )
        return web.Response(headers=tus.standing(standing) | _named(upload))

    async def append(self, request: web.Request) -> web.Response:
        """More bytes, at the offset that they are meant for."""
        _refuse_encoded(request)
        offset = tus.append(request.headers)
        promise = self._promise(request)
        upload_id = request.match_info["upload"]
        if (await self._existing(upload_id)).upload.kind == "joined":
            raise FinalUpload
        async with self._receiver.claim(upload_id, offset, request.content) as holder:
            found = await self._existing(upload_id)
            there = await self._receiver.acknowledge(found.upload)
            tus.judge(request.headers, UploadState(there, found.upload.length))
            found = found._replace(upload=await self._told(request, found.upload, there))
            reached = await self._receive(found, holder, promise)
        done = found.upload.kind == "whole" and reached == found.upload.length
        expires_at = None if done else self._arrival.expiry()
        return web.Response(status=204, headers=tus.appended(reached, expires_at))

    async def delete(self, request: web.Request) -> web.Response:
        """Ends the upload. An unfinished one takes its video with it."""
        tus.check_version(request.headers)
        upload_id = request.match_info["upload"]
        await self._existing(upload_id)
        await self._receiver.settle(upload_id, NotFound())
        # Who comes from now on waits, and then finds nothing to write into.
        async with self._receiver.claim(upload_id, 0, request.content):
            upload, source, _ = await self._existing(upload_id)
            await self._end(upload, source)
        return web.Response(status=204, headers={"Tus-Resumable": tus.VERSION})

    async def _end(self, upload: Upload, source: Source) -> None:
        if upload.video_id and not source.ended:
            video = await self._database.read(lambda tx: video_rows.get(tx, upload.video_id))
            if video is not None:
                await self._removal.remove(video)
            return
        await self._database.write(lambda tx: upload_rows.remove(tx, upload.id))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._removal.forget, upload)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes that are there, for whoever holds the URL."""
        upload, source, offset = await self._existing(request.match_info["upload"])
        path = self._sources.path(upload.source_id)
        if source.ended and (upload.start, upload.length) == (0, source.length):
            return web.FileResponse(path, headers=_DOWNLOAD)
        if upload.kind == "joined":
            parts = await self._database.read(lambda tx: upload_rows.of_source(tx, source.id))
            offset = Ranges((p.start, p.start + p.mark) for p in parts).end_of_run(0)
        answer = web.StreamResponse(headers=_DOWNLOAD)
        answer.content_length = there = offset or 0
        await answer.prepare(request)
        async with aiofiles.open(path, "rb") as file:
            await file.seek(upload.start)
            while there and (data := await file.read(min(there, _COPY))):
                await answer.write(data)
                there -= len(data)
        await answer.write_eof()
        return answer

    async def overridden(self, request: web.Request) -> web.StreamResponse:
        """POST to an upload is whatever X-HTTP-Method-Override says."""
        handlers: dict[str, Handler] = {
            "HEAD": self.head,
            "PATCH": self.append,
            "DELETE": self.delete,
            "GET": self.download,
        }
        handler = handlers.get(tus.method(request.method, request.headers))
        if handler is None:
            raise web.HTTPMethodNotAllowed(request.method, sorted(handlers))
        return await handler(request)

    async def _existing(self, upload_id: str) -> Found:
        """The upload of a request, as long as its video was not removed, and it is not too late."""

        def find(tx: Transaction) -> Found:
            upload = upload_rows.get(tx, upload_id)
            if upload is None or (upload.video_id and not video_rows.get(tx, upload.video_id)):
                raise UploadExpired if source_rows.has_expired(tx, upload_id) else NotFound
            source = upload_rows.get_source(tx, upload.source_id)
            assert source is not None
            offset = joined_offset(tx, upload) if upload.kind == "joined" else upload.mark
            return Found(upload, source, offset)

        found = await self._database.read(find)
        if found.upload.kind == "copy":
            raise NotFound
        if found.expires_at is not None and found.expires_at <= now():
            raise UploadExpired
        return found

    async def _receive(self, found: Found, holder: Holder, promise: Promise | None) -> int:
        most = found.upload.length
        if most is None:
            most = await self._creating.room(found.upload)
        try:
            return await self._receiver.receive(found.upload, found.source, holder, most, promise)
        except QuotaExceeded as error:
            if most < self._capabilities.max_size:
                raise
            raise TooLarge(offset=error.facts.get("offset")) from None

    async def _told(self, request: web.Request, upload: Upload, there: int) -> Upload:
        """The upload with the length that a PATCH tells of one that had none."""
        length = tus.told_length(request.headers)
        if length is None:
            return upload
        judge_told_length(UploadState(there, upload.length), length, self._capabilities.max_size)
        if upload.length is not None:
            return upload
        await self._creating.tell_length(upload, length)
        return msgspec.structs.replace(upload, length=length)

    def _promise(self, request: web.Request) -> Promise | None:
        """What the body is to be, if that was said."""
        checksum = tus.checksum(request.headers, self._capabilities)
        return Promise(*checksum) if checksum is not None else None


def _named(upload: Upload) -> dict[str, str]:
    """The header that names the video of an upload that has one."""
    return {VIDEO_HEADER: upload.video_id} if upload.video_id else {}


def _refuse_encoded(request: web.Request) -> None:
    """A compressed body could be a bomb, and its offsets would be nobody's."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EncodingRefused
