"""Changes when: how a source's bytes are written, synced and announced does.

A source is one sparse file. Uploads write into it at absolute offsets (`pwrite`, never append
mode). Three things are true of an upload's offset, each after the other:

- received: in the file, so in the page cache; readers may have it; survives `kill -9`. The
  number stands in the upload's mark file, written after the bytes, never synced.
- synced: `fdatasync` has returned.
- recorded: the number is in the upload's row, with the boot id. Only now is it acknowledged.

Bytes that somebody made a promise about are held back: they lie in the file, and count as
received only once they have proved right.

The same-boot rule: if the machine has not been started anew since the row was written, the
mark file is right (the page cache outlived the server); otherwise the row is.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from weakref import WeakValueDictionary

from storage.digests import Digest
from storage.errors import DiskFull
from storage.model import Part, Source, Stretch, Upload
from storage.paths import DataDirectory, sync_directory
from storage.ranges import Ranges
from storage.writer import Disk, Sync, Writer, clear, free, number, place, translated

Listener = Callable[[int, int], None]
Finish = Callable[[int], None]
_NOT_BY_KERNEL = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_BLOCK = 1 << 20
_REMEMBERED = 1 << 12
"""Uploads whose received bytes are known beyond their rows; of all others the row tells."""


def boot_id() -> str:
    """Changes with every start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


class Sources:
    """All sources of a data directory, and who wants to know what arrives in them.

    `announce` and `listen` belong to the event loop's thread; the file methods block and
    belong to an executor.
    """

    def __init__(
        self,
        directory: DataDirectory,
        keep_free: int = 0,
        *,
        digests: bool = False,
        sync: Sync = os.fdatasync,
    ) -> None:
        """`keep_free`: bytes of the disk that uploads leave free. `digests`: of every source.
        `sync` makes the bytes behind a descriptor survive a power cut."""
        self._directory = directory
        self._disk = Disk(keep_free, sync)
        self._wants_digests = digests
        self._digests: WeakValueDictionary[str, Digest] = WeakValueDictionary()
        """All that anybody has: of a source there are never two."""
        self._recent: OrderedDict[str, Digest] = OrderedDict()
        """Those that are kept though nobody uses them."""
        self._listeners: dict[str, list[tuple[Listener, Finish]]] = {}
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

    def room(self) -> int:
        """Bytes that uploads may still take of the disk; may be negative."""
        return free(os.statvfs(self._directory.root / "sources")) - self._disk.keep_free

    def open_writer(self, upload: Upload, received: int, digest: Digest | None = None) -> Writer:
        """Opens `upload`'s place in its source, to go on after `received` bytes."""
        with contextlib.ExitStack() as opened:
            try:
                source = os.open(self.path(upload.source_id), os.O_RDWR | os.O_CLOEXEC)
                opened.callback(os.close, source)
                mark = self._open_mark(upload)
                opened.callback(os.close, mark)
                os.pwrite(mark, number(received), 0)
            except OSError as error:
                raise translated(error) from error
            opened.pop_all()  # the writer's from now on
        return Writer(source, mark, place(upload), received, digest, self._disk)

    def _open_mark(self, upload: Upload) -> int:
        path = self._directory.mark(upload.id)
        path.parent.mkdir(exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def recovered(self, upload: Upload) -> int:
        """How many bytes of `upload` are there after a restart (the same-boot rule)."""
        if upload.boot != self.boot:
            return upload.mark
        try:
            data = self._directory.mark(upload.id).read_bytes()
        except FileNotFoundError:
            return upload.mark
        received = int.from_bytes(data, "little") if len(data) == 8 else 0
        found = max(received, upload.mark)
        return found if upload.length is None else min(found, upload.length)

    def clear(self, upload: Upload, received: int) -> None:
        """Lets go of what a fall has left behind an upload's first `received` bytes."""
        try:
            descriptor = os.open(self.path(upload.source_id), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            clear(descriptor, place(upload), received)
        finally:
            os.close(descriptor)

    def sync(self, upload: Upload) -> None:
        """Makes an upload's bytes survive a power cut; if it fails, only its mark counts."""
        descriptor = self.open_reader(upload.source_id)
        try:
            self._disk.sync(descriptor)
        except OSError as error:
            self._take_back(upload)
            if (digest := self._digests.get(upload.source_id)) is not None:
                digest.begin_anew()
            raise translated(error) from error
        finally:
            os.close(descriptor)

    def _take_back(self, upload: Upload) -> None:
        """Only what was acknowledged of an upload counts after a fall of the server."""
        mark = self._open_mark(upload)
        try:
            os.pwrite(mark, number(upload.mark), 0)  # in place: that needs no room
        finally:
            os.close(mark)

    def copy(self, upload: Upload, origin: Upload, done: int, most: int, lacking: int) -> int:
        """Copies at most `most` bytes of `origin`, from `done` on, to where `upload` has them.

        `lacking`: bytes that its source still needs. Nothing is copied if these do not fit.
        Returns how many of it have been copied and synced. `origin` must be whole.
        """
        size = min(most, origin.mark - done)
        if self.room() < lacking:
            raise DiskFull
        source = self.open_reader(origin.source_id)
        try:
            target = os.open(self.path(upload.source_id), os.O_RDWR | os.O_CLOEXEC)
            try:
                end = done + size
                while done < end:
                    done += _copied(
                        source, origin.start + done, target, upload.start + done, end - done
                    )
                self._disk.sync(target)
            finally:
                os.close(target)
        except OSError as error:
            raise translated(error) from error
        finally:
            os.close(source)
        return done

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

    # --- digests (event loop; what they are made of, any thread) ----------------------------

    def digest(self, source: Source) -> Digest | None:
        """Of a source, as far as it is made; None if nobody wants it."""
        if source.digest is not None or not (self._wants_digests or source.promised):
            return None
        found = self._digests.get(source.id)
        if found is None:
            found = self._digests[source.id] = Digest()
        self._recent[source.id] = found
        self._recent.move_to_end(source.id)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return found

    def digest_begun(self, source_id: str) -> Digest | None:
        """The same, if something is in it or was to be."""
        return self._digests.get(source_id)

    def digested(self, source_id: str, length: int) -> str | None:
        """The SHA-256 of all `length` bytes of a source, if it is at hand."""
        digest = self._digests.get(source_id)
        return digest.of(length) if digest else None

    def forget_digest(self, source_id: str) -> None:
        self._digests.pop(source_id, None)
        self._recent.pop(source_id, None)

    # --- what has arrived (event loop) -----------------------------------------------------

    def received(self, upload: Upload | Part | Stretch) -> int:
        """Bytes of `upload` that readers may have. Any thread may ask."""
        return max(upload.mark, self._received.get(upload.id, 0))

    def ranges(self, parts: Iterable[Upload | Part]) -> Ranges:
        """What is there of the source that `parts` are of."""
        return Ranges((part.start, part.start + self.received(part)) for part in parts)

    def ranges_of(self, source: Source, parts: Iterable[Upload | Part]) -> Ranges:
        """What is there of a source: all of one that has ended, though its uploads be gone."""
        if source.ended:
            return Ranges([(0, source.length or 0)])
        return self.ranges(parts)

    def announce(self, upload: Upload, received: int) -> None:
        """`upload` has `received` bytes now: tell those who listen to its source."""
        before = self.received(upload)
        self._received[upload.id] = received
        self._received.move_to_end(upload.id)
        if len(self._received) > _REMEMBERED:
            self._received.popitem(last=False)
        if received > before:
            for listener, _ in list(self._listeners.get(upload.source_id, ())):
                listener(upload.start + before, upload.start + received)

    def finish(self, source_id: str, length: int) -> None:
        """A source has ended: tell those who listen to it."""
        for _, finish in list(self._listeners.get(source_id, ())):
            finish(length)

    def listen(
        self, source_id: str, listener: Listener, finish: Finish = lambda _: None
    ) -> Callable[[], None]:
        """Calls `listener(start, end)` for what arrives from now on, and `finish(length)` when
        the source ends; returns how to stop it."""
        ears = listener, finish
        self._listeners.setdefault(source_id, []).append(ears)

        def stop() -> None:
            listeners = self._listeners.get(source_id, [])
            if ears in listeners:
                listeners.remove(ears)
            if not listeners:
                self._listeners.pop(source_id, None)

        return stop


def _copied(source: int, at: int, target: int, to: int, size: int) -> int:
    """Copies some bytes inside the kernel, or by hand where it does not; how many."""
    try:
        count = os.copy_file_range(source, target, size, at, to)
    except OSError as error:
        if error.errno not in _NOT_BY_KERNEL:
            raise
        count = os.pwrite(target, os.pread(source, min(size, _BLOCK), at), to)
    if not count:
        raise OSError(errno.EIO, "the file is shorter than it was")
    return count
