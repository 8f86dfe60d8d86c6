"""Changes when: what an upload's URL answers does.

`/files/` speaks tus. An upload's URL is itself the capability to write: stock clients send no
cookie. The answer that creates it names the video in `Reelrace-Video-Id`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import aiofiles
import msgspec
from aiohttp import web

from server.api.receiving import Receiver
from server.api.sessions import principal
from server.api.urls import Urls
from server.errors import EncodingRefused, NotFound
from server.jobs.lifecycle import State
from server.jobs.removal import Removal
from server.protocols import tus
from server.protocols.resumable import (
    UploadState,
    judge_filename,
    judge_outputs,
    judge_title,
    title_of,
)
from server.settings import OUTPUTS
from storage.database import Database, Transaction
from storage.model import Job, Upload, Video, new_id, now
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import sessions as session_rows
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


class Uploads:
    """The resource `/files/`."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        receiver: Receiver,
        removal: Removal,
        urls: Urls,
        max_size: int,
        on_created: Callable[[], None],
    ) -> None:
        """`on_created` is called when there is a new upload."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._receiver = receiver
        self._removal = removal
        self._urls = urls
        self._capabilities = tus.Capabilities(max_size)
        self._on_created = on_created

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
        filename = judge_filename(tus.text_of(creation.fields, "filename"))
        title = judge_title(tus.text_of(creation.fields, "title"))
        outputs = judge_outputs(tus.text_of(creation.fields, "outputs"), OUTPUTS)
        owner = principal(request)
        at = now()
        upload = Upload(
            id=new_id(),
            source_id=new_id(),
            video_id=new_id(),
            start=0,
            length=creation.length,
            mark=0,
            boot=self._sources.boot,
            metadata=creation.metadata,
            created_at=at,
            updated_at=at,
        )
        video = Video(
            id=upload.video_id,
            owner=owner,
            title=title or title_of(filename),
            filename=filename,
            source_id=upload.source_id,
            edition_id=None,
            access="private",
            access_version=1,
            outputs=msgspec.json.encode(outputs).decode(),
            created_at=at,
        )
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._sources.create, upload.source_id)
        await self._database.write(lambda tx: _record(tx, upload, video))
        self._on_created()
        offset = 0
        if creation.with_upload:
            offset = await self._receive(upload, request)
        state = UploadState(offset, upload.length)
        location = self._urls.absolute(request, f"/files/{upload.id}")
        headers = tus.created(location, state) | {VIDEO_HEADER: video.id}
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
        _refuse_encoded(request)
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
        upload = await self._upload(request)
        await self._receiver.settle(upload.id, NotFound())
        # Who comes from now on waits, and then finds nothing to write into.
        async with self._receiver.claim(upload.id, 0, request.content):
            upload = await self._upload(request)
            if upload.mark < upload.length:
                video = await self._database.read(lambda tx: video_rows.get(tx, upload.video_id))
                if video is not None:
                    await self._removal.remove(video)
            else:
                await self._database.write(lambda tx: upload_rows.remove(tx, upload.id))
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._executor, self._sources.erase_mark, upload.id)
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
        return await self._existing(request.match_info["upload"])

    async def _existing(self, upload_id: str) -> Upload:
        def find(tx: Transaction) -> Upload | None:
            upload = upload_rows.get(tx, upload_id)
            return upload if upload and video_rows.get(tx, upload.video_id) else None

        upload = await self._database.read(find)
        if upload is None:
            raise NotFound
        return upload

    async def _receive(self, upload: Upload, request: web.Request) -> int:
        async with self._receiver.claim(upload.id, 0, request.content) as holder:
            upload = await self._existing(upload.id)  # its video may have been deleted just now
            return await self._receiver.receive(upload, holder)


def _record(tx: Transaction, upload: Upload, video: Video) -> None:
    session_rows.touch(tx, video.owner, video.created_at)
    upload_rows.create(tx, upload)
    video_rows.create(tx, video)
    event_rows.add(tx, video.id, "created", {})
    job_rows.create(
        tx,
        Job(
            id=new_id(),
            kind="process",
            video_id=video.id,
            edition_id=None,
            owner=video.owner,
            state=State.CREATED,
            epoch=0,
            attempts=0,
            misses=0,
            priority=0,
            parked_at=None,
            error_code=None,
            error_detail=None,
            warnings="[]",
            progress="{}",
            created_at=video.created_at,
            started_at=None,
            ended_at=None,
        ),
    )


def _refuse_encoded(request: web.Request) -> None:
    """A compressed body could be a bomb, and its offsets would be nobody's."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EncodingRefused
