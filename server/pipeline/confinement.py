"""Changes when: what a media process may do, or a pose process, does.

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
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)

# The same numbers on every architecture (since Linux 5.0 new calls are numbered alike).
_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE = 1 << 2
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 38, 4

# x86_64: all the system calls that a media process needs. Whatever a kernel adds stays shut.
_SECCOMP, _CAPSET = 317, 126
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_MMAP, _CLONE, _CLONE3, _PRCTL, _PRLIMIT = 9, 56, 435, 157, 302
_CLONE_THREAD, _MAP_SHARED, _PR_SET_NAME = 0x00010000, 1, 15
_EPERM, _ENOSYS = 1, 38
_ALLOWED = {
    # read write close fstat poll lseek pread64 readv writev select pselect6 ppoll
    "its descriptors": (0, 1, 3, 5, 7, 8, 17, 19, 20, 23, 270, 271),
    # mprotect munmap brk mremap madvise membarrier
    "its memory": (10, 11, 12, 25, 28, 324),
    # rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
    "its signals": (13, 14, 15, 131),
    # sched_yield getpid exit gettid futex sched_getaffinity set_tid_address exit_group
    # set_robust_list getcpu rseq
    "its threads": (24, 39, 60, 186, 202, 204, 218, 231, 273, 309, 334),
    # nanosleep gettimeofday getrusage times time restart_syscall clock_gettime clock_getres
    # clock_nanosleep getrandom
    "time and chance": (35, 96, 98, 100, 201, 219, 228, 229, 230, 318),
}


class More(NamedTuple):
    """What a kind of process may do besides."""

    calls: tuple[int, ...] = ()
    """Numbers of system calls, on x86_64."""
    readable: tuple[str, ...] = ()
    """Files."""


NOTHING = More()
POSE = More(
    # getitimer sched_getparam sched_getscheduler openat: MediaPipe looks at its clocks and its
    # threads' priorities, and draws random numbers from a file.
    (36, 143, 145, 257),
    ("/dev/urandom",),
)


def confine(memory: int, more: More = NOTHING) -> list[str]:
    """Shuts this process in; returns what could not be shut (see `guards`).

    Afterwards it has the descriptors it has, threads, memory up to `memory` bytes of data, and
    nothing else but `more`: no path, no socket, no process, no change to any file or process.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _drop_capabilities()
    lacking = []
    for name, guard in (("landlock", _landlock), ("seccomp", _seccomp)):
        try:
            guard(more)
        except OSError as error:
            lacking.append(f"{name}: {error.strerror}")
            more = NOTHING  # what is allowed within paths is not allowed without them
    return lacking


def _drop_capabilities() -> None:
    """Even root's media processes may do nothing that needs a privilege."""
    version_3 = struct.pack("Ii", 0x20080522, 0)
    _libc.syscall(_CAPSET, version_3, bytes(24))


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


def _landlock(more: More) -> None:
    """Handles every kind of access there is, and allows none but to read what `more` names."""
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
        for path in more.readable:
            _allow_reading(ruleset, path)
        _no_new_privileges()
        if _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: str) -> None:
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        beneath = struct.pack("=Qi", _READ_FILE, file)
        if _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, 1, beneath, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(file)


def _seccomp(more: More) -> None:
    """Allows what is named above, to itself alone; all else is EPERM."""
    if platform.machine() != "x86_64":
        raise OSError(_ENOSYS, f"no list of system calls for {platform.machine()}")
    allowed = [*more.calls, *(n for numbers in _ALLOWED.values() for n in numbers)]
    program = b"".join(_filter(sorted(allowed)))
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    _no_new_privileges()
    if _libc.syscall(_SECCOMP, 1, 0, header):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _filter(allowed: list[int]) -> list[bytes]:
    """A classic BPF program over `struct seccomp_data` {nr, arch, ip, args}."""
    load, equal, above, any_bit, leave = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, error = 0x7FFF0000, 0x80000000, 0x00050000

    def op(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    def argument(number: int, half: int = 0) -> bytes:
        """The lower half of an argument, or the upper."""
        return op(load, 0, 0, 16 + 8 * number + 4 * half)

    permit, refuse = op(leave, 0, 0, allow), op(leave, 0, 0, error | _EPERM)
    program = [op(load, 0, 0, 4), op(equal, 1, 0, _AUDIT_ARCH_X86_64), op(leave, 0, 0, kill)]
    program += [op(load, 0, 0, 0), op(above, 0, 1, _X32), op(leave, 0, 0, kill)]
    for number in allowed:
        program += [op(equal, 0, 1, number), permit]
    # Not there at all, so that the C library falls back to clone, whose flags can be seen.
    program += [op(equal, 0, 1, _CLONE3), op(leave, 0, 0, error | _ENOSYS)]
    # Threads, not processes. Private memory: shared memory would not count against the limit.
    program += [op(equal, 0, 4, _CLONE), argument(0), op(any_bit, 0, 1, _CLONE_THREAD), permit]
    program += [refuse]
    program += [op(equal, 0, 4, _MMAP), argument(3), op(any_bit, 1, 0, _MAP_SHARED), permit, refuse]
    program += [op(equal, 0, 4, _PRCTL), argument(0), op(equal, 0, 1, _PR_SET_NAME), permit, refuse]
    # Limits may be asked for, of oneself; the new ones are the third argument.
    program += [op(equal, 0, 6, _PRLIMIT), argument(0), op(equal, 0, 4, 0)]
    program += [argument(2), op(equal, 0, 2, 0), argument(2, 1), op(equal, 1, 0, 0)]
    return [*program, refuse, permit]


def _no_new_privileges() -> None:
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
