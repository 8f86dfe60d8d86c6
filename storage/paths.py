"""Changes when: where things lie in the data directory does.

    reelrace.sqlite3      the rows
    secret                what grants are signed with
    lock                  held while a server runs
    sources/ab/<id>       the bytes of a source
    marks/ab/<id>         how many bytes of an upload have been written (8 bytes)
    editions/ab/<id>/     the pieces of an edition, flat

Ids are ours; nothing a client sent is ever part of a path. All of it is for its owner alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
from pathlib import Path

from storage.errors import StoreInUse

_log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{32}")
_FOLDERS = ("sources", "marks", "editions")
_OTHERS = 0o077


class DataDirectory:
    """The paths of one data directory."""

    def __init__(self, root: Path, rows: Path | None = None) -> None:
        """`rows`: where the rows are, if somewhere else."""
        self.root = root
        self.rows = rows or root
        self.database = self.rows / "reelrace.sqlite3"
        self._lock: int | None = None

    def prepare(self) -> None:
        """Makes the folders and takes the lock; `StoreInUse` if another server holds it."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = None
            raise StoreInUse(str(self.root)) from error
        for name in _FOLDERS:
            (self.root / name).mkdir(mode=0o700, exist_ok=True)
        self.rows.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite would make it readable; its other files it makes as this one is.
        os.close(os.open(self.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        files = (*self.rows.glob(f"{self.database.name}*"), *self.root.glob("secret"))
        for path in (self.root, *files, *(self.root / name for name in _FOLDERS)):
            _close_to_others(path)

    def release(self) -> None:
        """Lets another server take the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self) -> bytes:
        """32 random bytes, made once."""
        path = self.root / "secret"
        if not path.exists():
            fresh = path.with_suffix(".new")
            write_new(fresh, secrets.token_bytes(32))
            fresh.replace(path)
            sync_directory(self.root)
        return path.read_bytes()

    def source(self, source_id: str) -> Path:
        return self._filed("sources", source_id)

    def mark(self, upload_id: str) -> Path:
        return self._filed("marks", upload_id)

    def edition(self, edition_id: str) -> Path:
        return self._filed("editions", edition_id)

    def _filed(self, kind: str, identifier: str) -> Path:
        if not _ID.fullmatch(identifier):
            raise ValueError(f"not an id: {identifier!r}")
        return self.root / kind / identifier[:2] / identifier


def _close_to_others(path: Path) -> None:
    """Somebody else may have made it, or an older server."""
    mode = path.stat().st_mode & 0o7777
    if not mode & _OTHERS:
        return
    try:
        path.chmod(mode & ~_OTHERS)
    except PermissionError:  # it is not ours: what we make in it is closed by itself
        _log.warning("others may read in the data directory", extra={"path": str(path)})
    else:
        _log.warning("others could read it, and no longer can", extra={"path": str(path)})


def write_new(path: Path, data: bytes) -> None:
    """Writes and syncs a small private file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
