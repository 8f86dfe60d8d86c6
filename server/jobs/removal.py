"""Changes when: what happens when a video is deleted does.

A tombstone and a new epoch first, in one transaction: from then on nobody sees it and nobody
can add to it. Then those are ended who still write, then the work, then the files go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from server.errors import NotFound
from server.jobs.lifecycle import Action, sources, target
from server.jobs.worker import Worker
from storage.database import Database, Transaction
from storage.model import Upload, Video, now
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.retention import Eraser


class Removal:
    """Deletes videos."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        eraser: Eraser,
        executor: Executor,
        end_writing: Callable[[str, Exception], Awaitable[None]],
    ) -> None:
        """`end_writing(upload, error)` returns when nobody writes into an upload any more."""
        self._database = database
        self._worker = worker
        self._end_writing = end_writing
        self._eraser = eraser
        self._executor = executor
        self._running: set[asyncio.Task[None]] = set()

    async def remove(self, video: Video) -> bool:
        """Returns when the video is out of sight; its files are erased soon after.

        False if it was removed already.
        """
        buried = await self._database.write(lambda tx: self._bury(tx, video))
        if buried is None:
            return False
        task = asyncio.create_task(self._erase(video, *buried))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    def forget(self, upload: Upload) -> None:
        """What is left of an upload whose row is gone; of a part, its bytes as well. Blocks."""
        self._eraser.forget_upload(upload)

    async def finish(self) -> None:
        """Waits for the erasing that has begun."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _bury(self, tx: Transaction, video: Video) -> tuple[list[str], list[str]] | None:
        """The ids of its uploads and jobs; None if it is buried already."""
        if not video_rows.bury(tx, video.id, now()):
            return None
        jobs = [job.id for job in job_rows.of_videos(tx, [video.id])]
        for job_id in jobs:
            job_rows.move(tx, job_id, sources(Action.REMOVE), target(Action.REMOVE))
            job_rows.raise_epoch(tx, job_id)
        event_rows.add(tx, video.id, "removed", {})
        return [upload.id for upload in upload_rows.of_video(tx, video.id)], jobs

    async def _erase(self, video: Video, uploads: list[str], jobs: list[str]) -> None:
        for upload_id in uploads:
            await self._end_writing(upload_id, NotFound())
        for job_id in jobs:
            await self._worker.end(job_id, "removed")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._eraser.erase, video)
