"""Changes when: how a bench runs and watches a real server does."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import m3u8
import requests

from scripts.bench.peer import Rung
from server.pipeline.ladder import peak_bit_rate
from server.settings import MediaSettings, OutputKind
from tests.support.server import OCTETS, TUS, Server

SETTINGS = MediaSettings()
"""As they are when nothing is set."""
CHUNK = 1 << 16
_TICKS = os.sysconf("SC_CLK_TCK")


class Upload(NamedTuple):
    """Seconds since the first byte, and the share of bytes that was up when there was something."""

    playable: float
    share: float
    sent: float
    completed: float
    rungs: list[Rung]
    video: dict[str, Any]
    """As it was in the end."""


@contextmanager
def server(outputs: Sequence[OutputKind] = SETTINGS.outputs, **media: object) -> Iterator[Server]:
    """One that makes these outputs; what else is not given is as when nothing is set."""
    given = {f"media_{name}": value for name, value in media.items()}
    ladder = ",".join(map(str, SETTINGS.ladder))
    with tempfile.TemporaryDirectory() as folder:
        found = Server(
            Path(folder) / "data",
            media_preset=SETTINGS.preset,
            media_ladder=ladder,
            media_outputs=",".join(outputs),
            **given,
        ).start()
        try:
            yield found
        finally:
            found.end()


def upload(at: Server, path: Path, seconds: float) -> Upload:
    """Sends a file evenly over some seconds (0: at once) and watches what becomes of it."""
    size = path.stat().st_size
    created = at.create(size, path.name)
    url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    begun = time.monotonic()
    sent = 0
    playable: list[tuple[float, float]] = []

    def look() -> dict[str, Any]:
        video = at.video(video_id)
        if (video["playback"] or video["pose"]) and not playable:
            playable.append((time.monotonic() - begun, sent / size))
        return video

    with path.open("rb") as file:
        while data := file.read(CHUNK if seconds else size):
            headers = {**TUS, **OCTETS, "Upload-Offset": str(sent)}
            requests.patch(url, data=data, headers=headers, timeout=120).raise_for_status()
            sent += len(data)
            look()
            due = begun + seconds * sent / size
            while (left := due - time.monotonic()) > 0:
                time.sleep(min(0.05, left))
                look()
    sent_at = time.monotonic() - begun
    while (video := look())["state"] not in ("completed", "partial", "failed"):
        time.sleep(0.02)
    completed = time.monotonic() - begun
    if video["state"] != "completed":
        raise SystemExit(f"{path.name}: {video['state']}, {video['error']}")
    made = rungs(at, video) if video["playback"] else []
    return Upload(*playable[0], sent_at, completed, made, video)


def rungs(at: Server, video: dict[str, Any]) -> list[Rung]:
    """What was made, from the multivariant playlist."""
    found = set()
    for entry in m3u8.loads(at.get(video["playback"]["hls"]).text).playlists:
        (width, height), rate = entry.stream_info.resolution, entry.stream_info.frame_rate
        found.add(Rung(width, height, peak_bit_rate(width, height, Fraction(rate))))
    return sorted(found, reverse=True)


def cpu(at: Server) -> float:
    """Seconds of processors that a server and all that descended from it have used."""
    while True:
        try:
            return sum(cpu_of(pid) for pid in [at.pid, *at.descendants()])
        except FileNotFoundError:  # one has ended; its parent will have its time
            time.sleep(0.01)


def cpu_of(pid: int) -> float:
    """The same of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICKS
