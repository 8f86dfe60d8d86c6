"""Changes when: how room is given back in the middle of a file does (fallocate(2))."""

from __future__ import annotations

import ctypes
import errno
import os

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def punch(descriptor: int, start: int, size: int) -> None:
    """Makes a hole, which reads as zeros; where a file system has none, the bytes stay."""
    if size <= 0 or not _libc.fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, size):
        return
    number = ctypes.get_errno()
    if number not in (errno.EOPNOTSUPP, errno.ENOSYS):
        raise OSError(number, os.strerror(number))
