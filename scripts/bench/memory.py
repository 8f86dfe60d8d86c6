"""Changes when: what we tell of the memory that an upload takes does.

    python -m scripts.bench.memory [--gib N]

Sends N GiB through a server in one PATCH, as a video whose index lies at its end, and tells the
resident memory of the server's process before, while and after, and what its throughput was.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from scripts.bench import house
from tests.support.server import OCTETS, TUS, Server

BLOCK = 1 << 20
LOOK_EVERY = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory while an upload passes through.")
    parser.add_argument("--gib", type=float, default=4)
    size = int(parser.parse_args().gib * (1 << 30))
    with house.server() as server:
        send(server, 1 << 26)  # buffers and threads are there then
        before = resident(server.pid)
        seen = [before]
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_EVERY):
                seen.append(resident(server.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        took = send(server, size)
        over.set()
        watcher.join()
    rise = max(seen) - before
    print(f"{size / (1 << 30):.1f} GiB in {took:.1f} s: {size / took / 1e6:.0f} MB/s")
    print(f"resident memory: {before:.1f} MiB before, at most {max(seen):.1f}, +{rise:.1f} MiB")


def send(server: Server, size: int) -> float:
    """Uploads that many bytes; how many seconds it took."""
    created = server.create(size, "big.mp4")
    headers = {**TUS, **OCTETS, "Upload-Offset": "0"}
    begun = time.monotonic()
    url = created.headers["Location"]
    answer = requests.patch(url, data=Body(size), headers=headers, timeout=3600)
    answer.raise_for_status()
    return time.monotonic() - begun


class Body:
    """An MP4 whose media data fill all of it: nothing can be made of it before its end."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        head = (24).to_bytes(4, "big") + b"ftypisom\0\0\2\0isomiso2"
        head += (1).to_bytes(4, "big") + b"mdat" + (self._size - 24).to_bytes(8, "big")
        yield head
        block = os.urandom(BLOCK)
        left = self._size - len(head)
        while left > 0:
            yield block[: min(left, BLOCK)]
            left -= BLOCK


def resident(pid: int) -> float:
    """MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
