"""Changes when: how the server reaches its media and pose processes does.

The server's side of `server.pipeline.forkserver`: starts it when it is first needed and again
if it has died, and hands out processes.
"""

from __future__ import annotations

import array
import contextlib
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec

from server.job_errors import Limits
from server.pipeline import forkserver
from server.pipeline.confinement import guards
from server.pipeline.forkserver import Exited, Fork, Forked, Kill, Loaded, Reply
from server.pipeline.messages import Link, Start, Up, encode_fraction
from server.pipeline.pose_messages import PoseStart, PoseUp
from server.settings import OUTPUTS, OutputKind

_log = logging.getLogger(__name__)

_SEND_TIMEOUT = 10
"""Seconds after which a process that does not read is given up."""
_START_LIMIT = forkserver.MESSAGE // 2
"""Bytes; with more the fork server would get a part of it."""
_SILENCE = 1
"""Seconds after which the clock is looked at in the middle of a message."""
_ROOT = Path(__file__).resolve().parent.parent.parent


class _Link(Link):
    """Our end. Bytes that trickle in keep nobody from looking at the clock."""

    _looked = 0.0

    def read_into(self, buffer: memoryview) -> int:
        count = super().read_into(buffer)
        if time.monotonic() - self._looked >= _SILENCE:
            self._looked = time.monotonic()
            self.on_silence()
        return count


class Process:
    """One media or pose process and our end of its link."""

    def __init__(
        self,
        key: int,
        sock: socket.socket,
        control: socket.socket,
        owner: Processes,
        says: Any = Up,
    ) -> None:
        """`says`: what messages it sends."""
        self.key = key
        self.control = control
        """The fork server it comes from."""
        self._socket = sock
        self._owner = owner
        self.link: Link = _Link(sock.fileno(), says)
        self.forked: Future[int] = Future()
        """Its pid."""
        self.exited: Future[Exited] = Future()

    def kill(self) -> None:
        """Ends it at once; `exited` tells when it is gone."""
        self._owner.send(Kill(self.key))

    def close(self) -> None:
        """Closes the link; the process ends by itself."""
        self._socket.close()


class Processes:
    """Starts processes of one kind. Any thread may."""

    kind: str
    """The module that they run."""
    says: Any

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._processes: dict[int, Process] = {}
        self._keys = 0
        self.fault: str | None = None
        """Why there can be no such process, as far as it is known."""

    def warm(self) -> None:
        """Starts the fork server, so that the first job need not wait for it."""
        with self._lock:
            self._running()

    def begin(self, message: bytes, *others: int) -> Process:
        """A confined process that gets a start message and descriptors.

        Raises `Limits`, and `OSError` when there is no room for another process.
        """
        if len(message) > _START_LIMIT:
            raise Limits("what it would have to start from is too long")
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT, 0))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _SILENCE, 0))
        descriptors = array.array("i", [theirs.fileno(), *others])
        with theirs, self._lock:
            control = self._running()
            self._keys += 1
            process = Process(self._keys, ours, control, self, self.says)
            request = msgspec.msgpack.encode(Fork(process.key, message))
            self._processes[process.key] = process  # before an answer can come
            try:
                control.sendmsg(
                    [request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors.tobytes())]
                )
            except OSError:
                del self._processes[process.key]
                ours.close()
                raise
        return process

    def send(self, request: Kill) -> None:
        with self._lock:
            if self._control is not None:
                with contextlib.suppress(OSError):  # it has died, and its children with it
                    self._control.send(msgspec.msgpack.encode(request))

    def close(self) -> None:
        """Ends the fork server, and with it all its processes."""
        with self._lock:
            control, server = self._control, self._server
            self._control = self._server = None
        if control is not None:
            control.shutdown(socket.SHUT_RDWR)
            control.close()
        if server is not None:
            server.wait()

    def _running(self) -> socket.socket:
        """The control socket of a living fork server."""
        if self._control is not None and self._server is not None and self._server.poll() is None:
            return self._control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, forkserver.MESSAGE)
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", forkserver.__name__, str(theirs.fileno()), self.kind],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "PYTHONPATH": str(_ROOT),
                "MALLOC_ARENA_MAX": "2",
            },
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        threading.Thread(
            target=self._listen, args=(ours,), name=f"processes-{self.kind}", daemon=True
        ).start()
        return ours

    def _listen(self, control: socket.socket) -> None:
        while True:
            try:
                data = control.recv(forkserver.MESSAGE)
            except OSError:
                data = b""
            if not data:
                break
            reply = msgspec.msgpack.decode(data, type=Reply)
            if isinstance(reply, Loaded):
                self._loaded(reply)
                continue
            process = self._processes.get(reply.key)
            if process is None:
                continue
            if isinstance(reply, Forked):
                process.forked.set_result(reply.pid)
            else:
                self._gone(process, reply)
        # The fork server has died, and its children with it.
        with self._lock:
            if self._control is control:
                self._control = None
                control.close()
            left = [p for p in self._processes.values() if p.control is control]
        for process in left:
            status = 0 if self.fault else -signal.SIGKILL
            self._gone(process, Exited(process.key, status, 0.0, 0, self.fault or ""))

    def _loaded(self, reply: Loaded) -> None:
        self.fault = reply.fault
        if reply.fault:
            _log.warning("no such process can run", extra={"kind": self.kind, "why": reply.fault})

    def _gone(self, process: Process, exited: Exited) -> None:
        with self._lock:
            self._processes.pop(exited.key, None)
        if not process.exited.done():
            process.exited.set_result(exited)


class MediaProcesses(Processes):
    """Starts media processes."""

    kind = forkserver.MEDIA
    says = Up

    def warm(self) -> None:
        for guard, state in guards().items():
            if state != "yes":
                _log.warning("media processes run without a guard", extra={guard: state})
        super().warm()

    def start(self, start: Start, source: int, shared: int | None = None) -> Process:
        """A process that reads the source behind the descriptor `source`.

        `shared` is memory for pictures in which poses are looked for. Raises as `begin`.
        """
        message = msgspec.msgpack.encode(start, enc_hook=encode_fraction)
        return self.begin(message, source, *([] if shared is None else [shared]))


class PoseProcesses(Processes):
    """Starts pose processes."""

    kind = forkserver.POSE
    says = PoseUp

    def __init__(self, outputs: Collection[OutputKind] = OUTPUTS) -> None:
        """`outputs` are those that are made where nothing else is asked for."""
        super().__init__()
        self._expected = "pose" in outputs

    def warm(self) -> None:
        if self._expected:
            super().warm()

    def start(self, start: PoseStart, shared: int) -> Process:
        """A process that looks at the pictures in the memory `shared`. Raises as `begin`."""
        return self.begin(msgspec.msgpack.encode(start), shared)
