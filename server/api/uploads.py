"""Changes when: what an upload's URL answers does.

`/files/` speaks tus, and the IETF's resumable uploads (`rufh.py`), as each request does. An
upload's URL is itself the capability to write: stock clients send no cookie. The answer that
creates it names the video in `Reelrace-Video-Id`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiofiles
from aiohttp import web

from server.api.creating import VIDEO_HEADER, Creating, Named, refuse_encoded
from server.api.receiving import Receiver
from server.api.rufh import Rufh
from server.api.sessions import principal
from server.api.urls import Urls
from server.protocols import rufh, tus
from server.protocols.resumable import UploadState
from storage.model import Upload
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
        sources: Sources,
        receiver: Receiver,
        creating: Creating,
        ietf: Rufh,
        urls: Urls,
        max_size: int,
    ) -> None:
        self._sources = sources
        self._receiver = receiver
        self._creating = creating
        self._ietf = ietf
        self._urls = urls
        self._capabilities = tus.Capabilities(max_size)

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
        named = Named(
            filename=tus.text_of(creation.fields, "filename"),
            title=tus.text_of(creation.fields, "title"),
            outputs=tus.text_of(creation.fields, "outputs"),
            metadata=creation.metadata,
        )
        made = await self._creating.create(principal(request), creation.length, named)
        offset = 0
        if creation.with_upload:
            offset = await self._creating.receive(made.upload, request.content)
        state = UploadState(offset, creation.length)
        location = self._urls.absolute(request, f"/files/{made.upload.id}")
        headers = tus.created(location, state) | {VIDEO_HEADER: made.video.id}
        return web.Response(status=201, headers=headers)

    async def head(self, request: web.Request) -> web.Response:
        """Where the upload is. Whoever was writing is ended first: the answer must hold."""
        tus.check_version(request.headers)
        upload = await self._upload(request)
        await self._receiver.settle(upload.id)
        upload = await self._upload(request)
        offset = await self._receiver.acknowledge(upload)
        headers = tus.standing(UploadState(offset, upload.length), upload.metadata)
        return web.Response(headers=headers | {VIDEO_HEADER: upload.video_id})

    async def append(self, request: web.Request) -> web.Response:
        """More bytes, at the offset that they are meant for."""
        refuse_encoded(request)
        offset = tus.append(request.headers)
        upload = await self._upload(request)
        async with self._receiver.claim(upload.id, offset, request.content) as holder:
            upload = await self._upload(request)
            state = UploadState(await self._receiver.acknowledge(upload), upload.length)
            tus.judge(request.headers, state)
            reached = await self._receiver.receive(upload, holder)
        headers = tus.appended(UploadState(reached, upload.length))
        return web.Response(status=204, headers=headers)

    async def delete(self, request: web.Request) -> web.Response:
        """Ends the upload. An unfinished one takes its video with it."""
        tus.check_version(request.headers)
        await self._creating.end(await self._upload(request), request.content)
        return web.Response(status=204, headers={"Tus-Resumable": tus.VERSION})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes that are there, for whoever holds the URL."""
        upload = await self._upload(request)
        path = self._sources.path(upload.source_id)
        if upload.mark == upload.length:
            return web.FileResponse(path, headers=_DOWNLOAD)
        answer = web.StreamResponse(headers=_DOWNLOAD)
        answer.content_length = there = upload.mark
        await answer.prepare(request)
        async with aiofiles.open(path, "rb") as file:
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

    async def _upload(self, request: web.Request) -> Upload:
        """The upload of a request, as long as its video was not removed."""
        return await self._creating.existing(request.match_info["upload"])


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
