"""Changes when: what is erased, and in which order, does.

Rows go last: as long as a row names a file, whoever comes after a crash can finish the erasing.
A source goes with the last video that has it, an edition with the last that shows it.
"""

from __future__ import annotations

from functools import partial

from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Upload, Video
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources


class Eraser:
    """Erases what nobody has any more. Blocking; any thread."""

    def __init__(self, database: Database, sources: Sources, editions: Editions) -> None:
        self._database = database
        self._sources = sources
        self._editions = editions

    def erase(self, video: Video) -> None:
        """Removes a buried video's files and rows. Its jobs must have been stopped."""
        editions, uploads = self._database.submit(
            lambda tx: (
                edition_rows.only_of(tx, video.id, video.source_id),
                upload_rows.of_video(tx, video.id),
            )
        ).result()
        for edition in editions:
            self._editions.erase(edition)
        for upload in uploads:
            self._sources.erase_mark(upload.id)

        def forget(tx: Transaction) -> bool:
            """Whether nobody has the source any more."""
            for edition in editions:
                edition_rows.remove(tx, edition)
            for upload in upload_rows.of_video(tx, video.id):
                upload_rows.remove(tx, upload.id)
            job_rows.forget(tx, video.id)
            video_rows.forget(tx, video.id)
            return not source_rows.is_had(tx, video.source_id)

        if self._database.submit(forget).result():
            self.erase_source(video.source_id)

    def forget_upload(self, upload: Upload) -> None:
        """Removes what belonged to an upload whose row is gone; a source if nobody has it."""
        self._sources.erase_mark(upload.id)
        had = self._database.submit(lambda tx: source_rows.is_had(tx, upload.source_id)).result()
        if not had:
            self.erase_source(upload.source_id)

    def erase_source(self, source_id: str) -> None:
        """Removes a source that nobody has any more, with the uploads into it."""
        uploads = self._database.submit(lambda tx: upload_rows.of_source(tx, source_id)).result()
        for upload in uploads:
            self._sources.erase_mark(upload.id)
        self._sources.erase(source_id)
        self._database.submit(lambda tx: upload_rows.remove_source(tx, source_id)).result()

    def erase_unowned(self) -> int:
        """Erases sources that neither a video nor an upload names; how many those were."""
        sources = self._database.submit(source_rows.unowned).result()
        for source_id in sources:
            self.erase_source(source_id)
        return len(sources)

    def erase_replaced(self) -> int:
        """Erases editions that no video shows and no job makes; how many those were."""
        editions = self._database.submit(edition_rows.unused).result()
        for edition in editions:
            self._editions.erase(edition)
            self._database.submit(partial(_forget_edition, edition)).result()
        return len(editions)

    def erase_doubles(self, ended: list[str]) -> int:
        """Keeps bytes once that somebody has twice; how many sources that made needless.

        `ended` are the states of jobs that read no more.
        """

        def merge(tx: Transaction) -> int:
            doubles = source_rows.doubles(tx, ended)
            for source_id, older in doubles:
                source_rows.merge(tx, source_id, older)
            return len(doubles)

        merged = self._database.submit(merge).result()
        return merged and self.erase_unowned()

    def erase_buried(self) -> int:
        """Finishes what a crash interrupted; how many videos that were."""
        buried = self._database.submit(video_rows.buried).result()
        for video in buried:
            self.erase(video)
        return len(buried)


def _forget_edition(edition_id: str, tx: Transaction) -> None:
    edition_rows.remove(tx, edition_id)
