"""Changes when: what a server must stand for hours does.

    python -m scripts.soak [--minutes M] [--visitors N] [--seed S] [FILE ...]

Visitors upload, pause, take back, watch and delete, while media processes and the server itself
are killed at random. Whatever was acknowledged must be there afterwards, every video that was not
deleted must be complete and play from its first to its last segment, and nothing may be left
over: no process, no file, no row.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests

from tests.support.clips import Clip, make
from tests.support.presentation import Presentation
from tests.support.server import Server

CLIPS = {
    "even.mp4": Clip(seconds=16, options={"movflags": "faststart"}),
    "behind.mp4": Clip(seconds=8),
    "upright.ts": Clip(seconds=12, container="mpegts", width=180, height=320),
    "uneven.mp4": Clip(
        seconds=14,
        times=tuple(n / 25 for n in range(120)) + tuple(6 + n / 7 for n in range(55)),
        options={"movflags": "faststart"},
    ),
    "mute.mkv": Clip(seconds=10, container="matroska", audio=False),
}
DOWN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Soak:
    """One server, its visitors and its killer."""

    def __init__(self, server: Server, files: list[Path], chance: random.Random) -> None:
        self.server = server
        self.files = files
        self.chance = chance
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._over = threading.Event()
        self._restarting = threading.Lock()

    def run(self, seconds: float, visitors: int) -> None:
        threads = [threading.Thread(target=self._visitor) for _ in range(visitors)]
        threads.append(threading.Thread(target=self._killer))
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()

    # Visitors

    def _visitor(self) -> None:
        try:
            while not self._over.is_set() and not self.faults:
                self._visit(self.chance.choice(self.files))
        except Exception as error:
            self.faults.append(f"a visitor stumbled: {error!r}")
            raise

    def _visit(self, path: Path) -> None:
        data = path.read_bytes()
        created = self._patiently(lambda: self.server.create(len(data), path.name))
        url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
        taken_back = self.chance.random() < 0.2
        if not self._send(url, data, self.chance.random() if taken_back else 1.0):
            return
        if taken_back:
            self._delete(video_id, "taken back")
            return
        video = self._patiently(lambda: self._ended(video_id))
        stored = self._patiently(lambda: requests.get(url, timeout=60)).content
        if stored != data:
            self.faults.append(f"{path.name} {video_id}: other bytes than were sent")
        if (video["error"] or {}).get("code") == "crashed":
            self.counts["given up after many kills in a row"] += 1
            return
        if video["state"] != "completed":
            self.faults.append(f"{path.name} {video_id}: {video['state']}, {video['error']}")
            return
        said = self._patiently(lambda: Presentation(self.server, video).faults())
        self.faults += [f"{path.name} {video_id}: {fault}" for fault in said]
        self.counts["completed"] += 1
        if self.chance.random() < 0.7:
            self._delete(video_id, "deleted")

    def _send(self, url: str, data: bytes, share: float) -> bool:
        """In pieces, from wherever HEAD says; False if it was given up."""
        acknowledged = 0
        until_byte = int(len(data) * share)
        while acknowledged < until_byte:
            at = self._patiently(lambda: self.server.offset(url))
            if at < acknowledged:
                self.faults.append(f"{url}: {acknowledged} bytes were acknowledged, {at} are there")
                return False
            part = data[at : min(until_byte, at + self.chance.randrange(1, len(data)))]
            try:
                answer = self.server.patch(url, at, part)
            except DOWN:
                self.counts["patches broken off"] += 1
                continue
            if answer.status_code == 204:
                acknowledged = int(answer.headers["Upload-Offset"])
            if self.chance.random() < 0.3:
                self._over.wait(self.chance.random())
        return True

    def _ended(self, video_id: str) -> dict[str, Any]:
        return self.server.finished(video_id, 300)

    def _delete(self, video_id: str, what: str) -> None:
        url = f"{self.server.url}api/videos/{video_id}"
        answer = self._patiently(
            lambda: requests.delete(url, headers=self.server.session, timeout=60)
        )
        # 404: the server was killed between the removal and the answer to the first try.
        if answer.status_code not in (204, 404):
            self.faults.append(f"{video_id} could not be deleted: {answer.status_code}")
        self.counts[what] += 1

    def _patiently(self, ask: Any) -> Any:
        """Again, as long as the server is down."""
        while True:
            try:
                return ask()
            except DOWN:
                with self._restarting:
                    pass

    # The killer

    def _killer(self) -> None:
        while not self._over.wait(self.chance.uniform(0.5, 4)):
            victim = self.chance.choice(("media process", "media process", "fork server", "server"))
            with self._restarting:
                children = self.server.descendants()
                if victim == "server":
                    self.server.kill()
                    self.server.start()
                elif children:
                    first = victim == "fork server"
                    kill(children[0] if first else self.chance.choice(children))
            self.counts[f"kills of a {victim}"] += 1


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def left_over(server: Server) -> list[str]:
    """What is there after the server has stopped and should not be."""
    found = []
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        if rows.execute("pragma integrity_check").fetchone() != ("ok",):
            found.append("the database is damaged")
        kept = {
            "sources": {name for (name,) in rows.execute("select id from sources")},
            "editions": {name for (name,) in rows.execute("select id from editions")},
        }
        queued = rows.execute("select count(*) from procrastinate_jobs").fetchone()[0]
    if queued:
        found.append(f"{queued} jobs in the queue")
    for kind, ids in kept.items():
        there = {path.name for path in (server.data / kind).glob("*/*")}
        found += [f"{kind}: {name} belongs to nothing" for name in sorted(there - ids)]
        found += [f"{kind}: {name} is missing" for name in sorted(ids - there)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Many visitors, and a killer.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--visitors", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = arguments.files or [make(Path(folder) / n, clip) for n, clip in CLIPS.items()]
        server = Server(Path(folder) / "data", takeover_after=0.5).start()
        soak = Soak(server, files, random.Random(arguments.seed))
        try:
            soak.run(arguments.minutes * 60, arguments.visitors)
            children = server.descendants()
        finally:
            server.end()
        faults = soak.faults + left_over(server)
        faults += [f"process {pid} is left" for pid in children if Path(f"/proc/{pid}").exists()]
        for fault in faults:
            print(fault)
        if faults:
            print(server.log()[-5000:])
    for what, count in sorted(soak.counts.items()):
        print(f"{count:6} {what}")
    print(f"{time.monotonic() - begun:.0f} s, {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
