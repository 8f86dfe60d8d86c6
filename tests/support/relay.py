"""Changes when: how tests break the line between a client and a server does."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.support.server import free_port

_BLOCK = 1 << 16


class Relay:
    """A line to a port of this machine, which can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._door: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        self._door = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and there are no new ones."""
        assert self._door is not None
        # Closed alone, it would still be listened on by whoever waits in accept.
        for sock in (self._door, *self._known()):
            _end(sock)

    def _known(self) -> list[socket.socket]:
        with self._lock:
            found, self._lines = list(self._lines), set()
        return found

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                near, _ = door.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                _end(near)
                continue
            with self._lock:
                self._lines |= {near, far}
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_BLOCK):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
