"""Changes when: how a running job learns of arriving bytes does.

The event loop tells, the job's thread takes: what arrived, that all has arrived, or that the
job must stop. Taking joins what was told since, so a slow job costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import NamedTuple

from storage.ranges import Ranges


class News(NamedTuple):
    """What happened since the last look."""

    arrived: list[tuple[int, int]]
    length: int | None
    stop: str | None


class Feed:
    """One job's ear. `descriptor` is readable while there is news."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._arrived = Ranges()
        self._length: int | None = None
        self._stop: str | None = None
        self._closed = False

    def arrived(self, start: int, end: int) -> None:
        """Bytes `[start, end)` can be read."""
        with self._lock:
            self._arrived.add(start, end)
            self._ring()

    def finish(self, length: int) -> None:
        """The source has `length` bytes, all there."""
        with self._lock:
            self._length = length
            self._ring()

    def stop(self, reason: str) -> None:
        """Ends the job's attempt; the first reason counts."""
        with self._lock:
            self._stop = self._stop or reason
            self._ring()

    def take(self) -> News:
        """What happened since the last call."""
        with self._lock:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self.descriptor)
            news = News(list(self._arrived), self._length, self._stop)
            self._arrived, self._length = Ranges(), None
            return news

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self.descriptor)

    def _ring(self) -> None:
        if not self._closed:
            os.eventfd_write(self.descriptor, 1)
