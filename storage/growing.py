"""Changes when: how a demuxer waits for bytes that have not arrived does.

A blocking, read-only file object over a source that is still being written. It names no
path: it is made from a descriptor, and told from another thread what has arrived.
"""

from __future__ import annotations

import os
import threading

from storage.ranges import Ranges


class GrowingFile:
    """Reads block until their first byte is there, then give what there is.

    `read` returns b"" only at the end of a source whose length is known. One thread reads;
    any thread may call `arrived`, `finish` and `abort`.

    Has no `name`: FFmpeg must not learn one (it chooses protocols by it).
    """

    def __init__(
        self,
        descriptor: int,
        ranges: Ranges | None = None,
        length: int | None = None,
        promised: int | None = None,
    ) -> None:
        """`length`: of a source that is whole. `promised`: what it will be, if that was said."""
        self._descriptor = descriptor
        self._ranges = ranges or Ranges()
        self._length = length
        self._promised = promised
        self._changed = threading.Condition()
        self._abort: Exception | None = None
        self._position = 0
        self._seekable = False
        self._waiting = False
        self.hidden_from: int | None = None
        """Reads from here on answer b"" (set while a container is being opened)."""

    def seek_allowed(self, allowed: bool) -> None:
        """Whether the demuxer may seek. Set it before the container is opened."""
        self._seekable = allowed

    # --- told from other threads -------------------------------------------------------------

    def arrived(self, start: int, end: int) -> None:
        """`[start, end)` can be read now."""
        with self._changed:
            self._ranges.add(start, end)
            self._changed.notify_all()

    def finish(self, length: int) -> None:
        """The source has `length` bytes and no more will come."""
        with self._changed:
            self._length = length
            self._changed.notify_all()

    def abort(self, error: Exception) -> None:
        """Every read from now on, and one that is waiting, raises `error`."""
        with self._changed:
            self._abort = error
            self._changed.notify_all()

    # --- what is known -------------------------------------------------------------------------

    @property
    def length(self) -> int | None:
        """Bytes in all, once known."""
        return self._length

    @property
    def position(self) -> int:
        """Offset of the next byte that will be read."""
        return self._position

    @property
    def waiting(self) -> bool:
        """Whether the reader is waiting for bytes at this moment."""
        return self._waiting

    def wait_for(self, start: int, end: int) -> bool:
        """Blocks until `[start, end)` is there; False if the source ends before `end`."""
        with self._changed:
            while True:
                if self._abort:
                    raise self._abort
                if self._ranges.covers(start, end):
                    return True
                if self._length is not None and end > self._length:
                    return False
                self._wait()

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes at `offset`, waiting for them; fewer only at the end."""
        if not self.wait_for(offset, offset + size):
            size = max(0, (self._length or 0) - offset)
            if size:
                self.wait_for(offset, offset + size)
        return os.pread(self._descriptor, size, offset) if size else b""

    # --- the file object a demuxer reads -------------------------------------------------------

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; waits for the first one. Raises what `abort` was given."""
        limit = self._limit(self._position)
        if size >= 0:
            limit = min(limit, self._position + size)
        if limit <= self._position:
            return b""
        data = os.pread(self._descriptor, limit - self._position, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves without waiting, except relative to an end that nobody has named yet."""
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            with self._changed:
                while (end := self._length if self._promised is None else self._promised) is None:
                    if self._abort:
                        raise self._abort
                    self._wait()
                offset += end
        if offset < 0:
            raise ValueError("negative offset")
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return self._seekable

    def readable(self) -> bool:
        return True

    # --- inside ---------------------------------------------------------------------------------

    def _limit(self, offset: int) -> int:
        """The end of what can be read at `offset`, waiting for its first byte."""
        if self.hidden_from is not None and offset >= self.hidden_from:
            return offset
        with self._changed:
            while True:
                if self._abort:
                    raise self._abort
                end = self._ranges.end_of_run(offset)
                if end > offset:
                    return end if self.hidden_from is None else min(end, self.hidden_from)
                if self._length is not None and offset >= self._length:
                    return offset
                self._wait()

    def _wait(self) -> None:
        self._waiting = True
        try:
            self._changed.wait()
        finally:
            self._waiting = False
