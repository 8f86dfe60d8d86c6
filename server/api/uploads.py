"""Changes when: what an upload's URL answers does.

`/files/` speaks tus, and the IETF's resumable uploads (`rufh.py`), as each request does. An
upload's URL is itself the capability to write: stock clients send no cookie. The answer that
creates it names the video in `Reelrace-Video-Id`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiofiles
import msgspec
from aiohttp import web

from server.api.creating import Creating, Wish
from server.api.finding import Finding, named, refuse_encoded
from server.api.receiving import Receiver
from server.api.rufh import Rufh
from server.api.sessions import principal
from server.api.turns import body_of
from server.api.urls import Urls
from server.errors import FinalUpload
from server.jobs.arrival import Arrival
from server.protocols import metadata, rufh, tus
from server.protocols.resumable import UploadState, judge_told_length
from storage.database import Database
from storage.digests import ALGORITHMS, Promise
from storage.model import Upload
from storage.ranges import Ranges
from storage.records import uploads as upload_rows
from storage.sources import Sources

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


class Uploads:
    """The resource `/files/`."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        creating: Creating,
        arrival: Arrival,
        receiver: Receiver,
        finding: Finding,
        ietf: Rufh,
        urls: Urls,
        max_size: int,
    ) -> None:
        self._database = database
        self._sources = sources
        self._creating = creating
        self._arrival = arrival
        self._receiver = receiver
        self._finding = finding
        self._ietf = ietf
        self._urls = urls
        self._capabilities = tus.Capabilities(
            max_size, defers_length=True, expires=True, concatenates=True, checksums=ALGORITHMS
        )

    def routes(self) -> list[web.RouteDef]:
        """Of tus, POST may stand for any method (X-HTTP-Method-Override)."""
        one = "/files/{upload:[0-9a-f]{32}}"
        create = _either(self.create, self._ietf.create)
        put = _either(_not_allowed, self._ietf.create)
        return [
            web.options("/files/", self.options),
            web.post("/files/", create),
            web.put("/files/", put),
            web.post("/files", create),
            web.put("/files", put),
            web.options(one, self.options),
            web.head(one, _either(self.head, self._ietf.head)),
            web.patch(one, _either(self.append, self._ietf.append)),
            web.delete(one, _either(self.delete, self._ietf.delete)),
            web.get(one, self.download, allow_head=False),
            web.post(one, _either(self.overridden, _not_allowed)),
        ]

    async def options(self, request: web.Request) -> web.Response:
        """What is spoken here; also the answer to a browser's preflight."""
        headers = tus.options(self._capabilities) | self._ietf.options()
        headers["Accept-Patch"] += f", {tus.CONTENT_TYPE}"
        if "Access-Control-Request-Method" in request.headers:
            headers["Access-Control-Allow-Methods"] = ", ".join(rufh.METHODS)
            headers["Access-Control-Allow-Headers"] = f"{tus.ALLOWED}, {rufh.ALLOWED}"
            headers["Access-Control-Max-Age"] = "86400"
        return web.Response(status=204, headers=headers)

    async def create(self, request: web.Request) -> web.Response:
        """A new upload, and the video that its bytes will be."""
        refuse_encoded(request)
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
            async with self._receiver.claim(upload.id, 0, body_of(request)) as holder:
                found = await self._finding.existing(upload.id)  # it may have been deleted just now
                offset = await self._receiver.acknowledge(found.upload)
                if not offset:  # of a window that was asked for before there may be more
                    offset = await self._finding.receive(found, holder, promise)
        location = self._urls.absolute(request, f"/files/{upload.id}")
        headers = tus.created(location, offset, made.expires_at) | named(upload)
        return web.Response(status=201, headers=headers)

    async def head(self, request: web.Request) -> web.Response:
        """Where the upload is. Whoever was writing is ended first: the answer must hold."""
        tus.check_version(request.headers)
        upload_id = request.match_info["upload"]
        await self._finding.existing(upload_id)
        await self._receiver.settle(upload_id)
        found = await self._finding.existing(upload_id)
        upload, offset = found.upload, found.offset
        if offset is not None and upload.kind != "joined":
            offset = await self._receiver.acknowledge(upload)
        standing = tus.Standing(
            offset, upload.length, upload.metadata, found.expires_at, upload.recipe
        )
        return web.Response(headers=tus.standing(standing) | named(upload))

    async def append(self, request: web.Request) -> web.Response:
        """More bytes, at the offset that they are meant for."""
        refuse_encoded(request)
        offset = tus.append(request.headers)
        promise = self._promise(request)
        upload_id = request.match_info["upload"]
        if (await self._finding.existing(upload_id)).upload.kind == "joined":
            raise FinalUpload
        async with self._receiver.claim(upload_id, offset, body_of(request)) as holder:
            found = await self._finding.existing(upload_id)
            there = await self._receiver.acknowledge(found.upload)
            tus.judge(request.headers, UploadState(there, found.upload.length))
            found = found._replace(upload=await self._told(request, found.upload, there))
            reached = await self._finding.receive(found, holder, promise)
        done = found.upload.kind == "whole" and reached == found.upload.length
        expires_at = None if done else self._arrival.expiry()
        return web.Response(status=204, headers=tus.appended(reached, expires_at))

    async def delete(self, request: web.Request) -> web.Response:
        """Ends the upload. An unfinished one takes its video with it."""
        tus.check_version(request.headers)
        await self._finding.end(request.match_info["upload"], body_of(request))
        return web.Response(status=204, headers={"Tus-Resumable": tus.VERSION})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes that are there, for whoever holds the URL."""
        upload, source, offset = await self._finding.existing(request.match_info["upload"])
        path = self._sources.path(upload.source_id)
        if source.ended and (upload.start, upload.length) == (0, source.length):
            return web.FileResponse(path, headers=_DOWNLOAD)
        if upload.kind == "joined":
            parts = await self._database.read(lambda tx: upload_rows.parts(tx, source.id))
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


def _either(of_tus: Handler, of_the_ietf: Handler) -> Handler:
    """Whichever handler is of the protocol that a request is of."""

    async def handler(request: web.Request) -> web.StreamResponse:
        spoken = of_the_ietf if rufh.is_spoken(request.headers) else of_tus
        return await spoken(request)

    return handler


async def _not_allowed(request: web.Request) -> web.StreamResponse:
    """A method that only the other protocol has here."""
    resource = request.match_info.route.resource
    assert resource is not None
    methods = {route.method for route in resource} - {request.method}
    raise web.HTTPMethodNotAllowed(request.method, sorted(methods))
