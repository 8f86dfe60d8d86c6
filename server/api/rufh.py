"""Changes when: what an upload's URL answers to the IETF's resumable uploads does.

The same resource as that of tus, and the same uploads: what one began the other may go on with.
"""

from __future__ import annotations

from aiohttp import web

from server.api.creating import VIDEO_HEADER, Creating, Named, refuse_encoded
from server.api.interim import Interim
from server.api.receiving import Receiver
from server.api.sessions import principal
from server.api.urls import Urls
from server.errors import BodyTooLong, LengthInconsistent, LengthRequired
from server.protocols import rufh, tus
from server.protocols.digests import digest
from server.protocols.disposition import filename
from storage.database import Database
from storage.model import Upload
from storage.records import uploads as upload_rows


class Rufh:
    """`/files/` in this protocol."""

    def __init__(
        self,
        database: Database,
        receiver: Receiver,
        creating: Creating,
        urls: Urls,
        max_size: int,
    ) -> None:
        self._database = database
        self._receiver = receiver
        self._creating = creating
        self._urls = urls
        self._bounds = rufh.Bounds(max_size)

    def options(self) -> dict[str, str]:
        """What OPTIONS tells, whoever asks."""
        return rufh.options(self._bounds)

    async def create(self, request: web.Request) -> web.Response:
        """A new upload, told of as soon as it is there, with its first bytes or all of them."""
        refuse_encoded(request)
        wanted = rufh.creation(request.headers, self._bounds)
        _check_digests(request)
        if wanted.length is None:
            raise LengthRequired
        owner = principal(request)
        upload = (await self._creating.create(owner, wanted.length, _named(request))).upload
        headers, location = request.headers, self._location(request, upload)
        reached = 0
        with Interim(request, wanted=wanted.resumable) as interim:
            interim.send(rufh.announcement(headers, self._bounds, location))
            if request.can_read_body:
                try:
                    reached = await self._creating.receive(
                        upload,
                        request.content,
                        lambda offset: interim.send(rufh.progress(headers, offset)),
                    )
                except BodyTooLong as error:
                    raise await self._too_long(request, upload, error) from None
        if wanted.complete:
            await self._complete(upload, reached)
        state = rufh.State(reached, upload.length, wanted.complete)
        return self._answer(201, upload, rufh.created(headers, state, self._bounds, location))

    async def head(self, request: web.Request) -> web.Response:
        """Where the upload is. Whoever was writing is ended first: the answer must hold."""
        rufh.check_version(request.headers)
        upload = await self._upload(request)
        await self._receiver.settle(upload.id)
        upload = await self._upload(request)
        state = await self._state(upload)
        return self._answer(204, upload, rufh.standing(request.headers, state, self._bounds))

    async def append(self, request: web.Request) -> web.Response:
        """More bytes. Whoever was writing is ended first: its client has given up on it."""
        refuse_encoded(request)
        headers = request.headers
        wanted = rufh.append(headers)
        _check_digests(request)
        upload = await self._upload(request)
        await self._receiver.settle(upload.id)
        async with self._receiver.claim(upload.id, wanted.offset, request.content) as holder:
            upload = await self._upload(request)
            rufh.judge(headers, await self._state(upload), self._bounds)
            with Interim(request, wanted=rufh.version(headers) is not None) as interim:
                try:
                    reached = await self._receiver.receive(
                        upload,
                        holder,
                        lambda offset: interim.send(rufh.progress(headers, offset)),
                    )
                except BodyTooLong as error:
                    raise await self._too_long(request, upload, error) from None
            if wanted.complete:
                await self._complete(upload, reached)
        state = rufh.State(reached, upload.length, wanted.complete)
        if not wanted.complete:
            return self._answer(204, upload, rufh.appended(headers, state, self._bounds))
        location = self._location(request, upload)
        return self._answer(201, upload, rufh.created(headers, state, self._bounds, location))

    async def delete(self, request: web.Request) -> web.Response:
        """Ends the upload. An unfinished one takes its video with it."""
        rufh.check_version(request.headers)
        await self._creating.end(await self._upload(request), request.content)
        return web.Response(status=204, headers=rufh.cancelled(request.headers))

    async def _upload(self, request: web.Request) -> Upload:
        return await self._creating.existing(request.match_info["upload"])

    async def _state(self, upload: Upload) -> rufh.State:
        offset = await self._receiver.acknowledge(upload)
        complete = await self._database.read(lambda tx: upload_rows.is_complete(tx, upload.id))
        return rufh.State(offset, upload.length, complete)

    async def _complete(self, upload: Upload, reached: int) -> None:
        rufh.judge_completion(reached, upload.length)
        await self._database.write(lambda tx: upload_rows.complete(tx, upload.id))

    async def _too_long(
        self, request: web.Request, upload: Upload, error: BodyTooLong
    ) -> LengthInconsistent:
        """The refusal of a body that did not end where it should have."""
        if rufh.invalidates(request.headers):
            await self._creating.remove(upload)
            return LengthInconsistent("the body did not end with the upload, which is gone now")
        return LengthInconsistent("the body did not end with the upload", **error.facts)

    def _location(self, request: web.Request, upload: Upload) -> str:
        return self._urls.absolute(request, f"/files/{upload.id}")

    def _answer(self, status: int, upload: Upload, headers: dict[str, str]) -> web.Response:
        told = headers | {VIDEO_HEADER: upload.video_id}
        return web.Response(status=status, headers=told)


def _named(request: web.Request) -> Named:
    """What is said of the file, in Upload-Metadata as tus has it, or in Content-Disposition."""
    header = request.headers.get("Upload-Metadata", "")
    fields = tus.metadata(header)
    named = filename(request.headers.get("Content-Disposition", ""))
    return Named(
        filename=tus.text_of(fields, "filename") or named,
        title=tus.text_of(fields, "title"),
        outputs=tus.text_of(fields, "outputs"),
        metadata=header,
    )


def _check_digests(request: web.Request) -> None:
    """Refuses those that cannot be read."""
    for name in ("Content-Digest", "Repr-Digest"):
        digest(request.headers.get(name))
