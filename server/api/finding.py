"""Changes when: how an upload that is there is found, written into or ended does.

Whatever protocol it is asked in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

from aiohttp import web

from server.api.creating import joined_offset
from server.api.quotas import Quotas
from server.api.receiving import Holder, Receiver
from server.api.turns import Body
from server.errors import BodyTooLong, EncodingRefused, NotFound, UploadExpired
from server.jobs.removal import Removal
from storage.database import Database, Transaction
from storage.digests import Promise
from storage.model import Source, Upload, now
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows

VIDEO_HEADER = "Reelrace-Video-Id"


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


class Finding:
    """Uploads that are there."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        quotas: Quotas,
        receiver: Receiver,
        removal: Removal,
    ) -> None:
        self._database = database
        self._quotas = quotas
        self._executor = executor
        self._receiver = receiver
        self._removal = removal

    async def existing(self, upload_id: str) -> Found:
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

    async def receive(
        self,
        found: Found,
        holder: Holder,
        promise: Promise | None = None,
        on_acknowledged: Callable[[int], None] | None = None,
    ) -> int:
        """Writes a body into it, as `Receiver.receive` does; never more than there may be."""
        upload = found.upload
        room = partial(_room if upload.length is not None else self._quotas.give_room, upload)
        try:
            return await self._receiver.receive(
                upload, found.source, holder, room, promise, on_acknowledged
            )
        finally:
            if upload.length is None:
                await self._quotas.take_back(upload)

    async def end(self, upload_id: str, body: Body) -> None:
        """Ends an upload. An unfinished one takes its video with it."""
        await self.existing(upload_id)
        await self._receiver.settle(upload_id, NotFound())
        # Who comes from now on waits, and then finds nothing to write into.
        async with self._receiver.claim(upload_id, 0, body):
            upload, source, _ = await self.existing(upload_id)
            await self._end(upload, source)

    async def remove(self, upload: Upload) -> None:
        """Takes an upload's video away, and the upload with it."""
        video = await self._database.read(lambda tx: video_rows.get(tx, upload.video_id))
        if video is not None:
            await self._removal.remove(video)

    async def _end(self, upload: Upload, source: Source) -> None:
        if upload.video_id and not source.ended:
            await self.remove(upload)
            return
        await self._database.write(lambda tx: upload_rows.remove(tx, upload.id))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._removal.forget, upload)


async def _room(upload: Upload, offset: int, size: int) -> int:
    """Up to where an upload whose length is known may have bytes."""
    assert upload.length is not None
    if offset + size > upload.length:
        raise BodyTooLong(offset=offset)
    return upload.length


def named(upload: Upload) -> dict[str, str]:
    """The header that names the video of an upload that has one."""
    return {VIDEO_HEADER: upload.video_id} if upload.video_id else {}


def refuse_encoded(request: web.Request) -> None:
    """A compressed body could be a bomb, and its offsets would be nobody's."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EncodingRefused
