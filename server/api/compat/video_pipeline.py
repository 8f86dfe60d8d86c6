"""Changes when: the chunk upload of "Video Processing & Storage Pipeline" does.

`initiate` tells what is to come, `chunk` brings a part of it, in any order and as often as need be,
and `complete` says what is missing. A chunk is a window of the upload's source. Names may be
written in either way, `upload_id` or `uploadId`; answers have both.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from server.api.creating import WINDOWS, Creating, Wish
from server.api.finding import Finding, Found, refuse_encoded
from server.api.forms import File, Form
from server.api.receiving import Receiver
from server.api.sessions import principal
from server.api.turns import Body, body_of
from server.errors import (
    BadRequest,
    BodyTimeout,
    ChunkInvalid,
    FormInvalid,
    NotFound,
    RepresentationMismatch,
    UploadIncomplete,
)
from server.protocols import metadata, tus
from server.protocols.resumable import judge_length
from storage.database import Database, Transaction
from storage.digests import ALGORITHMS, Promise
from storage.model import Part, new_id
from storage.ranges import Ranges
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows

_CHUNK = 1 << 20
"""Bytes of a chunk if nothing else is asked for."""
_MOST = WINDOWS - 1
"""Chunks of an upload; those of a larger one are larger. The window that is missing is the first
one, which has no bytes: it stands for the whole upload."""
_LONGEST = 1 << 16
"""Bytes of a request that is no chunk."""
_TOLD = 100
"""Missing ranges that are told at once."""
_ID = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SIZE = re.compile(rb"[1-9][0-9]{0,11}")
_CAMEL = re.compile(r"_([a-z])")
_OURS = {"assembly", "start", "size", "chunk_size"}


class _Chunk(NamedTuple):
    """A stretch of a file, and the upload that it is of."""

    found: Found
    assembly: str
    start: int
    length: int


class VideoPipeline:
    """`/api/videos/upload/`."""

    def __init__(
        self,
        database: Database,
        creating: Creating,
        receiver: Receiver,
        finding: Finding,
        max_size: int,
        patience: float,
    ) -> None:
        """`patience`: seconds for a request that is no chunk."""
        self._database = database
        self._creating = creating
        self._receiver = receiver
        self._finding = finding
        self._max_size = max_size
        self._patience = patience

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/videos/upload/initiate", self.initiate),
            web.post("/api/videos/upload/chunk", self.chunk),
            web.post("/api/videos/upload/complete", self.complete),
        ]

    async def initiate(self, request: web.Request) -> web.Response:
        """A video that is to come in chunks, and how large they are to be."""
        said = await self._json(request)
        size = _whole(said, "size", "file_size")
        if size is None:
            raise BadRequest("size must be a whole number of bytes")
        judge_length(size, self._max_size)
        asked = _whole(said, "chunk_size") or _CHUNK
        chunk_size = max(asked, -(-size // _MOST))
        window = {"assembly": new_id(), "start": "0", "size": str(size)}
        fields = _fields(said) | {name: text.encode() for name, text in window.items()}
        kept = window | {"chunk_size": str(chunk_size)}
        made = await self._creating.create(
            Wish(principal(request), metadata.read(fields), _written(kept), length=0)
        )
        return _answer(
            upload_id=made.upload.id,
            video_id=made.upload.video_id,
            chunk_size=chunk_size,
            expires_at=made.expires_at,
        )

    async def chunk(self, request: web.Request) -> web.Response:
        """A chunk: the body itself, with its place in the query, or in a form behind its place."""
        refuse_encoded(request)
        if request.content_type != "multipart/form-data":
            return await self._receive(request.query, body_of(request))
        form = Form(request, self._patience)
        place: dict[str, str] = {**request.query}
        async for part in form.parts():
            if part.name in ("chunk", "file"):
                return await self._receive(place, body_of(request, File(part)))
            if part.name:
                place[part.name] = (await form.text(part)).decode("utf-8", "replace")
        raise FormInvalid("no part of it is called chunk")

    async def complete(self, request: web.Request) -> web.Response:
        """The video, or what of it is missing."""
        said = await self._json(request)
        found = await self._found(_one(said, "upload_id"))

        def read(tx: Transaction) -> tuple[list[Part], str]:
            job = job_rows.of_videos(tx, [found.upload.video_id])[0]
            return upload_rows.parts(tx, found.source.id), job.id

        parts, job_id = await self._database.read(read)
        there = Ranges((part.start, part.start + part.mark) for part in parts)
        missing = [] if found.source.ended else there.lacking(0, found.source.length or 0)
        ranges = [list(one) for one, _ in zip(missing, range(_TOLD), strict=False)]
        if ranges:
            raise UploadIncomplete(missing=ranges)
        if found.source.refused:
            raise RepresentationMismatch
        return _answer(video_id=found.upload.video_id, job_id=job_id)

    async def _receive(self, place: Mapping[str, str], body: Body) -> web.Response:
        chunk = await self._place(place)
        fields = {
            "assembly": chunk.assembly.encode(),
            "start": str(chunk.start).encode(),
        }
        said = metadata.read(fields)
        wish = Wish(chunk.found.source.owner, said, metadata="", length=chunk.length)
        upload_id = (await self._creating.create(wish)).upload.id
        await self._receiver.settle(upload_id)  # whoever sends it again has given up on it
        promise = _promise(_one(place, "checksum"))
        async with self._receiver.claim(upload_id, 0, body) as holder:
            found = await self._finding.existing(upload_id)
            there = await self._receiver.acknowledge(found.upload)
            await self._receiver.pass_over(holder, there, promise)
            reached = await self._finding.receive(found, holder, promise)
        if reached < chunk.length:
            raise ChunkInvalid(f"{reached} of {chunk.length} bytes came")
        return _answer(upload_id=chunk.found.upload.id, offset=chunk.start, size=chunk.length)

    async def _place(self, said: Mapping[str, str]) -> _Chunk:
        """Raises `NotFound` or `ChunkInvalid`."""
        found = await self._found(_one(said, "upload_id"))
        kept = tus.metadata(found.upload.metadata)
        chunk_size, size = int(kept["chunk_size"]), found.source.length or 0
        index, start = _whole(said, "index", "chunk_index"), _whole(said, "offset")
        if index is not None:
            start = index * chunk_size
        if start is None or start % chunk_size or start >= size:
            raise ChunkInvalid(f"chunks begin at every {chunk_size} bytes, up to {size}")
        length = min(chunk_size, size - start)
        assert found.source.assembly is not None
        return _Chunk(found, found.source.assembly, start, length)

    async def _found(self, upload_id: object) -> Found:
        """An upload that was initiated here. Its id is the right to it, as a URL is."""
        if not isinstance(upload_id, str) or not _ID.fullmatch(upload_id):
            raise NotFound
        found = await self._finding.existing(upload_id)
        # Anybody may write what they like into metadata; only what was made here is a window.
        size = tus.metadata(found.upload.metadata).get("chunk_size", b"")
        ours = found.upload.kind == "window" and found.source.assembly is not None
        if not ours or not _SIZE.fullmatch(size):
            raise NotFound
        return found

    async def _json(self, request: web.Request) -> dict[str, Any]:
        data, body = b"", body_of(request)
        try:
            async with asyncio.timeout(self._patience):
                while len(data) <= _LONGEST and (more := await body.read(_LONGEST)):
                    data += more
        except TimeoutError:
            raise BodyTimeout from None
        if len(data) > _LONGEST:
            raise BadRequest(f"at most {_LONGEST} bytes")
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except RecursionError as error:
            raise BadRequest("it is nested too deeply") from error
        except msgspec.DecodeError as error:
            raise BadRequest(str(error)) from error


def _one(said: Mapping[str, Any], *names: str) -> object:
    """What is said under one of these names, written either way."""
    for name in names:
        for written in (name, _camel(name)):
            if written in said:
                return said[written]
    return None


def _whole(said: Mapping[str, Any], *names: str) -> int | None:
    """The same as a number, zero or more; None if it is none."""
    found = _one(said, *names)
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        return int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found < 1 << 60 else None


def _promise(checksum: object) -> Promise | None:
    """What the bytes of a chunk are to be, as Upload-Checksum has it."""
    headers = {"Upload-Checksum": checksum} if isinstance(checksum, str) else {}
    found = tus.checksum(headers, tus.Capabilities(0, checksums=ALGORITHMS))
    return Promise(*found) if found else None


def _fields(said: Mapping[str, Any]) -> dict[str, bytes]:
    """What is said of the file, as Upload-Metadata would have it."""
    given = said.get("metadata") or {}
    if not isinstance(given, dict):
        raise BadRequest("metadata must be an object")
    top = {"filename": _one(said, "filename", "file_name"), "sha256": said.get("sha256")}
    everything = {k: v for k, v in {**given, **top}.items() if v is not None and k not in _OURS}
    return {key: _text(value).encode("utf-8", "replace") for key, value in everything.items()}


def _text(value: object) -> str:
    """Of a list, its members with commas between them; what is no text is as in JSON."""
    return ",".join(map(_word, value)) if isinstance(value, list) else _word(value)


def _word(value: object) -> str:
    try:
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    except RecursionError as error:
        raise BadRequest("the metadata are nested too deeply") from error


def _written(fields: Mapping[str, str]) -> str:
    """As Upload-Metadata."""
    pairs = (f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in fields.items())
    return ",".join(pairs)


def _camel(name: str) -> str:
    return _CAMEL.sub(lambda match: match[1].upper(), name)


def _answer(**told: object) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(told | {_camel(name): value for name, value in told.items()}),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
