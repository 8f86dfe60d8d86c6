"""Changes when: what happens to uploads whose time is over does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from server.errors import UploadExpired
from server.jobs.removal import Removal
from storage.database import Database, Transaction
from storage.model import Source, Video, now
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.retention import Eraser

_REMEMBERED = 30 * 86_400_000
"""Milliseconds for which it is told of an upload that it has expired."""


class Expiry:
    """Collects uploads that were never finished, and parts that were joined long ago."""

    def __init__(
        self,
        database: Database,
        removal: Removal,
        eraser: Eraser,
        executor: Executor,
        end_writing: Callable[[str, Exception], Awaitable[None]],
    ) -> None:
        """`end_writing(upload, error)` returns when nobody writes into an upload any more."""
        self._database = database
        self._removal = removal
        self._eraser = eraser
        self._executor = executor
        self._end_writing = end_writing

    async def sweep(self) -> int:
        """Everything whose time is over goes; how many sources that were."""
        at = now()
        sources = await self._database.read(lambda tx: source_rows.expired(tx, at))
        swept = [await self._expire(source, at) for source in sources]
        await self._database.write(lambda tx: source_rows.forget_expired(tx, at - _REMEMBERED))
        return sum(swept)

    async def _expire(self, source: Source, at: int) -> bool:
        def look(tx: Transaction) -> tuple[list[str], list[Video]] | None:
            """Once nobody writes any more, it may turn out that it was prolonged."""
            if not any(found.id == source.id for found in source_rows.expired(tx, at)):
                return None
            videos = video_rows.of_source(tx, source.id)
            ids = {upload.id for upload in upload_rows.of_source(tx, source.id)}
            ids |= {upload.id for v in videos for upload in upload_rows.of_video(tx, v.id)}
            source_rows.note_expired(tx, sorted(ids), at)
            return sorted(ids), videos

        uploads = await self._database.read(lambda tx: upload_rows.of_source(tx, source.id))
        for upload in uploads:
            await self._end_writing(upload.id, UploadExpired())
        found = await self._database.write(look)
        if found is None:
            return False
        ids, videos = found
        for upload_id in ids:
            await self._end_writing(upload_id, UploadExpired())
        for video in videos:
            await self._removal.remove(video)
        if not videos:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, self._eraser.erase_source, source.id)
        return True
