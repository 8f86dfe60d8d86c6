"""Changes when: what is measured of streams does.

    python -m scripts.bench.streams [--watchers N] [--rates 10,40] [--seconds S]

Many watch one topic of `scripts.bench.sse_server`, events are put in at some rates, and each that
arrives is timed. In the end all watchers vanish at once: how long their handlers stay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import requests

from scripts.bench.house import cpu_of
from scripts.bench.memory import resident
from server.api.connections import raise_descriptors
from tests.support.server import free_port, until

_SENT = re.compile(rb'"sent":([0-9.]+)')
_PAD = "x" * 120
_REQUEST = b"GET /sub HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_IDLE = 5.0
"""Seconds without an arrival after which the rest counts as lost."""


class Watching(asyncio.Protocol):
    """One watcher. Notes how old each event is when it arrives."""

    def __init__(self, ages: list[float]) -> None:
        self._ages = ages
        self._rest = b""
        self.transport: asyncio.Transport | None = None
        self.begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        self.begun = True
        at = time.time()
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        self._ages += (at - float(sent) for sent in _SENT.findall(lines))


@contextlib.contextmanager
def server() -> Iterator[tuple[str, int, int]]:
    """Its address, port and process id."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.bench.sse_server", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _watchers(url) is not None)
        try:
            yield url, port, process.pid
        finally:
            process.terminate()


def _watchers(url: str) -> int | None:
    try:
        return int(requests.get(f"{url}/watchers", timeout=60).text)
    except requests.ConnectionError:
        return None


async def _publish(port: int, rate: float, seconds: float) -> int:
    """Puts events in, evenly; how many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun, count = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        body = f'{{"sent":{time.time()},"pad":"{_PAD}"}}'
        head = f"POST /pub HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        count += 1
        await asyncio.sleep(max(0.0, begun + count / rate - time.monotonic()))
    for _ in range(count):
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return count


async def _arrived(ages: list[float], most: int) -> None:
    before, since = -1, time.monotonic()
    while len(ages) < most and time.monotonic() < since + _IDLE:
        if len(ages) != before:
            before, since = len(ages), time.monotonic()
        await asyncio.sleep(0.05)


async def measure(watchers: int, rates: list[float], seconds: float) -> None:
    """Prints a line for each rate, and one for the end."""
    loop = asyncio.get_running_loop()
    with server() as (url, port, pid):
        before, ages = resident(pid), list[float]()
        watching = [Watching(ages) for _ in range(watchers)]
        for one in watching:
            await loop.create_connection(partial(_itself, one), "127.0.0.1", port)
        while not all(one.begun for one in watching):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        each = (resident(pid) - before) / watchers * 1024
        print(f"{watchers} watchers, {each:.1f} KiB each")
        for rate in rates:
            ages.clear()
            used, begun = cpu_of(pid), time.monotonic()
            count = await _publish(port, rate, seconds)
            await _arrived(ages, count * watchers)
            share = (cpu_of(pid) - used) / (time.monotonic() - begun)
            ages.sort()
            print(
                f"{rate:g} events/s: {len(ages)} of {count * watchers} arrived, "
                f"p50 {_ms(ages, 0.5)}, p99 {_ms(ages, 0.99)}, {share:.0%} of a core"
            )
        begun = time.monotonic()
        for one in watching:
            assert one.transport is not None
            one.transport.abort()
        while await asyncio.to_thread(_watchers, url):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        print(f"all vanished: nothing left after {time.monotonic() - begun:.1f} s")


def _itself(one: Watching) -> Watching:
    return one


def _ms(ages: list[float], share: float) -> str:
    return f"{1000 * ages[min(len(ages) - 1, int(share * len(ages)))]:.0f} ms" if ages else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description="Many watchers of one topic.")
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--rates", default="10,40")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    raise_descriptors()
    rates = [float(rate) for rate in arguments.rates.split(",")]
    asyncio.run(measure(arguments.watchers, rates, arguments.seconds))


if __name__ == "__main__":
    main()
