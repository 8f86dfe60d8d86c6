"""Many connections, and such that do not read, cost little and disturb nobody."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.support.server import TUS, Server, until

READERS = 40
LENGTH = 16 << 20


class Limited(Server):
    """A server that is started under a limit of open descriptors, as `ulimit` has it."""

    limit = ""

    @property
    def command(self) -> list[str]:
        return ["sh", "-c", f'ulimit {self.limit} && exec "$@"', "sh", *super().command]


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server.start()
    finally:
        server.end()


def connect(server: Server, request: str = "") -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", server.port))
    if request:
        sock.sendall(f"GET {request} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return sock


def still_open(socks: list[socket.socket]) -> list[socket.socket]:
    """Those that the server has not closed; it has said nothing to any of them."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    closed = {descriptor for descriptor, _ in poll.poll(0)}
    return [sock for sock in socks if sock.fileno() not in closed]


def connections(server: Server) -> int:
    """Sockets that the server has accepted and not closed."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    held = {row[9] for row in rows if int(row[1].split(":")[1], 16) == server.port}
    found = 0
    for entry in os.scandir(f"/proc/{server.pid}/fd"):
        with contextlib.suppress(OSError):
            found += Path(entry.path).readlink().name[8:-1] in held - {"0"}
    return found - 1  # the one that listens


def resident(server: Server) -> int:
    """Bytes of memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return int(found[1]) << 10


def test_as_many_descriptors_as_it_may_have(tmp_path: Path) -> None:
    server = Limited(tmp_path / "data")
    server.limit = "-Sn 256"
    with running(server):
        limits = Path(f"/proc/{server.pid}/limits").read_text()
    soft, hard = re.findall(r"Max open files\s+(\d+)\s+(\d+)", limits)[0]
    assert int(soft) == min(int(hard), 65_536)


def test_idle_connections_leave_descriptors_to_those_that_work(tmp_path: Path) -> None:
    server = Limited(tmp_path / "data")
    server.limit = "-n 600"
    with running(server), contextlib.ExitStack() as stack, requests.Session() as before:
        before.headers.update({**TUS, **server.session})
        files = urljoin(server.url, "files/")
        assert before.options(files, timeout=60).status_code == 204
        idle = [stack.enter_context(connect(server)) for _ in range(700)]
        until(lambda: len(still_open(idle)) <= 100, what="all are let in")
        assert still_open(idle)
        for _ in range(30):
            made = before.post(files, headers={"Upload-Length": "3"}, timeout=60)
            assert made.status_code == 201, made.text
            sent = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            url = made.headers["Location"]
            assert before.patch(url, headers=sent, data=b"abc", timeout=60).status_code == 204
        for sock in idle:
            sock.close()
        until(lambda: server.create(1).status_code == 201)
        assert "Too many open files" not in server.log()


def test_so_many_and_no_more(tmp_path: Path) -> None:
    with (
        running(Server(tmp_path / "data", max_connections=5)) as server,
        contextlib.ExitStack() as stack,
    ):
        until(lambda: connections(server) == 0)
        socks = [stack.enter_context(connect(server)) for _ in range(50)]
        until(lambda: len(still_open(socks)) == 5)
        with pytest.raises(requests.ConnectionError):
            requests.get(server.url, timeout=60)
        still_open(socks)[0].close()
        until(lambda: connections(server) == 4)
        assert server.get("healthz").ok
        assert "connections are refused" in server.log()


@pytest.mark.parametrize("share", [1, 2])
def test_who_reads_nothing_is_let_go(tmp_path: Path, share: int) -> None:
    """An upload that has ended, which the kernel sends, and one that has not."""
    with (
        running(Server(tmp_path / "data", connection_timeout=2)) as server,
        contextlib.ExitStack() as stack,
    ):
        url = server.create(LENGTH, body=bytes(LENGTH // share)).headers["Location"]
        assert len(requests.get(url, timeout=60).content) == LENGTH // share
        until(lambda: connections(server) == 0)
        before = resident(server)
        for _ in range(READERS):
            stack.enter_context(connect(server, urlsplit(url).path))
        until(lambda: connections(server) == READERS)
        assert resident(server) - before < READERS << 19
        until(lambda: connections(server) == 0)
        assert "Traceback" not in server.log()


def test_who_reads_slowly_gets_all(tmp_path: Path) -> None:
    with running(Server(tmp_path / "data", connection_timeout=2)) as server:
        left = 3 << 19
        url = server.create(LENGTH, body=bytes(left)).headers["Location"]
        with connect(server, urlsplit(url).path) as sock:
            sock.settimeout(60)
            while left > 0:
                select.select([], [], [], 0.01)
                data = sock.recv(1 << 15)
                assert data
                left -= len(data)
