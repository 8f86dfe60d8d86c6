"""Changes when: how media processes come into being does.

A small process that has every import done and no thread, and forks on request: a media process
is there in milliseconds, shares its code pages, and is confined before it sees a byte.

Its one end of a SEQPACKET socketpair takes `Fork` with two descriptors (the media process's
link and its source) and `Kill`, and gives `Forked` and `Exited`. It ends when the other end
does, and its children die with it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import os
import pkgutil
import resource
import selectors
import signal
import socket
import sys
from pathlib import Path

import msgspec

_STACK = 512 * 1024
"""Bytes of stack a thread gets; glibc takes it from the soft limit at exec."""
MESSAGE = 1 << 20
"""Bytes of a message, at most."""


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Start a media process; `start` is a msgpack `server.pipeline.messages.Start`."""

    key: int
    start: bytes


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """End one, at once."""

    key: int


class Forked(msgspec.Struct, frozen=True, tag="forked"):
    key: int
    pid: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """`status` as of `os.waitstatus_to_exitcode`; CPU seconds and peak RSS in KiB."""

    key: int
    status: int
    cpu: float
    peak_rss: int


Request = Fork | Kill
Reply = Forked | Exited


def main() -> None:
    """Runs in a process of its own: `python -m server.pipeline.forkserver FD`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft != _STACK:
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK, hard))
        os.environ["MALLOC_ARENA_MAX"] = "2"
        os.set_inheritable(control.fileno(), True)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    control.set_inheritable(False)
    preload()
    gc.collect()
    gc.freeze()
    Forkserver(control).run()


def preload() -> None:
    """Imports what a media process will need: inside, there is no file to import from."""
    av = importlib.import_module("av")
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith(("__main__", "datasets")):
            importlib.import_module(module.name)
    for name in ("traceback", "linecache", "encodings.idna", "server.pipeline.process"):
        importlib.import_module(name)


class Forkserver:
    """The loop: requests in, children out, their ends reported."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
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
            link, source = descriptors
            self._fork(request, link, source)
        else:
            for pid, key in self._children.items():
                if key == request.key:
                    os.kill(pid, signal.SIGKILL)
        return True

    def _fork(self, request: Fork, link: int, source: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:  # no memory, or too many processes, for now
            os.close(link)
            os.close(source)
            self._send(Exited(request.key, -(error.errno or 0), 0.0, 0))
            return
        if pid == 0:
            self._become_media_process(link, source, request.start)
        os.close(link)
        os.close(source)
        self._children[pid] = request.key
        self._send(Forked(request.key, pid))

    def _become_media_process(self, link: int, source: int, start: bytes) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            _keep_only(link, source)
            Path("/proc/self/oom_score_adj").write_text("1000")  # rather it than the server
            sys.modules["server.pipeline.process"].serve(link, source, start)
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


def _keep_only(link: int, source: int) -> None:
    """Closes all other descriptors; the server's output is not a media process's either."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    low, high = sorted((link, source))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the descriptors that came with it; empty at the end."""
    room = socket.CMSG_SPACE(2 * array.array("i").itemsize)
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
