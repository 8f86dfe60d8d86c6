"""Changes when: how threads of the media process hand things on does.

A bounded queue that blocks when it is full, and that lets go of everybody when one has failed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Broken(Exception):
    """Another thread has failed; what it raised is in `Failure.error`."""


class Failure:
    """The first error of any thread. Everyone who waits on a channel is let go by it."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._wake: list[Callable[[], None]] = []

    def on_failure(self, wake: Callable[[], None]) -> None:
        """Calls `wake` once, when something fails."""
        with self._lock:
            self._wake.append(wake)

    def fail(self, error: BaseException) -> None:
        """Only the first call counts."""
        with self._lock:
            if self.error is not None:
                return
            self.error = error
            wake = list(self._wake)
        for function in wake:
            function()


class Channel(Generic[T]):
    """At most `size` items; iterate to take them, until `close`."""

    def __init__(self, size: int, failure: Failure) -> None:
        self._size = size
        self._failure = failure
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        failure.on_failure(self._wake)

    def put(self, item: T) -> None:
        """Waits for room. Raises `Broken` when another thread has failed."""
        with self._changed:
            while len(self._items) >= self._size and not self._failure.error:
                self._changed.wait()
            if self._failure.error:
                raise Broken
            self._items.append(item)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not self._items and not self._closed and not self._failure.error:
                    self._changed.wait()
                if self._failure.error:
                    raise Broken
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
