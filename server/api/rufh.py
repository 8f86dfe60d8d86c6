"""Changes when: what an upload's URL answers to the IETF's resumable uploads does.

The same resource as that of tus, and the same uploads: what one began the other may go on with.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import web

from server.api.creating import Creating, Wish
from server.api.finding import Finding, Found, named, refuse_encoded
from server.api.interim import Interim
from server.api.receiving import Receiver
from server.api.sessions import principal
from server.api.turns import body_of
from server.api.urls import Urls
from server.errors import (
    BodyTooLong,
    ChecksumMismatch,
    ContentMismatch,
    DigestFieldInvalid,
    FinalUpload,
    LengthInconsistent,
    NotFound,
    RepresentationMismatch,
    UploadExpired,
)
from server.protocols import metadata, rufh, tus
from server.protocols.digests import digest
from server.protocols.disposition import filename
from storage.database import Database
from storage.digests import Promise
from storage.model import Upload, now
from storage.records import uploads as upload_rows


class Rufh:
    """`/files/` in this protocol."""

    def __init__(
        self,
        database: Database,
        creating: Creating,
        receiver: Receiver,
        finding: Finding,
        urls: Urls,
        max_size: int,
    ) -> None:
        self._database = database
        self._creating = creating
        self._receiver = receiver
        self._finding = finding
        self._urls = urls
        self._max_size = max_size

    def options(self) -> dict[str, str]:
        """What OPTIONS tells, whoever asks."""
        return rufh.options(rufh.Bounds(self._max_size))

    async def create(self, request: web.Request) -> web.Response:
        """A new upload, told of as soon as it is there, with its first bytes or all of them."""
        refuse_encoded(request)
        headers = request.headers
        wanted = rufh.creation(headers, rufh.Bounds(self._max_size))
        promise = _promise(request)
        made = await self._creating.create(
            Wish(
                owner=principal(request),
                said=_said(request),
                metadata=headers.get("Upload-Metadata", ""),
                length=wanted.length,
            )
        )
        upload, there = made.upload, made.offset or 0
        reached = there
        bounds, location = self._bounds(made.expires_at), self._location(request, upload)
        with Interim(request, wanted=wanted.resumable) as interim:
            interim.send(rufh.announcement(headers, bounds, location))
            if request.can_read_body and not reached:
                async with (
                    self._refusing(request, upload),
                    self._receiver.claim(upload.id, 0, body_of(request)) as holder,
                ):
                    found = await self._finding.existing(upload.id)  # it may have been deleted
                    there = reached = await self._receiver.acknowledge(found.upload)
                    if not there:  # of a window that was asked for before there may be more
                        told = _progress(request, interim)
                        reached = await self._finding.receive(found, holder, promise, told)
        # A body behind what was there is not read: with it, the upload is as complete as it was.
        complete = wanted.complete and (not there or there == upload.length)
        if complete:
            await self._complete(upload, reached)
        state = rufh.State(reached, upload.length, complete)
        answer = rufh.created(headers, state, bounds, location)
        return web.Response(status=201, headers=answer | named(upload))

    async def head(self, request: web.Request) -> web.Response:
        """Where the upload is. Whoever was writing is ended first: the answer must hold."""
        rufh.check_version(request.headers)
        upload_id = request.match_info["upload"]
        await self._finding.existing(upload_id)
        await self._receiver.settle(upload_id)
        found = await self._finding.existing(upload_id)
        bounds = self._bounds(found.expires_at)
        answer = rufh.standing(request.headers, await self._state(found), bounds)
        return web.Response(status=204, headers=answer | named(found.upload))

    async def append(self, request: web.Request) -> web.Response:
        """More bytes. Whoever was writing is ended first: its client has given up on it."""
        refuse_encoded(request)
        headers, upload_id = request.headers, request.match_info["upload"]
        wanted, promise = rufh.append(headers), _promise(request)
        found = await self._finding.existing(upload_id)
        if found.upload.kind == "joined":
            raise FinalUpload
        await self._receiver.settle(upload_id)
        async with (
            self._refusing(request, found.upload),
            self._receiver.claim(upload_id, wanted.offset, body_of(request)) as holder,
        ):
            found = await self._finding.existing(upload_id)
            bounds = self._bounds(found.expires_at)
            length = rufh.judge(headers, await self._state(found), bounds)
            found = found._replace(upload=await self._told(found.upload, length))
            upload = found.upload
            with Interim(request, wanted=rufh.version(headers) is not None) as interim:
                told = _progress(request, interim)
                reached = await self._finding.receive(found, holder, promise, told)
            if wanted.complete:
                await self._complete(upload, reached)
        bounds = self._bounds((await self._finding.existing(upload_id)).expires_at)
        state = rufh.State(reached, upload.length, wanted.complete)
        if not wanted.complete:
            answer = rufh.appended(headers, state, bounds)
            return web.Response(status=204, headers=answer | named(upload))
        answer = rufh.created(headers, state, bounds, self._location(request, upload))
        return web.Response(status=201, headers=answer | named(upload))

    async def delete(self, request: web.Request) -> web.Response:
        """Ends the upload. An unfinished one takes its video with it."""
        rufh.check_version(request.headers)
        await self._finding.end(request.match_info["upload"], body_of(request))
        return web.Response(status=204, headers=rufh.cancelled(request.headers))

    async def _state(self, found: Found) -> rufh.State:
        upload, offset = found.upload, found.offset or 0
        if upload.kind != "joined":
            offset = await self._receiver.acknowledge(upload)
        complete = await self._database.read(lambda tx: upload_rows.is_complete(tx, upload.id))
        return rufh.State(offset, upload.length, complete)

    async def _told(self, upload: Upload, length: int | None) -> Upload:
        """The upload with the length that is known by now."""
        if length is None or upload.length is not None:
            return upload
        await self._creating.tell_length(upload, length)
        return msgspec.structs.replace(upload, length=length)

    async def _complete(self, upload: Upload, reached: int) -> None:
        """Raises `LengthInconsistent`, `RepresentationMismatch`."""
        rufh.judge_completion(reached, upload.length)
        await self._told(upload, reached)
        await self._database.write(lambda tx: upload_rows.complete(tx, upload.id))
        source = await self._database.read(lambda tx: upload_rows.get_source(tx, upload.source_id))
        if source is not None and source.refused:
            raise RepresentationMismatch

    @contextlib.asynccontextmanager
    async def _refusing(self, request: web.Request, upload: Upload) -> AsyncIterator[None]:
        """Tells of a body that is not as it should be in the words of this protocol.

        One that is too long ends the upload, as DELETE does: what was made of it is whole.
        """
        try:
            yield
        except ChecksumMismatch:
            raise ContentMismatch from None
        except BodyTooLong as error:
            detail = "the body did not end with the upload"
            if upload.kind != "whole" or not rufh.invalidates(request.headers):
                raise LengthInconsistent(detail, **error.facts) from None
            with contextlib.suppress(NotFound, UploadExpired):  # somebody else was faster
                await self._finding.end(upload.id, body_of(request))
            raise LengthInconsistent(f"{detail}, which is gone now") from None

    def _bounds(self, expires_at: int | None) -> rufh.Bounds:
        age = None if expires_at is None else max(0, expires_at - now()) // 1000
        return rufh.Bounds(self._max_size, age)

    def _location(self, request: web.Request, upload: Upload) -> str:
        return self._urls.absolute(request, f"/files/{upload.id}")


def _progress(request: web.Request, interim: Interim) -> Callable[[int], None]:
    """Who tells the client what has been acknowledged."""
    return lambda offset: interim.send(rufh.progress(request.headers, offset))


def _promise(request: web.Request) -> Promise | None:
    """What the body is to be, if that is said."""
    said = digest(request.headers.get("Content-Digest"))
    return Promise(said.algorithm.replace("-", ""), said.value) if said else None


def _said(request: web.Request) -> metadata.Metadata:
    """What is said of the file: in Upload-Metadata, as in tus, and in fields of HTTP's own."""
    fields = tus.metadata(request.headers.get("Upload-Metadata", ""))
    name = filename(request.headers.get("Content-Disposition", ""))
    if name and "filename" not in fields:
        fields["filename"] = name.encode("utf-8", "surrogateescape")
    said = metadata.read(fields)
    whole = digest(request.headers.get("Repr-Digest"))
    if whole is None or whole.algorithm != "sha-256":
        return said
    if said.promised not in (None, whole.value.hex()):
        raise DigestFieldInvalid("Upload-Metadata has another sha256")
    return msgspec.structs.replace(said, promised=whole.value.hex())
