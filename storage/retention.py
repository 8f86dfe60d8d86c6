"""Changes when: what is erased, and in which order, does.

Rows go last: as long as a row names a file, whoever comes after a crash can finish the erasing.
"""

from __future__ import annotations

from functools import partial

from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Video
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources


class Eraser:
    """Erases what belongs to buried videos. Blocking; any thread."""

    def __init__(self, database: Database, sources: Sources, editions: Editions) -> None:
        self._database = database
        self._sources = sources
        self._editions = editions

    def erase(self, video: Video) -> None:
        """Removes a buried video's files and rows. Its jobs must have been stopped."""
        editions, uploads = self._database.submit(
            lambda tx: (
                edition_rows.of_source(tx, video.source_id),
                upload_rows.of_source(tx, video.source_id),
            )
        ).result()
        for edition in editions:
            self._editions.erase(edition)
        for upload in uploads:
            self._sources.erase_mark(upload.id)
        self._sources.erase(video.source_id)

        def forget(tx: Transaction) -> None:
            for edition in editions:
                edition_rows.remove(tx, edition)
            upload_rows.remove_source(tx, video.source_id)
            job_rows.forget(tx, video.id)
            video_rows.forget(tx, video.id)

        self._database.submit(forget).result()

    def erase_replaced(self) -> int:
        """Erases editions that no video shows and no job makes; how many those were."""
        editions = self._database.submit(edition_rows.unused).result()
        for edition in editions:
            self._editions.erase(edition)
            self._database.submit(partial(_forget_edition, edition)).result()
        return len(editions)

    def erase_buried(self) -> int:
        """Finishes what a crash interrupted; how many videos that were."""
        buried = self._database.submit(video_rows.buried).result()
        for video in buried:
            self.erase(video)
        return len(buried)


def _forget_edition(edition_id: str, tx: Transaction) -> None:
    edition_rows.remove(tx, edition_id)
