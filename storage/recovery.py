"""Changes when: what is put right before a server begins does.

After a fall: offsets are what really is there, files that no row names are gone, and the marks
of uploads that are whole; erasing that was interrupted is finished.
"""

from __future__ import annotations

import os
from pathlib import Path

from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Upload, now
from storage.paths import DataDirectory
from storage.records import editions as edition_rows
from storage.records import uploads as upload_rows
from storage.retention import Eraser
from storage.sources import Sources


def recover(
    directory: DataDirectory, database: Database, sources: Sources, editions: Editions
) -> dict[str, int]:
    """Blocking; nobody else may use the data directory yet. Tells what it did."""
    erased = Eraser(database, sources, editions).erase_buried()
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
        "orphans_removed": orphans,
        "marks_removed": len(marks),
    }


def _advance(database: Database, sources: Sources, upload: Upload) -> bool:
    """Acknowledges what survived beyond the recorded offset (the same-boot rule)."""
    received = sources.recovered(upload)
    if received <= upload.mark:
        return False
    sources.sync(upload)

    def record(tx: Transaction) -> None:
        upload_rows.advance(tx, upload.id, received, sources.boot, now())
        parts = upload_rows.of_source(tx, upload.source_id)
        if all(part.mark == part.length for part in parts):
            upload_rows.end_source(tx, upload.source_id)

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
