"""Changes when: the form upload of "Multi-Video Upload" (DANCEPIXEL) does.

One request, one form: `file`, and perhaps `user_session`. Nothing says how long the file is
before it has come. A form cannot be resumed: of one that is not whole nothing stays, whatever ended
it. All the rest is as with any upload.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import BodyPartReader, web

from server.api.creating import Creating, Wish
from server.api.finding import Finding, refuse_encoded
from server.api.forms import File, Form
from server.api.receiving import Receiver
from server.api.sessions import claim, is_nobody, principal, session
from server.api.turns import body_of
from server.errors import FormInvalid, RepresentationMismatch
from server.protocols import metadata
from storage.database import Database, Transaction
from storage.model import Upload
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows


class MultiVideoUpload:
    """`POST /upload`."""

    def __init__(
        self,
        database: Database,
        creating: Creating,
        receiver: Receiver,
        finding: Finding,
        patience: float,
    ) -> None:
        """`patience`: seconds for what stands between two parts, and for a field."""
        self._database = database
        self._creating = creating
        self._receiver = receiver
        self._finding = finding
        self._patience = patience
        self._forgetting: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/upload", self.upload)]

    async def upload(self, request: web.Request) -> web.Response:
        """A video from a form. Fields before the file say more of it, as Upload-Metadata does."""
        refuse_encoded(request)
        upload: Upload | None = None
        fields: dict[str, bytes] = {}
        form = Form(request, self._patience)
        try:
            async for part in form.parts():
                if part.name == "file" and upload is None:
                    upload = await self._receive(request, part, fields)
                elif part.name == "user_session":
                    await self._claim(request, upload, await form.text(part))
                elif part.name and part.name != "file":
                    fields[part.name] = await form.text(part)
        except BaseException:
            if upload is not None:
                await self._forget(upload)
            raise
        if upload is None:
            raise FormInvalid("no part of it is called file")
        return await self._answer(request, upload)

    async def _receive(
        self, request: web.Request, part: BodyPartReader, fields: dict[str, bytes]
    ) -> Upload:
        named = {**fields, "filename": (part.filename or "").encode("utf-8", "surrogateescape")}
        wish = Wish(principal(request), metadata.read(named), metadata="", length=None)
        upload = (await self._creating.create(wish)).upload
        try:
            async with self._receiver.claim(upload.id, 0, body_of(request, File(part))) as holder:
                found = await self._finding.existing(upload.id)  # it may have been deleted
                reached = await self._finding.receive(found, holder)
            await self._creating.tell_length(upload, reached)
        except BaseException:
            await self._forget(upload)
            raise
        return upload

    async def _forget(self, upload: Upload) -> None:
        """Nobody can go on with it. Done also if the request is ended meanwhile."""
        task = asyncio.create_task(self._finding.remove(upload))
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)
        await asyncio.shield(task)

    async def _claim(self, request: web.Request, upload: Upload | None, secret: bytes) -> None:
        """Who is asking. What came under no session before it was told is theirs as well."""
        nobodys = is_nobody(request)
        owner = claim(request, secret.decode("ascii", "replace"))
        if upload is not None and nobodys:
            await self._creating.give(upload, owner)

    async def _answer(self, request: web.Request, upload: Upload) -> web.Response:
        def read(tx: Transaction) -> str:
            source = upload_rows.get_source(tx, upload.source_id)
            if source is not None and source.refused:
                raise RepresentationMismatch
            return job_rows.of_videos(tx, [upload.video_id])[0].id

        told = {
            "job_id": await self._database.read(read),
            "user_session": session(request),
            "video_id": upload.video_id,
        }
        return web.Response(
            body=msgspec.json.encode(told),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )
