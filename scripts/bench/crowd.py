"""Changes when: what is measured of very many at once does.

    python -m scripts.bench.crowd [--uploads N] [--slow N] [--mib M]

Others ask for small things, one after another; then so many hold connections by sending next to
nothing, and so many upload at the same time. How much longer the others wait, how long the slow
ones are borne, and whether a descriptor is left behind. The crowd is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import requests

from scripts.bench import house
from server.api.connections import raise_descriptors
from tests.support.server import OCTETS, TUS, Server, until

_EVERY = 0.02
"""Seconds between two questions of the others."""
_QUIET = 10.0
"""Seconds for which they ask before the crowd comes."""
_DRIP = 1.0
"""Seconds between two bytes of a slow one."""
_LONGEST = 90.0
"""Seconds after which it is no longer waited for a slow one's end."""
_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "


def main() -> None:
    parser = argparse.ArgumentParser(description="Very many uploads at once, and slow ones.")
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--mib", type=float, default=1.0)
    parser.add_argument("--crowd", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.crowd:
        size = int(arguments.mib * (1 << 20))
        found = asyncio.run(_crowd(arguments.crowd, arguments.uploads, arguments.slow, size))
        print(json.dumps(found))
        return
    with house.server() as at:
        _measure(at, arguments)


def _measure(at: Server, arguments: argparse.Namespace) -> None:
    asking = _Asking(at)
    time.sleep(_QUIET)
    before, alone = _descriptors(at), asking.waits()
    options = (f"--{name}={getattr(arguments, name)}" for name in ("uploads", "slow", "mib"))
    command = [sys.executable, "-m", "scripts.bench.crowd", *options, "--crowd", at.url]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found, beside = json.loads(done.stdout), asking.waits()
    asking.end()
    print("others wait, in ms        p50    p99    max")
    for name, waits in (("alone", alone), ("beside the crowd", beside)):
        told = "".join(f"{1000 * _at(waits, share):7.1f}" for share in (0.5, 0.99, 1))
        print(f"{name:22s}{told}")
    print(f"added to p99: {1000 * (_at(beside, 0.99) - _at(alone, 0.99)):.1f} ms")
    print(f"uploads: {found['whole']} of {arguments.uploads} whole in {found['seconds']:.1f} s")
    if found["slow"]:
        print(f"slow ones: {len(found['slow'])} closed, after {max(found['slow']):.1f} s at most")
    until(lambda: _descriptors(at) <= before, 600, "descriptors are left behind")
    print(f"descriptors: {before} before, {_descriptors(at)} after")


def _descriptors(at: Server) -> int:
    return sum(1 for _ in os.scandir(f"/proc/{at.pid}/fd"))


def _at(waits: list[float], share: float) -> float:
    return sorted(waits)[min(len(waits) - 1, int(share * len(waits)))]


class _Asking:
    """Somebody who asks for one small thing after another, on a thread."""

    def __init__(self, at: Server) -> None:
        self._at = at
        self._waits: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def waits(self) -> list[float]:
        """Seconds that each answer took since this was called last."""
        found, self._waits = self._waits, []
        return found

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with requests.Session() as session:
            session.headers.update(self._at.session)
            for path in itertools.cycle(("healthz", "api/videos", "")):
                if self._over.wait(_EVERY):
                    return
                begun = time.monotonic()
                session.get(f"{self._at.url}{path}", timeout=_LONGEST).raise_for_status()
                self._waits.append(time.monotonic() - begun)


# --- the crowd, in a process of its own --------------------------------------------------------


async def _crowd(url: str, uploads: int, slow: int, size: int) -> dict[str, Any]:
    """Seconds for all uploads, how many of them were whole, and seconds of each slow one."""
    raise_descriptors()
    data = os.urandom(size)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=TUS) as session:
        kinds = itertools.islice(itertools.cycle((True, False)), slow)
        heads = [await _request(session, url, size) if body else _HEAD for body in kinds]
        slow_ones = [asyncio.create_task(_slow(url, head)) for head in heads]
        await asyncio.sleep(_DRIP)
        begun = time.monotonic()
        whole = sum(await asyncio.gather(*(_upload(session, url, data) for _ in range(uploads))))
        seconds = time.monotonic() - begun
    return {"whole": whole, "seconds": seconds, "slow": await asyncio.gather(*slow_ones)}


async def _upload(session: aiohttp.ClientSession, url: str, data: bytes) -> bool:
    location = await _create(session, url, len(data))
    headers = {**OCTETS, "Upload-Offset": "0"}
    async with session.patch(location, data=data, headers=headers) as answer:
        return answer.headers.get("Upload-Offset") == str(len(data))


async def _create(session: aiohttp.ClientSession, url: str, size: int) -> str:
    async with session.post(f"{url}files/", headers={"Upload-Length": str(size)}) as answer:
        answer.raise_for_status()
        return answer.headers["Location"]


async def _request(session: aiohttp.ClientSession, url: str, size: int) -> bytes:
    """The head of a PATCH."""
    fields = {**TUS, **OCTETS, "Host": "localhost", "Upload-Offset": "0", "Content-Length": size}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return (
        f"PATCH {urlsplit(await _create(session, url, size)).path} HTTP/1.1\r\n{lines}\r\n".encode()
    )


async def _slow(url: str, head: bytes) -> float:
    """Sends a beginning and then a byte now and then; seconds until it was closed."""
    parts, begun = urlsplit(url), time.monotonic()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head)
    closed = asyncio.create_task(reader.read())
    while not closed.done() and time.monotonic() - begun < _LONGEST:
        with contextlib.suppress(ConnectionError):
            writer.write(b"a")
        await asyncio.wait([closed], timeout=_DRIP)
    took = time.monotonic() - begun
    writer.close()
    await asyncio.gather(closed, writer.wait_closed(), return_exceptions=True)
    return took


if __name__ == "__main__":
    main()
