"""Very many requests at once: all are served, and little of each is in memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest
import requests

from tests.http.test_uploads import begin_patch
from tests.support.server import OCTETS, TUS, Server, until

MANY = 150
"""More than come as they like."""
DATA = b"".join(hashlib.sha256(b"crowd %d" % n).digest() for n in range(40_000))


def most_memory(server: Server) -> int:
    """Bytes that the server had at most."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return int(found[1]) << 10


async def sent(server: Server, number: int, data: bytes) -> list[int]:
    """Sends so many uploads at once; their offsets."""
    connector = aiohttp.TCPConnector(limit=0)
    headers = {**TUS, **server.session, **OCTETS}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def one() -> int:
            length = {"Upload-Length": str(len(data))}
            files = urljoin(server.url, "files/")
            async with session.post(files, headers=length, data=io.BytesIO(data)) as answer:
                return int(answer.headers["Upload-Offset"])

        return list(await asyncio.gather(*(one() for _ in range(number))))


def test_many_uploads_at_once(server: Server) -> None:
    before = most_memory(server)
    offsets = asyncio.run(sent(server, MANY, DATA))
    assert offsets == [len(DATA)] * MANY
    assert most_memory(server) - before < MANY * len(DATA) // 2
    stored = {p.read_bytes() for p in (server.data / "sources").rglob("*") if p.is_file()}
    assert stored == {DATA}


def test_slow_ones_keep_nobody_from_his_turn(server: Server) -> None:
    """Not those who upload, by whatever way, nor those who ask."""
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(MANY):
            url = server.create(1000).headers["Location"]
            slow.append((url, stack.enter_context(begin_patch(url, 0, 1000))))
        until(lambda: requests.get(urljoin(server.url, "healthz"), timeout=60).ok)
        assert asyncio.run(sent(server, 8, DATA)) == [len(DATA)] * 8
        parts: Any = {"file": ("a", DATA), "title": (None, "b")}
        form = urljoin(server.url, "upload")
        assert requests.post(form, files=parts, headers=server.session, timeout=60).ok
        chunks = urljoin(server.url, "api/videos/upload/")
        said = {"size": 5, "chunk_size": 5}
        made = requests.post(f"{chunks}initiate", json=said, headers=server.session, timeout=60)
        place = {"upload_id": made.json()["upload_id"], "index": 0}
        sending = requests.post(f"{chunks}chunk", params=place, data=b"abcde", timeout=60)
        assert sending.status_code == 200
        for url, sock in slow[:3]:
            sock.sendall(DATA[:1000])
            assert sock.recv(10_000).startswith(b"HTTP/1.1 204")
            assert server.offset(url) == 1000


@pytest.mark.parametrize("ending", ["close", "kill"])
def test_who_waits_for_a_turn_may_go(server: Server, ending: str) -> None:
    socks: list[socket.socket] = []
    urls = [server.create(len(DATA)).headers["Location"] for _ in range(MANY)]
    for url in urls:
        sock = begin_patch(url, 0, len(DATA))
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.send(DATA[: len(DATA) // 2])
        socks.append(sock)
    if ending == "kill":
        server.kill()
        server.start()
    for sock in socks:
        sock.close()
    for url in urls[::10]:
        there = server.offset(url)
        assert 0 <= there <= len(DATA) // 2
        assert server.patch(url, there, DATA[there:]).status_code == 204
        assert requests.get(url, timeout=60).content == DATA
