"""Changes when: what we tell of the cost of receiving bytes does.

    python -m scripts.bench.uploads [--node FOLDER] [--python FILE] [--size MIB] [--rounds N]

Uploads by tus against other servers in turns: throughput, CPU of the server's process alone, and
its highest memory. FOLDER has `node_modules` with @tus/server and @tus/file-store, FILE is a
Python that has tuspyserver and uvicorn; without them there is nobody to compare with. Ours syncs
what it acknowledges, theirs do not.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests

from scripts.build_web import NODE
from tests.support.server import OCTETS, TUS, Server, free_port, until

_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1 << 20
_NODE = """
import {Server} from '@tus/server'
import {FileStore} from '@tus/file-store'
const [port, directory] = process.argv.slice(2)
new Server({path: '/files', datastore: new FileStore({directory})})
  .listen({host: '127.0.0.1', port: Number(port)})
"""
_PYTHON = """
import sys, uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router
app = FastAPI()
app.include_router(create_tus_router(prefix='files', files_dir=sys.argv[2], max_size=1 << 40))
uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[1]), log_level='error')
"""


class Pattern(NamedTuple):
    """How bytes are sent: so many uploads at once, in PATCHes of so many MiB."""

    name: str
    uploads: int
    share: int
    """Each has one of so many equal shares of all bytes."""
    patch: int


class Run(NamedTuple):
    """MB/s, CPU seconds for each GiB, and MiB of memory at most."""

    rate: float
    cpu: float
    memory: float


PATTERNS = (
    Pattern("8 MiB PATCHes", 1, 1, 8),
    Pattern("one PATCH", 1, 1, 0),
    Pattern("16 at once", 16, 16, 8),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Uploads against other servers of tus.")
    parser.add_argument("--node", type=Path)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    names = ["ours", "ours, no digests"]
    names += ["@tus/server"] * bool(arguments.node) + ["tuspyserver"] * bool(arguments.python)
    print(f"{'':16} {'':18} {'MB/s':>8} {'CPU s/GiB':>10} {'MiB':>6}")
    for pattern in PATTERNS:
        runs: dict[str, list[Run]] = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for name in names:
                with _served(name, arguments.node, arguments.python) as (url, pid):
                    runs[name].append(_run(url, pid, pattern, arguments.size * _MIB))
        for name, found in runs.items():
            rate, cpu, memory = (statistics.median(c) for c in zip(*found, strict=True))
            print(f"{pattern.name:16} {name:18} {rate:8.0f} {cpu:10.2f} {memory:6.0f}", flush=True)


@contextmanager
def _served(name: str, node: Path | None, python: Path | None) -> Iterator[tuple[str, int]]:
    """The URL of a fresh server and its process."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if name.startswith("ours"):
            server = Server(data, digests=name == "ours").start()
            try:
                yield urljoin(server.url, "files/"), server.pid
            finally:
                server.end()
            return
        data.mkdir()
        port = free_port()
        assert node is not None or python is not None
        if name == "@tus/server":
            assert node is not None
            script = node / "bench_peer.mjs"
            script.write_text(_NODE)
            command = [str(NODE / "bin" / "node"), str(script)]
        else:
            command = [str(python), "-c", _PYTHON]
        process = subprocess.Popen([*command, str(port), str(data)])
        try:
            until(lambda: _listens(port))
            yield f"http://127.0.0.1:{port}/files", process.pid
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _run(url: str, pid: int, pattern: Pattern, size: int) -> Run:
    each = size // pattern.share
    body = os.urandom((pattern.patch * _MIB) or each)
    peak = [0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], _memory(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    cpu, began = _cpu(pid), time.monotonic()
    try:
        with ThreadPoolExecutor(pattern.uploads) as pool:
            list(pool.map(lambda _: _upload(url, each, body), range(pattern.uploads)))
    finally:
        over.set()
        watching.join()
    total = each * pattern.uploads
    wall = time.monotonic() - began
    return Run(total / _MIB / wall, (_cpu(pid) - cpu) / (total / (1 << 30)), peak[0])


def _upload(url: str, size: int, body: bytes) -> None:
    """By a plain socket: a client that costs much would be measured with the server."""
    created = requests.post(url, headers={**TUS, "Upload-Length": str(size)}, timeout=60)
    created.raise_for_status()
    where = urlsplit(urljoin(url, created.headers["Location"]))
    assert where.hostname
    with socket.create_connection((where.hostname, where.port or 80)) as sock:
        answers = sock.makefile("rb")
        for offset in range(0, size, len(body)):
            part = memoryview(body)[: size - offset]
            headers = {**TUS, **OCTETS, "Host": where.netloc, "Upload-Offset": str(offset)}
            headers["Content-Length"] = str(len(part))
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            sock.sendall(f"PATCH {where.path} HTTP/1.1\r\n{lines}\r\n".encode())
            sock.sendall(part)
            status = answers.readline()
            if b" 204 " not in status:
                raise SystemExit(f"{url} answered {status!r}")
            while answers.readline().strip():
                pass
        answers.close()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / _TICKS


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
