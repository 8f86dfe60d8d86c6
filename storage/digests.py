"""Changes when: how bytes are summed up to be compared does.

`Promise`: what a stretch of bytes is to have, checked before anybody sees them. `Digest`: the
SHA-256 of a whole source, made while it arrives. Both belong to executor threads: hashing lets
go of the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Protocol

import google_crc32c

_BLOCK = 1 << 20
ALGORITHMS = ("sha1", "sha256", "md5", "crc32c")
"""Those that a promise may be made by."""


class Hash(Protocol):
    """What is used of `hashlib`'s objects."""

    def update(self, data: memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class Crc32c:
    """As `hashlib` would have it; RFC 3720, appendix B.4, big-endian."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: memoryview, /) -> None:
        self._value = google_crc32c.extend(self._value, bytes(data))

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def hasher(algorithm: str) -> Hash:
    """One of `ALGORITHMS`, with nothing in it."""
    if algorithm == "crc32c":
        return Crc32c()
    return hashlib.new(algorithm, usedforsecurity=False)


class Promise:
    """The bytes of one body are to have this digest."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        """`algorithm`: one of `ALGORITHMS`."""
        self._hash = hasher(algorithm)
        self._expected = expected

    def update(self, data: memoryview) -> None:
        self._hash.update(data)

    def is_kept(self) -> bool:
        """Whether all that came has it."""
        return self._hash.digest() == self._expected


class Digest:
    """SHA-256 of a source from its first byte on, as far as bytes came in order.

    Whoever writes hands over what it has written. What comes out of order is passed over, and
    read again by `catch_up`. Any thread.
    """

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._position = 0
        self._lock = threading.Lock()

    @property
    def position(self) -> int:
        """Bytes that are in it."""
        return self._position

    def begin_anew(self) -> None:
        """Bytes that are in it may be others now."""
        with self._lock:
            self._sha = hashlib.sha256()
            self._position = 0

    def follow(self, offset: int, data: memoryview) -> None:
        """Takes what is in the source from `offset` on, if that is what comes next."""
        if offset != self._position:
            return
        with self._lock:
            if offset == self._position:
                self._sha.update(data)
                self._position += len(data)

    def catch_up(self, descriptor: int, until: int) -> None:
        """Reads the source from where it is up to `until`; all of that must be there."""
        buffer = bytearray(_BLOCK)
        while True:
            with self._lock:
                view = memoryview(buffer)[: max(0, until - self._position)]
                count = os.preadv(descriptor, [view], self._position) if view else 0
                if not count:
                    return
                self._sha.update(view[:count])
                self._position += count

    def of(self, length: int) -> str | None:
        """The digest of the first `length` bytes in hexadecimal, if it has just these."""
        with self._lock:
            return self._sha.hexdigest() if self._position == length else None
