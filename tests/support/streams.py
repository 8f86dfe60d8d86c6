"""Changes when: how tests read Server-Sent Events does."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tests.support.server import Server

NONE: Mapping[str, str] = {}


class Line:
    """A connection whose reader takes bytes when it is told to."""

    def __init__(self) -> None:
        self.sent = b""
        self.waiting = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data
        self.waiting += len(data)

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.waiting

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def numbers(self) -> list[int]:
        return [int(found) for found in re.findall(rb"^id: (\d+)$", self.sent, re.MULTILINE)]


class Told(NamedTuple):
    """One event."""

    kind: str
    number: int | None
    data: Any


class Stream:
    """A stream of events, read as a browser would. Its end is an `EOFError`."""

    def __init__(
        self, server: Server, path: str = "api/events", headers: Mapping[str, str] = NONE
    ) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
        self._connection.request("GET", f"/{path}", headers={**server.session, **headers})
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.last: int | None = None
        """What a browser would send as Last-Event-ID."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()  # it may have taken over the socket
        self._connection.close()

    def next(self) -> Told:
        """The next event; comments and `retry` are passed over."""
        kind, number, data = "message", None, []
        while True:
            line = self.answer.readline()
            if not line:
                raise EOFError
            name, _, value = line.rstrip(b"\n").decode().partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                number = int(value)
            elif name == "data":
                data.append(value)
            elif not name and data:
                self.last = self.last if number is None else number
                return Told(kind, number, json.loads("\n".join(data)))

    def until(self, condition: Callable[[Told], object]) -> Iterator[Told]:
        """Events, up to the first that fulfils a condition."""
        while True:
            told = self.next()
            yield told
            if condition(told):
                return

    def rest(self) -> Iterator[Told]:
        """Events until the stream ends, whichever way."""
        with contextlib.suppress(EOFError, OSError, http.client.HTTPException):
            while True:
                yield self.next()


def state(*states: str) -> Callable[[Told], bool]:
    """Whether an event is about a job's new state."""
    return lambda told: told.kind == "state" and told.data["state"] in states


def progress(**values: object) -> Callable[[Told], bool]:
    """Whether an event is a `progress` of a video with such values."""
    return lambda told: (
        told.kind == "progress" and all(told.data[k] == v for k, v in values.items())
    )


def numbers(events: list[Told]) -> list[int]:
    """Of the events that have one."""
    return [told.number for told in events if told.number is not None]


def resumed(server: Server, stream: Stream, path: str = "api/events") -> Stream:
    """The same stream again, as a browser comes back."""
    return Stream(server, path, {"Last-Event-ID": str(stream.last)})


def raw(server: Server, path: str = "/api/events", version: str = "1.1") -> socket.socket:
    """A stream on a socket that takes little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.connect(("127.0.0.1", server.port))
    session = server.session["X-User-Session"]
    sock.sendall(
        f"GET {path} HTTP/{version}\r\nHost: 127.0.0.1\r\n"
        f"X-User-Session: {session}\r\n\r\n".encode()
    )
    return sock


def read_until(sock: socket.socket, text: bytes) -> bytes:
    found = b""
    while text not in found:
        data = sock.recv(65536)
        assert data, found[-300:]
        found += data
    return found
