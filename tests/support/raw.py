"""Changes when: how tests speak HTTP byte by byte does."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from multidict import CIMultiDict


class Answer(NamedTuple):
    """One answer, interim or final; named as `requests` has it."""

    version: str
    status_code: int
    reason: str
    headers: CIMultiDict[str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def exchange(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """The final answer. `requests` takes any interim answer but 100 for one."""
    with Wire(url) as wire:
        size = {"Content-Length": str(len(body))} if body or method in ("POST", "PUT") else {}
        wire.begin(method, url, {**size, **headers})
        wire.send(body)
        return wire.answers(of_head=method == "HEAD")[-1]


class Wire:
    """A connection on which requests are written as they are told."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._host = parts.netloc
        self.sock = socket.create_connection((parts.hostname, parts.port or 80), timeout=60)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def begin(
        self, method: str, url: str, headers: Mapping[str, object], version: str = "1.1"
    ) -> None:
        """The head of a request; its body is still to come."""
        told = {"Host": self._host, **headers}
        lines = [f"{method} {urlsplit(url).path} HTTP/{version}"]
        lines += [f"{name}: {value}" for name, value in told.items()]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def chunk(self, data: bytes) -> None:
        """One chunk of a chunked body; an empty one is the last."""
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def answer(self, *, of_head: bool = False) -> Answer:
        """The next one. After HEAD there is no content, whatever the headers say."""
        head = self._until(b"\r\n\r\n").decode()
        first, *lines = head.split("\r\n")
        version, status, reason = first.split(" ", 2)
        headers = CIMultiDict[str]()
        for line in filter(None, lines):
            name, _, value = line.partition(": ")
            headers.add(name, value)
        bare = of_head or status.startswith("1") or status == "204"
        size = 0 if bare else int(headers.get("Content-Length", "0"))
        while len(self._buffer) < size:
            self._more()
        content, self._buffer = self._buffer[:size], self._buffer[size:]
        return Answer(version, int(status), reason, headers, content)

    def answers(self, *, of_head: bool = False) -> list[Answer]:
        """All interim answers up to the final one, and that."""
        found = [self.answer(of_head=of_head)]
        while found[-1].status_code < 200:
            found.append(self.answer(of_head=of_head))
        return found

    def closed(self) -> bool:
        """Waits until the other side has closed; whether nothing more came."""
        return not self._buffer and self.sock.recv(1) == b""

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _more(self) -> None:
        data = self.sock.recv(1 << 16)
        assert data, f"closed after {self._buffer[:200]!r}"
        self._buffer += data
