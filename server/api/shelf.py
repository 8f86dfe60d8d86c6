"""Changes when: how playlists are kept in memory does.

An edition's playlists are rendered once a revision, from its rows; cuts that are known are not
read again. What is handed out is ready to send: text, gzipped text, and an ETag.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import OrderedDict
from fractions import Fraction

import msgspec

from server.outputs.port import OutputFacts
from server.protocols import hls
from server.settings import MediaSettings
from storage.database import Database, Transaction
from storage.model import Edition, Output, Piece, Video
from storage.records import editions as edition_rows
from storage.records import videos as video_rows

_FRESH = 0.2
"""Seconds for which a look at the rows holds."""
_EDITIONS = 256
"""Editions kept in memory."""


class Rendered(msgspec.Struct, frozen=True):
    """A playlist as it goes out."""

    text: bytes
    gzipped: bytes
    etag: str
    growing: bool


def _rendered(text: str, *, growing: bool) -> Rendered:
    data = text.encode()
    etag = hashlib.sha256(data).hexdigest()[:16]
    return Rendered(data, gzip.compress(data, 6, mtime=0), f'"{etag}"', growing)


class _Track:
    """One output: its playlist, and for pictures the playlist of its keyframes."""

    def __init__(self, output: Output, target: int) -> None:
        self.facts = msgspec.json.decode(output.facts, type=OutputFacts)
        self.init = output.init
        uri = f"{output.name}.init.mp4"
        self.playlist = hls.MediaPlaylist(uri, target)
        self.keyframes = hls.MediaPlaylist(uri, target, keyframes_only=True)
        self.sizes: list[tuple[Fraction, int]] = []
        self.frames = 0
        self.ticks = 0
        self._pending: tuple[str, int, int, int] | None = None

    def add(self, piece: Piece) -> None:
        timescale = self.facts.timescale
        self.playlist.add(piece.name, Fraction(piece.duration, timescale))
        for offset, size, ticks in piece.keyframes:
            self._keyframe_until(self.ticks + ticks)
            self._pending = (piece.name, offset, size, self.ticks + ticks)
        self.frames += piece.frames
        self.ticks += piece.duration

    def finish(self) -> None:
        self._keyframe_until(self.ticks)

    def _keyframe_until(self, tick: int) -> None:
        """A keyframe is shown until the next one, so it is listed when that is known."""
        if self._pending is not None and tick > self._pending[3]:
            name, offset, size, start = self._pending
            duration = Fraction(tick - start, self.facts.timescale)
            self.keyframes.add(name, duration, (offset, size))
            self.sizes.append((duration, size))
            self._pending = None


class Presentation:
    """One edition in memory."""

    def __init__(self, edition: Edition, outputs: list[Output]) -> None:
        settings = msgspec.json.decode(edition.settings, type=MediaSettings)
        self.edition_id = edition.id
        self.target = settings.cut_seconds
        self.tracks = {output.name: _Track(output, self.target) for output in outputs}
        self.cuts = 0
        self.ended = False
        self.facts = msgspec.json.decode(edition.facts or "{}")
        self._texts: dict[str, Rendered] = {}

    def update(self, edition: Edition, outputs: list[Output], pieces: list[Piece]) -> None:
        """Takes in the cuts that are new."""
        for piece in pieces:
            self.tracks[piece.output].add(piece)
        self.cuts = edition.cuts
        if edition.ended and not self.ended:
            for track in self.tracks.values():
                track.finish()
        self.ended = edition.ended
        self._outputs = outputs
        self._texts.clear()

    def playlist(self, name: str) -> Rendered | None:
        """`index`, `<output>` or `<output>.keyframes`; None if there is no such playlist."""
        if name not in self._texts:
            text = self._text(name)
            if text is None:
                return None
            self._texts[name] = _rendered(text, growing=not self.ended)
        return self._texts[name]

    def _text(self, name: str) -> str | None:
        if name == "index":
            return hls.multivariant([self._said(o) for o in self._outputs], self.edition_id)
        output, _, kind = name.partition(".")
        track = self.tracks.get(output)
        if track is None or (kind == "keyframes" and track.facts.kind != "video"):
            return None
        if kind not in ("", "keyframes"):
            return None
        return (track.keyframes if kind else track.playlist).text(ended=self.ended)

    def _said(self, output: Output) -> hls.Rendition:
        """What the multivariant playlist says: declared while it grows, measured at the end."""
        track = self.tracks[output.name]
        facts = track.facts
        rate = self.facts.get("frame_rate")
        frame_rate = Fraction(*rate) if rate and facts.kind == "video" else None
        if self.ended and frame_rate and track.ticks:
            frame_rate = Fraction(track.frames * facts.timescale, track.ticks)
        sizes = track.sizes
        return hls.Rendition(
            name=output.name,
            codec=facts.codec,
            peak=output.peak,
            average=output.average,
            width=facts.width,
            height=facts.height,
            frame_rate=frame_rate,
            keyframe_peak=(hls.peak_bit_rate(sizes, self.target) if sizes else output.peak // 4),
            keyframe_average=hls.average_bit_rate(sizes) if sizes else output.average // 8,
            channels=facts.channels,
            language=facts.language,
        )


class Shelf:
    """The presentations that were asked for lately. Belongs to the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, Presentation] = OrderedDict()
        self._looks: OrderedDict[str, tuple[float, Video | None]] = OrderedDict()

    async def video(self, video_id: str) -> Video | None:
        """The row of a video, at most 0.2 s old; its presentation is brought up to date."""
        at = time.monotonic()
        looked, video = self._looks.get(video_id, (float("-inf"), None))
        if at - looked <= _FRESH:
            return video
        video = await self._database.read(lambda tx: video_rows.get(tx, video_id))
        if video is not None and video.edition_id is not None:
            await self._refresh(video.edition_id)
        self._looks[video_id] = (at, video)
        self._looks.move_to_end(video_id)
        while len(self._looks) > _EDITIONS:
            self._looks.popitem(last=False)
        return video

    def presentation(self, video: Video) -> Presentation | None:
        """What is published of a video that `video` has just given."""
        return self._kept.get(video.edition_id) if video.edition_id else None

    def forget(self, video_id: str) -> None:
        """The video is gone, now."""
        self._looks.pop(video_id, None)

    async def _refresh(self, edition_id: str) -> None:
        kept = self._kept.get(edition_id)
        if kept is not None and kept.ended:
            self._kept.move_to_end(edition_id)
            return
        since = kept.cuts if kept else 0

        def read(tx: Transaction) -> tuple[Edition | None, list[Output], list[Piece]]:
            edition = edition_rows.get(tx, edition_id)
            return (
                edition,
                edition_rows.outputs(tx, edition_id),
                edition_rows.pieces(tx, edition_id, since),
            )

        edition, outputs, pieces = await self._database.read(read)
        if edition is None or not outputs or self._kept.get(edition_id) is not kept:
            return
        if kept is None:
            kept = self._kept[edition_id] = Presentation(edition, outputs)
        if kept.cuts == since and (edition.cuts != since or edition.ended != kept.ended):
            kept.update(edition, outputs, pieces)
        self._kept.move_to_end(edition_id)
        while len(self._kept) > _EDITIONS:
            self._kept.popitem(last=False)
