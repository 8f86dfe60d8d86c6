"""Changes when: what is put right before a server begins does.

After a fall: offsets are what really is there; files that no row names are gone, and rows whose
files are gone, and the marks of uploads that are whole; erasing that was interrupted is finished.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Upload, now
from storage.paths import DataDirectory
from storage.records import editions as edition_rows
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.retention import Eraser
from storage.sources import Sources


def recover(
    directory: DataDirectory, database: Database, sources: Sources, editions: Editions
) -> dict[str, int]:
    """Blocking; nobody else may use the data directory yet. Tells what it did."""
    eraser = Eraser(database, sources, editions)
    lost = _bury_lost(database, sources, eraser)
    erased = eraser.erase_buried()
    eraser.erase_unowned()
    database.submit(upload_rows.forget_reserved).result()
    uploads = database.submit(upload_rows.unfinished).result()
    advanced = sum(_advance(database, sources, upload) for upload in uploads)
    source_ids = database.submit(upload_rows.source_ids).result()
    edition_ids = database.submit(edition_rows.ids).result()
    orphans = 0
    for path in _filed(directory.root / "sources"):
        if path.name not in source_ids:
            path.unlink(missing_ok=True)
            orphans += 1
    for path in _filed(directory.root / "editions"):
        if path.name not in edition_ids:
            editions.erase(path.name)
            orphans += 1
    waiting = {upload.id for upload in database.submit(upload_rows.unfinished).result()}
    marks = [path for path in _filed(directory.root / "marks") if path.name not in waiting]
    for path in marks:
        path.unlink(missing_ok=True)
    return {
        "videos_erased": erased,
        "uploads_advanced": advanced,
        "uploads_lost": lost,
        "orphans_removed": orphans,
        "marks_removed": len(marks),
    }


def _bury_lost(database: Database, sources: Sources, eraser: Eraser) -> int:
    """Buries what waits for bytes and has no file to put them in; how many sources that are."""
    waiting = database.submit(source_rows.unfinished).result()
    lost = [source_id for source_id in waiting if not sources.path(source_id).exists()]

    def bury(tx: Transaction, source_id: str) -> bool:
        """Whether it is a video's."""
        videos = video_rows.of_source(tx, source_id)
        for video in videos:
            video_rows.bury(tx, video.id, now())
        return bool(videos)

    for source_id in lost:
        if not database.submit(partial(bury, source_id=source_id)).result():
            eraser.erase_source(source_id)
    return len(lost)


def _advance(database: Database, sources: Sources, upload: Upload) -> bool:
    """Acknowledges what survived beyond the recorded offset (the same-boot rule)."""
    received = sources.recovered(upload)
    sources.clear(upload, received)
    if received <= upload.mark:
        return False
    sources.sync(upload)

    def record(tx: Transaction) -> None:
        upload_rows.advance(tx, upload.id, received, sources.boot, now())
        upload_rows.settle(tx, upload.source_id, lambda _: None)

    database.submit(record).result()
    return True


def _filed(folder: Path) -> list[Path]:
    """What lies two levels down, named by id."""
    return [
        Path(entry.path)
        for shelf in os.scandir(folder)
        if shelf.is_dir()
        for entry in os.scandir(shelf.path)
    ]
