"""Changes when: how the bytes of one upload get into its source does.

The order is everything: bytes, then the mark that tells of them, then the sync, then the row.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from storage.digests import Digest, Promise
from storage.errors import DiskFull
from storage.holes import punch
from storage.model import Upload

Sync = Callable[[int], None]
_AT_ONCE = 1 << 18
"""Bytes that are written at once: with more, the page cache takes larger pages, which costs twice
the CPU; and these are still in the processor's cache when they are summed up."""


class Place(NamedTuple):
    """Where the bytes of an upload lie in a file."""

    start: int
    end: int | None
    """Where others begin; None: there are none."""


class Disk(NamedTuple):
    """How a disk is treated."""

    keep_free: int
    """Bytes of it that uploads leave free."""
    sync: Sync
    """Makes the bytes behind a descriptor survive a power cut."""


class Writer:
    """The bytes of one upload on their way into its source. Blocking; one caller at a time."""

    def __init__(
        self,
        source: int,
        mark: int,
        place: Place,
        received: int,
        digest: Digest | None,
        disk: Disk,
    ) -> None:
        """`digest`: of the source, if one is made."""
        self.descriptor = source
        self._failure: OSError | None = None
        """Why nothing goes on: nobody knows what the disk has."""
        self._mark = mark
        self._place = place
        self._start = place.start
        self._digest = digest
        self._disk = disk
        self._promise: Promise | None = None
        self.received = received
        self.held = 0
        """Bytes behind those received that are to prove right first."""
        self.synced = received

    def hold(self, promise: Promise) -> None:
        """What is written from now on is held back until `release`."""
        self._promise = promise

    def release(self) -> bool:
        """Lets go of what was held back; False, and it never was there, if it is not right."""
        if self._promise is None:
            return True
        kept, self._promise = self._promise.is_kept(), None
        if kept:
            self.received += self.held
            self.held = 0
            self._note()
        return kept

    def write(self, buffers: list[bytes]) -> None:
        """Appends `buffers`. On `DiskFull`, `received` still counts what went in."""
        before = self.received
        try:
            self._look_for_room(sum(map(len, buffers)))
            for buffer in buffers:
                rest = memoryview(buffer)
                while rest:
                    rest = rest[self._some(rest[:_AT_ONCE]) :]
        except OSError as error:
            raise translated(error) from error
        finally:
            if self.received > before:
                self._note()

    def _look_for_room(self, size: int) -> None:
        spare = self._disk.keep_free
        if spare and free(os.fstatvfs(self.descriptor)) < spare + size:
            raise DiskFull

    def _some(self, data: memoryview) -> int:
        """Writes and sums up some of `data`; how much."""
        if self._failure is not None:
            raise self._failure
        at = self._start + self.received + self.held
        written = data[: os.pwrite(self.descriptor, data, at)]
        if self._promise is not None:
            self._promise.update(written)
            self.held += len(written)
        else:
            if self._digest is not None:
                self._digest.follow(at, written)
            self.received += len(written)
        return len(written)

    def _note(self) -> None:
        os.pwrite(self._mark, number(self.received), 0)

    def sync(self) -> int:
        """Makes what was received before the call survive a power cut; returns that number.

        May run beside `write`. If it fails nobody knows what the disk has, and a second try would
        tell nothing: then nothing can be written or synced any more.
        """
        received = self.received
        if self._failure is None and received == self.synced:
            return received
        try:
            if self._failure is not None:
                raise self._failure
            self._disk.sync(self.descriptor)
        except OSError as error:
            self._failure = error
            raise translated(error) from error
        self.synced = max(self.synced, received)
        return received

    def settle(self) -> None:
        """After the last `write`: if a sync has failed, only what was synced before is received."""
        if self._failure is None:
            return
        self.received = self.synced
        self._note()
        if self._digest is not None:
            self._digest.begin_anew()

    def close(self) -> None:
        """What is still held back then has not proved right, and goes, and so does what nobody
        knows to be there."""
        try:
            if self.held or self._failure is not None:
                clear(self.descriptor, self._place, self.received)
        finally:
            os.close(self.descriptor)
            os.close(self._mark)


def place(upload: Upload) -> Place:
    """Where an upload's bytes lie."""
    end = upload.start + (upload.length or 0) if upload.kind == "window" else None
    return Place(upload.start, end)


def clear(descriptor: int, place: Place, received: int) -> None:
    """Nothing is there any more behind the first `received` bytes of a place in a file: it takes no
    room, and nobody can take it for something."""
    start = place.start + received
    if place.end is not None:
        punch(descriptor, start, place.end - start)
    elif os.fstat(descriptor).st_size > start:
        os.ftruncate(descriptor, start)


def number(received: int) -> bytes:
    """What stands in a mark file."""
    return received.to_bytes(8, "little")


def translated(error: OSError) -> Exception:
    """`DiskFull` for what says that; else the error itself."""
    return DiskFull() if error.errno in (errno.ENOSPC, errno.EDQUOT) else error


def free(disk: os.statvfs_result) -> int:
    """Bytes that may still be written."""
    return disk.f_bavail * disk.f_frsize
