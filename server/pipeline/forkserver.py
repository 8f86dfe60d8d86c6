"""Changes when: how media processes and pose processes come into being does.

A small process that has every import done and no thread, and forks on request: a media process
is there in milliseconds, shares its code pages, and is confined before it sees a byte. Each kind
of process has a fork server of its own, as each needs other modules.

Its one end of a SEQPACKET socketpair says `Loaded`, takes `Fork` with descriptors (the process's
link, and what else it gets) and `Kill`, and gives `Forked` and `Exited`. It ends when the other
end does, and its children die with it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import os
import resource
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn, Protocol, cast

import msgspec

_STACK = 512 * 1024
"""Bytes of stack a thread gets; glibc takes it from the soft limit at exec."""
MESSAGE = 1 << 20
"""Bytes of a message, at most."""
MEDIA, POSE = "server.pipeline.process", "server.pipeline.pose"
"""The kinds of processes, by the modules that they run."""
_DESCRIPTORS = 3
"""Those that come with a `Fork`, at most."""
_FAULT = 500
"""Characters of a fault that are told."""


class Kind(Protocol):
    """What such a module has."""

    def preload(self) -> None:
        """Imports what a process will need: inside, there is no file to import from."""

    def prepare(self, start_message: bytes) -> None:
        """Called before each fork; what it raises is said of the process that does not begin."""

    def serve(self, link_descriptor: int, others: list[int], start_message: bytes) -> NoReturn:
        """The life of a process."""


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Start a process; `start` is what its module takes it for, in msgpack."""

    key: int
    start: bytes


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """End one, at once."""

    key: int


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """Said once: it can fork, or why it cannot."""

    fault: str | None


class Forked(msgspec.Struct, frozen=True, tag="forked"):
    key: int
    pid: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """`status` as of `os.waitstatus_to_exitcode`; CPU seconds and peak RSS in KiB."""

    key: int
    status: int
    cpu: float
    peak_rss: int
    fault: str = ""
    """Why it did not even begin."""


Request = Fork | Kill
Reply = Loaded | Forked | Exited


def main() -> None:
    """Runs in a process of its own: `python -m server.pipeline.forkserver FD MODULE`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft != _STACK:
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK, hard))
        os.environ["MALLOC_ARENA_MAX"] = "2"
        os.set_inheritable(control.fileno(), True)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    control.set_inheritable(False)
    try:
        kind = preload(sys.argv[2])
    except Exception as error:  # whatever a library does where it is not at home
        fault = f"{type(error).__name__}: {error}"
        control.send(msgspec.msgpack.encode(Loaded(fault[:_FAULT])))
        return
    gc.collect()
    gc.freeze()
    Forkserver(control, kind).run()


def preload(module: str = MEDIA) -> Kind:
    """The module of a kind of process, with all that it will need."""
    kind = cast("Kind", importlib.import_module(module))
    kind.preload()
    return kind


class Forkserver:
    """The loop: requests in, children out, their ends reported."""

    def __init__(self, control: socket.socket, kind: Kind) -> None:
        self._control = control
        self._kind = kind
        self._children: dict[int, int] = {}
        self._bell, bell = socket.socketpair()
        for end in (self._bell, bell):
            end.setblocking(False)
        signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
        self._bell_end = bell
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def run(self) -> None:
        """Until the other end closes."""
        self._send(Loaded(None))
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(self._bell, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._bell:
                    with contextlib.suppress(BlockingIOError):
                        self._bell.recv(4096)
                    self._reap()
                elif not self._request():
                    return

    def _request(self) -> bool:
        data, descriptors = receive(self._control)
        if not data:
            return False
        request = msgspec.msgpack.decode(data, type=Request)
        if isinstance(request, Fork):
            self._fork(request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            for pid, key in self._children.items():
                if key == request.key:
                    os.kill(pid, signal.SIGKILL)
        return True

    def _fork(self, request: Fork, descriptors: list[int]) -> None:
        try:
            self._kind.prepare(request.start)
            pid = os.fork()
        except Exception as error:
            # No memory or too many processes, for now; or what it needs is not there.
            number = error.errno or 0 if isinstance(error, OSError) else 0
            self._send(Exited(request.key, -number, 0.0, 0, f"{error}"[:_FAULT]))
            return
        if pid == 0:
            self._become(request.start, *descriptors)
        self._children[pid] = request.key
        self._send(Forked(request.key, pid))

    def _become(self, start: bytes, link: int, *others: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            _keep_only(link, *others)
            Path("/proc/self/oom_score_adj").write_text("1000")  # rather it than the server
            self._kind.serve(link, list(others), start)
        finally:
            os._exit(70)

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            key = self._children.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            self._send(Exited(key, code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))

    def _send(self, reply: Reply) -> None:
        try:
            self._control.send(msgspec.msgpack.encode(reply))
        except OSError:
            os._exit(0)


def _keep_only(*descriptors: int) -> None:
    """Closes all others; the server's output is not such a process's either."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    begin = 3
    for kept in sorted(descriptors):
        os.closerange(begin, kept)
        begin = kept + 1
    os.closerange(begin, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the descriptors that came with it; empty at the end."""
    room = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, _, _ = control.recvmsg(MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:  # the server has died with something unread
        return b"", []
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    return data, list(descriptors)


if __name__ == "__main__":
    main()
