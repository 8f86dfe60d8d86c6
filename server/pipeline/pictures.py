"""Changes when: how pictures get from a media process to its pose process does.

They lie in memory that both have mapped, sealed so that neither can change its size. It has a
few slots, each for one picture, RGB, row after row. A slot belongs to the media process until it
has said that a picture is in it, and again once it is told that the slot is free.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from typing import TYPE_CHECKING

from server.outputs.port import SEEN
from server.pipeline.channel import Broken, Failure

if TYPE_CHECKING:
    from av import VideoFrame

SLOTS = 8
SLOT = SEEN
"""Bytes of a slot: what is not used of it takes no memory."""


def create() -> int:
    """The descriptor of new memory, all zero."""
    descriptor = os.memfd_create("pictures", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, SLOTS * SLOT)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_only(descriptor: int) -> int:
    """Another descriptor of the same memory, through which it cannot be written."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)


def attach(descriptor: int, *, write: bool) -> memoryview:
    """Maps the memory and closes the descriptor. Only before a process confines itself."""
    access = mmap.PROT_READ | (mmap.PROT_WRITE if write else 0)
    try:
        return memoryview(mmap.mmap(descriptor, SLOTS * SLOT, mmap.MAP_SHARED, access))
    finally:
        os.close(descriptor)


class Slots:
    """The media process's side: which slots are free. Safe from several threads."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._free = list(range(SLOTS))
        self._changed = threading.Condition()
        self._failure: Failure | None = None

    def begin(self, failure: Failure) -> None:
        """From now on nobody waits for a slot once something has failed."""
        self._failure = failure
        failure.on_failure(self._wake)

    def put(self, frame: VideoFrame) -> int:
        """Copies an RGB picture into a slot, waiting until one is free; returns the slot.

        Raises `Broken` when another thread has failed.
        """
        with self._changed:
            while not self._free and not self._failed:
                self._changed.wait()
            if self._failed:
                raise Broken
            slot = self._free.pop()
        plane = frame.planes[0]
        row, stride = 3 * frame.width, plane.line_size
        source = memoryview(plane)
        place = self._memory[slot * SLOT : slot * SLOT + row * frame.height]
        if stride == row:
            place[:] = source[: row * frame.height]
        else:  # rows are padded; who reads them knows nothing of that
            for number in range(frame.height):
                start = number * stride
                place[number * row : (number + 1) * row] = source[start : start + row]
        return slot

    def free(self, slot: int) -> None:
        """The picture in `slot` has been seen."""
        with self._changed:
            self._free.append(slot)
            self._changed.notify_all()

    @property
    def _failed(self) -> bool:
        return self._failure is not None and self._failure.error is not None

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
