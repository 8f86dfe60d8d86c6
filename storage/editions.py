"""Changes when: how pieces come to lie on disk does.

The pieces of an edition lie in one flat folder, under names that carry the epoch of the worker
that made them: two workers never write the same file. Everything here blocks.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from storage.errors import DiskFull
from storage.paths import DataDirectory, sync_directory

_BUFFER = 1 << 20


class Editions:
    """The files of all editions of a data directory."""

    def __init__(self, directory: DataDirectory, keep_free: int = 0) -> None:
        """`keep_free`: bytes of the disk that pieces leave free."""
        self._directory = directory
        self._keep_free = keep_free
        self._buffer_size = _BUFFER

    def create(self, edition_id: str) -> None:
        """Makes an edition's folder; nothing happens if it is there."""
        path = self._directory.edition(edition_id)
        if path.exists():
            return
        try:
            path.parent.mkdir(exist_ok=True)
            path.mkdir(exist_ok=True)
            sync_directory(path.parent)
            sync_directory(path.parent.parent)
        except OSError as error:
            raise _translated(error) from error

    def path(self, edition_id: str, name: str) -> Path:
        """Where a recorded piece lies."""
        return self._directory.edition(edition_id) / name

    def receive(
        self, edition_id: str, name: str, size: int, read: Callable[[memoryview], int]
    ) -> int:
        """Writes a piece of `size` bytes, taken from `read(buffer) -> count`.

        Returns a descriptor, still to be synced and closed by `seal`. Raises `DiskFull`, and
        `EOFError` when `read` ends early.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            disk = os.statvfs(self._directory.edition(edition_id))
            if disk.f_bavail * disk.f_frsize < self._keep_free + size:
                raise DiskFull
            descriptor = os.open(self.path(edition_id, name), flags, 0o600)
        except OSError as error:
            raise _translated(error) from error
        try:
            buffer = memoryview(bytearray(min(size, self._buffer_size)))
            while size:
                count = read(buffer[:size])
                if not count:
                    raise EOFError(name)
                _write_all(descriptor, buffer[:count])
                size -= count
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def seal(self, edition_id: str, descriptors: Iterable[int]) -> None:
        """Makes the pieces behind `descriptors` survive a power cut, and closes them."""
        descriptors = list(descriptors)
        try:
            for descriptor in descriptors:
                os.fdatasync(descriptor)
            sync_directory(self._directory.edition(edition_id))
        except OSError as error:
            raise _translated(error) from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def sweep(self, edition_id: str, keep: set[str], epoch: int) -> int:
        """Removes what workers of epochs before `epoch` left and no row names; how many."""
        removed = 0
        folder = self._directory.edition(edition_id)
        if folder.exists():
            for entry in os.scandir(folder):
                if entry.name not in keep and int(entry.name.split(".")[-2]) < epoch:
                    Path(entry.path).unlink()
                    removed += 1
        return removed

    def erase(self, edition_id: str) -> None:
        """Removes an edition's files."""
        shutil.rmtree(self._directory.edition(edition_id), ignore_errors=True)


def _write_all(descriptor: int, data: memoryview) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError as error:
        raise _translated(error) from error


def _translated(error: OSError) -> Exception:
    return DiskFull() if error.errno in (errno.ENOSPC, errno.EDQUOT) else error
