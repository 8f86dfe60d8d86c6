"""Changes when: how a source's bytes are written, synced and announced does.

A source is one sparse file. Uploads write into it at absolute offsets (`pwrite`, never append
mode). Three things are true of an upload's offset, each after the other:

- received: in the file, so in the page cache; readers may have it; survives `kill -9`. The
  number stands in the upload's mark file, written after the bytes, never synced.
- synced: `fdatasync` has returned.
- recorded: the number is in the upload's row, with the boot id. Only now is it acknowledged.

The same-boot rule: if the machine has not been started anew since the row was written, the
mark file is right (the page cache outlived the server); otherwise the row is.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

from storage.errors import DiskFull
from storage.model import Part, Source, Upload
from storage.paths import DataDirectory, sync_directory
from storage.ranges import Ranges

Listener = Callable[[int, int], None]
_VECTOR = 1024  # IOV_MAX on Linux
_REMEMBERED = 1 << 12
"""Uploads whose received bytes are known beyond their rows; of all others the row tells."""


def boot_id() -> str:
    """Changes with every start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


class Writer:
    """The bytes of one upload on their way into its source. Blocking; one caller at a time."""

    def __init__(self, source: int, mark: int, start: int, received: int) -> None:
        self.descriptor = source
        self._mark = mark
        self._start = start
        self.received = received
        self.synced = received

    def write(self, buffers: list[bytes]) -> None:
        """Appends `buffers`. On `DiskFull`, `received` still counts what went in."""
        done = 0
        total = sum(map(len, buffers))
        try:
            while done < total:
                done += self._some(buffers, done)
        except OSError as error:
            raise _translated(error) from error
        finally:
            if done:
                self.received += done
                self._note()

    def _note(self) -> None:
        os.pwrite(self._mark, _number(self.received), 0)

    def _some(self, buffers: list[bytes], done: int) -> int:
        """One gathered write from byte `done` of `buffers` on; how much of it went in."""
        rest: list[bytes | memoryview] = []
        for buffer in buffers:
            if done >= len(buffer):
                done -= len(buffer)
            else:
                rest.append(memoryview(buffer)[done:] if done else buffer)
                done = 0
        position = self._start + self.received + sum(map(len, buffers)) - sum(map(len, rest))
        return os.pwritev(self.descriptor, rest[:_VECTOR], position)

    def sync(self) -> int:
        """Makes what was received before the call survive a power cut; returns that number.

        If that fails nobody knows what the disk has, and a second try would tell nothing: then
        only what was synced before counts as received.
        """
        received = self.received
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:
            self.received = self.synced
            self._note()
            raise _translated(error) from error
        self.synced = max(self.synced, received)
        return received

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._mark)


class Sources:
    """All sources of a data directory, and who wants to know what arrives in them.

    `announce` and `listen` belong to the event loop's thread; the file methods block and
    belong to an executor.
    """

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        self._listeners: dict[str, list[Listener]] = {}
        self._received: OrderedDict[str, int] = OrderedDict()
        """The last ones that were announced: whoever read an upload's row may have read it just
        before its last bytes were recorded, so an entry is not gone as soon as that is done."""
        self.boot = boot_id()

    # --- files (blocking) ------------------------------------------------------------------

    def create(self, source_id: str) -> None:
        """Makes an empty source whose name survives a power cut."""
        path = self._directory.source(source_id)
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            sync_directory(path.parent.parent)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        sync_directory(path.parent)

    def open_writer(self, upload: Upload, received: int) -> Writer:
        """Opens `upload`'s place in its source, to go on after `received` bytes."""
        source = os.open(self.path(upload.source_id), os.O_RDWR | os.O_CLOEXEC)
        path = self._directory.mark(upload.id)
        path.parent.mkdir(exist_ok=True)
        mark = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.pwrite(mark, _number(received), 0)
        return Writer(source, mark, upload.start, received)

    def recovered(self, upload: Upload) -> int:
        """How many bytes of `upload` are there after a restart (the same-boot rule)."""
        if upload.boot != self.boot:
            return upload.mark
        try:
            data = self._directory.mark(upload.id).read_bytes()
        except FileNotFoundError:
            return upload.mark
        received = int.from_bytes(data, "little") if len(data) == 8 else 0
        return min(max(received, upload.mark), upload.length)

    def sync(self, upload: Upload) -> None:
        """Makes an upload's bytes survive a power cut; if it fails, only its mark counts."""
        descriptor = self.open_reader(upload.source_id)
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self._directory.mark(upload.id).write_bytes(_number(upload.mark))
            raise _translated(error) from error
        finally:
            os.close(descriptor)

    def open_reader(self, source_id: str) -> int:
        """A read-only descriptor."""
        return os.open(self.path(source_id), os.O_RDONLY | os.O_CLOEXEC)

    def path(self, source_id: str) -> Path:
        return self._directory.source(source_id)

    def erase(self, source_id: str) -> None:
        """Removes the bytes."""
        self.path(source_id).unlink(missing_ok=True)

    def erase_mark(self, upload_id: str) -> None:
        self._directory.mark(upload_id).unlink(missing_ok=True)

    # --- what has arrived (event loop) -----------------------------------------------------

    def received(self, upload: Upload | Part) -> int:
        """Bytes of `upload` that readers may have."""
        return max(upload.mark, self._received.get(upload.id, 0))

    def ranges(self, uploads: Iterable[Upload | Part]) -> Ranges:
        """What is there of the source that `uploads` write into."""
        return Ranges((u.start, u.start + self.received(u)) for u in uploads)

    def ranges_of(self, source: Source, uploads: Iterable[Upload | Part]) -> Ranges:
        """What is there of a source: all of one that has ended, though its uploads be gone."""
        if source.ended:
            return Ranges([(0, source.length or 0)])
        return self.ranges(uploads)

    def announce(self, upload: Upload, received: int) -> None:
        """`upload` has `received` bytes now: tell those who listen to its source."""
        before = self.received(upload)
        self._received[upload.id] = received
        self._received.move_to_end(upload.id)
        if len(self._received) > _REMEMBERED:
            self._received.popitem(last=False)
        if received > before:
            for listener in list(self._listeners.get(upload.source_id, ())):
                listener(upload.start + before, upload.start + received)

    def listen(self, source_id: str, listener: Listener) -> Callable[[], None]:
        """Calls `listener(start, end)` for what arrives from now on; returns how to stop it."""
        self._listeners.setdefault(source_id, []).append(listener)

        def stop() -> None:
            listeners = self._listeners.get(source_id, [])
            if listener in listeners:
                listeners.remove(listener)
            if not listeners:
                self._listeners.pop(source_id, None)

        return stop


def _number(received: int) -> bytes:
    """What stands in a mark file."""
    return received.to_bytes(8, "little")


def _translated(error: OSError) -> Exception:
    return DiskFull() if error.errno in (errno.ENOSPC, errno.EDQUOT) else error
