"""Changes when: what may be worked on once more, and from where, does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from server.jobs.lifecycle import Action
from server.jobs.moves import move
from storage.database import Database, Transaction
from storage.model import Video
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_FRESH = {
    "edition_id": None,
    "attempts": 0,
    "misses": 0,
    "pose_faults": "{}",
    "parked_at": None,
    "error_code": None,
    "error_detail": None,
    "warnings": "[]",
    "progress": "{}",
    "started_at": None,
    "ended_at": None,
}
"""What a job is like that nobody has worked on."""


class Retrying:
    """Lets jobs that ended early begin anew, as if they had just been made.

    What was announced does not change: a new edition is made, and the old one is shown until the
    new one has something to show.
    """

    def __init__(
        self, database: Database, sources: Sources, executor: Executor, ring: Callable[[], None]
    ) -> None:
        """`ring` is called when there is a job to be queued."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._ring = ring

    async def retry(self, video: Video) -> bool:
        """False if its job did not end early, or nothing is there of its source."""
        path = self._sources.path(video.source_id)
        there = await asyncio.get_running_loop().run_in_executor(self._executor, path.exists)
        if not there or not await self._database.write(lambda tx: _begin_anew(tx, video)):
            return False
        self._ring()
        return True


def _begin_anew(tx: Transaction, video: Video) -> bool:
    jobs = job_rows.of_videos(tx, [video.id])
    source = upload_rows.get_source(tx, video.source_id)
    if source is None or not source.length:
        return False
    if not jobs or not move(tx, jobs[-1], Action.AGAIN):
        return False
    job_rows.raise_epoch(tx, jobs[-1].id)
    job_rows.note(tx, jobs[-1].id, _FRESH)
    return True
