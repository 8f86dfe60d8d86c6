"""Changes when: what a finished presentation must hold, seen from outside, does."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import av
import m3u8
import requests

from tests.support.server import Server


@dataclass
class Track:
    """One media playlist and all that it lists."""

    name: str
    init: bytes
    ended: bool
    uris: list[str] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    segments: list[bytes] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(self.durations)

    def file(self) -> io.BytesIO:
        """All of it as one file."""
        return io.BytesIO(self.init + b"".join(self.segments))


class Presentation:
    """Everything that the multivariant playlist of a video leads to, fetched."""

    def __init__(self, server: Server, video: dict[str, Any]) -> None:
        url = urljoin(server.url, video["playback"]["hls"])
        self.master = m3u8.loads(fetch(url).decode(), uri=url)
        entries = [*self.master.playlists, *self.master.media]
        self.tracks = [_track(entry.absolute_uri) for entry in entries]

    def faults(self) -> list[str]:
        """What is wrong with it, in words; nothing if nothing is."""
        found = [f"{track.name} has no end" for track in self.tracks if not track.ended]
        lengths = [track.seconds for track in self.tracks]
        if max(lengths) - min(lengths) > 0.1:
            found.append(f"tracks of different lengths: {lengths}")
        for track in self.tracks:
            if len(set(track.uris)) < len(track.uris):
                found.append(f"{track.name} lists a segment twice")
            found += [f"{track.name}: {fault}" for fault in _decoded(track)]
        return found


def fetch(url: str) -> bytes:
    answer = requests.get(url, timeout=60)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    return answer.content


def _track(url: str) -> Track:
    playlist = m3u8.loads(fetch(url).decode(), uri=url)
    init = fetch(playlist.segments[0].init_section.absolute_uri)
    track = Track(url.rsplit("/", 1)[-1], init, bool(playlist.is_endlist))
    for segment in playlist.segments:
        track.uris.append(segment.uri)
        track.durations.append(segment.duration)
        track.segments.append(fetch(segment.absolute_uri))
    return track


def _decoded(track: Track) -> list[str]:
    """Every frame decodes, and begins where the one before it ended."""
    found = []
    end = None
    with av.open(track.file(), "r") as container:
        for packet in container.demux():
            if packet.dts is None or packet.time_base is None:
                continue
            start = float(packet.dts * packet.time_base)
            if end is not None and abs(start - end) > 0.002:
                found.append(f"{start - end:+.4f} s between two packets at {start:.3f} s")
            end = start + float((packet.duration or 0) * packet.time_base)
            try:
                packet.decode()
            except av.error.FFmpegError as error:
                found.append(f"at {start:.3f} s: {error}")
    return found
