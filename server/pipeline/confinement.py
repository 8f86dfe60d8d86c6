"""Changes when: what a media process may do does.

Landlock, seccomp and rlimits from Python alone, without root. Called after every import and
before the first thread: Landlock (before ABI 8) binds only the calling thread and those it
starts. Where the kernel lacks a guard, that is said (`guards`), and the others still hold.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct

_libc = ctypes.CDLL(None, use_errno=True)

# The same numbers on every architecture (since Linux 5.0 new calls are numbered alike).
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 38, 4

# x86_64: system calls that a media process has no use for.
_SECCOMP = 317
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_CLONE, _CLONE3, _CLONE_THREAD = 56, 435, 0x00010000
_EPERM, _ENOSYS = 1, 38
_DENIED = {
    "sockets": (41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 53, 54, 55, 288, 299, 307),
    "processes": (57, 58, 59, 62, 101, 129, 200, 234, 297, 310, 311, 322, 424, 434, 438, 440),
    "files of others": (
        *(83, 84, 86, 88, 90, 91, 92, 93, 94, 132, 133, 188, 189, 190, 197, 198, 199),
        *(235, 258, 259, 260, 261, 265, 266, 268, 280, 452),
    ),
    "limits and priorities": (141, 142, 144, 160, 203, 251, 302, 314),
    "the kernel": (
        *(101, 153, 154, 155, 161, 165, 166, 167, 168, 169, 175, 176, 246, 248, 249, 250),
        *(272, 298, 304, 308, 313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 442, 443),
    ),
}


def confine(memory: int) -> list[str]:
    """Shuts this process in; returns what could not be shut (see `guards`).

    Afterwards it has the descriptors it has, threads, memory up to `memory` bytes of data, and
    nothing else: no path, no socket, no process, no change to any file or process.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    lacking = []
    for name, guard in (("landlock", _landlock), ("seccomp", _seccomp)):
        try:
            guard()
        except OSError as error:
            lacking.append(f"{name}: {error.strerror}")
    return lacking


def guards() -> dict[str, str]:
    """Which guards this kernel has: "yes", or why not. Changes nothing."""
    found = {}
    abi = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    found["landlock"] = "yes" if abi >= 1 else os.strerror(ctypes.get_errno())
    if platform.machine() != "x86_64":
        found["seccomp"] = f"no list of system calls for {platform.machine()}"
    else:
        # SECCOMP_GET_ACTION_AVAIL
        action = ctypes.c_uint32(0x00050000)
        done = _libc.syscall(_SECCOMP, 2, 0, ctypes.byref(action))
        found["seccomp"] = "yes" if done == 0 else os.strerror(ctypes.get_errno())
    return found


def _landlock() -> None:
    """Handles every kind of access there is, and allows none."""
    abi = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    files = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):
        if abi >= since:
            files |= 1 << bit
    attributes = struct.pack("QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        _no_new_privileges()
        if _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)


def _seccomp() -> None:
    """Denies what Landlock does not cover: EPERM; new processes by `clone` as well."""
    if platform.machine() != "x86_64":
        raise OSError(_ENOSYS, f"no list of system calls for {platform.machine()}")
    denied = sorted({number for numbers in _DENIED.values() for number in numbers})
    program = b"".join(_filter(denied))
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    _no_new_privileges()
    if _libc.syscall(_SECCOMP, 1, 0, header):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _filter(denied: list[int]) -> list[bytes]:
    """A classic BPF program over `struct seccomp_data` {nr, arch, ip, args}."""
    load, equal, above, any_bit, leave = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, error = 0x7FFF0000, 0x80000000, 0x00050000

    def op(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    program = [op(load, 0, 0, 4), op(equal, 1, 0, _AUDIT_ARCH_X86_64), op(leave, 0, 0, kill)]
    program += [op(load, 0, 0, 0), op(above, 0, 1, _X32), op(leave, 0, 0, kill)]
    for number in denied:
        program += [op(equal, 0, 1, number), op(leave, 0, 0, error | _EPERM)]
    # Not there at all, so that the C library falls back to clone, whose flags can be seen.
    program += [op(equal, 0, 1, _CLONE3), op(leave, 0, 0, error | _ENOSYS)]
    program += [op(equal, 0, 3, _CLONE), op(load, 0, 0, 16)]
    program += [op(any_bit, 1, 0, _CLONE_THREAD), op(leave, 0, 0, error | _EPERM)]
    return [*program, op(leave, 0, 0, allow)]


def _no_new_privileges() -> None:
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
