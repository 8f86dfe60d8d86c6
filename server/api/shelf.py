"""Changes when: how playlists and lists of pictures are kept in memory does.

An edition's texts are rendered once a revision, from its rows; cuts that are known are not
read again. What is handed out is ready to send: text, gzipped text, and an ETag of each.

A long video has tens of thousands of pieces, so nothing here is done in the event loop that
grows with it: rows are taken in on the database's thread, some cuts at a time, and texts are
rendered on a thread.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction

import msgspec

from server.api.tracks import Rendition, Thumbnails, Track, track_of
from server.protocols import hls, webvtt
from server.settings import MediaSettings
from storage.database import Database, Transaction
from storage.model import Edition, Output, Video
from storage.records import editions as edition_rows
from storage.records import videos as video_rows

_FRESH = 0.2
"""Seconds for which a look at the rows holds."""
_EDITIONS = 256
"""Editions kept in memory."""
_CUTS = 32
"""Cuts that are read at once: others who want to read wait no longer than for these."""


class Content(msgspec.Struct, frozen=True):
    """Bytes as they go out; the ETag is of exactly these."""

    data: bytes
    etag: str


class Rendered(msgspec.Struct, frozen=True):
    """A text as it goes out."""

    kind: str
    """Content-Type"""
    plain: Content
    gzipped: Content
    growing: bool


def _rendered(kind: str, text: str, *, growing: bool) -> Rendered:
    data = text.encode()
    gzipped = _content(gzip.compress(data, 6, mtime=0))
    return Rendered(kind, _content(data), gzipped, growing)


def _content(data: bytes) -> Content:
    return Content(data, f'"{hashlib.sha256(data).hexdigest()[:16]}"')


class Presentation:
    """One revision of an edition. Once it is whole it never changes."""

    def __init__(
        self, edition: Edition, outputs: list[Output], before: Presentation | None = None
    ) -> None:
        """`before` is an earlier revision: what that has taken in is not read again."""
        self.edition_id = edition.id
        self.ended = edition.ended
        self.cuts: int = before.cuts if before else 0
        settings = msgspec.json.decode(edition.settings, type=MediaSettings)
        self.tracks: dict[str, Track] = {
            output.name: before.tracks[output.name].copy() if before else track_of(output, settings)
            for output in outputs
        }
        self._published = edition.cuts
        self._facts = msgspec.json.decode(edition.facts or "{}")
        self._outputs = outputs
        self._texts: dict[str, asyncio.Task[Rendered]] = {}
        if self.whole:
            self._finish()

    @property
    def whole(self) -> bool:
        """Whether all cuts of the revision have been taken in."""
        return self.cuts == self._published

    def take(self, tx: Transaction) -> None:
        """Takes in the next cuts."""
        until = min(self.cuts + _CUTS, self._published)
        for piece in edition_rows.pieces(tx, self.edition_id, self.cuts, until):
            self.tracks[piece.output].add(piece)
        self.cuts = until
        if self.whole:
            self._finish()

    def _finish(self) -> None:
        if self.ended:
            for track in self.tracks.values():
                track.finish()

    async def playlist(self, name: str) -> Rendered | None:
        """`index`, `<output>` or `<output>.keyframes`; None if there is no such playlist."""
        output, _, kind = name.partition(".")
        track = self.tracks.get(output)
        if isinstance(track, Rendition):
            listed = {"": track.playlist, "keyframes": track.keyframes}.get(kind)
            if listed is None or (kind and track.facts.kind != "video"):
                return None
            return await self._text(name, hls.CONTENT_TYPE, lambda: listed.text(ended=self.ended))
        if name != "index" or not self._renditions():
            return None
        return await self._text(name, hls.CONTENT_TYPE, self._multivariant)

    async def cues(self, name: str) -> Rendered | None:
        """The WebVTT file of thumbnails or a storyboard; None if there is no such output."""
        track = self.tracks.get(name)
        if not isinstance(track, Thumbnails):
            return None
        return await self._text(f"{name}.vtt", webvtt.CONTENT_TYPE, track.cues)

    async def _text(self, name: str, kind: str, text: Callable[[], str]) -> Rendered:
        """Rendered once, whoever asks and leaves."""
        if name not in self._texts:
            growing = not self.ended
            rendering = asyncio.to_thread(lambda: _rendered(kind, text(), growing=growing))
            self._texts[name] = asyncio.create_task(rendering)
        return await asyncio.shield(self._texts[name])

    def _renditions(self) -> list[tuple[Output, Rendition]]:
        tracks = ((output, self.tracks[output.name]) for output in self._outputs)
        return [(output, track) for output, track in tracks if isinstance(track, Rendition)]

    def _multivariant(self) -> str:
        return hls.multivariant([self._said(*one) for one in self._renditions()], self.edition_id)

    def _said(self, output: Output, track: Rendition) -> hls.Rendition:
        """What the multivariant playlist says: declared while it grows, measured at the end."""
        facts = track.facts
        rate = self._facts.get("frame_rate")
        frame_rate = Fraction(*rate) if rate and facts.kind == "video" else None
        if self.ended and frame_rate and track.ticks:
            frame_rate = Fraction(track.frames * facts.timescale, track.ticks)
        keyframes = track.keyframe_rates
        return hls.Rendition(
            name=output.name,
            codec=facts.codec,
            peak=output.peak,
            average=output.average,
            width=facts.width,
            height=facts.height,
            frame_rate=frame_rate,
            keyframe_peak=keyframes.peak or output.peak // 4,
            keyframe_average=keyframes.average or output.average // 8,
            channels=facts.channels,
            language=facts.language,
        )


class Shelf:
    """The presentations that were asked for lately. Belongs to the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, Presentation] = OrderedDict()
        self._looks: OrderedDict[str, tuple[float, Video | None]] = OrderedDict()
        self._refreshing: dict[str, asyncio.Task[None]] = {}

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
        """The video has changed, or is gone, now."""
        self._looks.pop(video_id, None)

    async def _refresh(self, edition_id: str) -> None:
        """Whoever comes meanwhile waits for the same rows; whoever leaves stops nobody."""
        kept = self._kept.get(edition_id)
        if kept is not None:
            self._kept.move_to_end(edition_id)
            if kept.ended:
                return
        task = self._refreshing.get(edition_id)
        if task is None:
            task = asyncio.create_task(self._catch_up(edition_id, kept))
            self._refreshing[edition_id] = task
            task.add_done_callback(lambda _: self._refreshing.pop(edition_id))
        await asyncio.shield(task)

    async def _catch_up(self, edition_id: str, kept: Presentation | None) -> None:
        def begin(tx: Transaction) -> Presentation | None:
            edition = edition_rows.get(tx, edition_id)
            if edition is None or (
                kept is not None and (edition.cuts, edition.ended) == (kept.cuts, kept.ended)
            ):
                return kept
            outputs = edition_rows.outputs(tx, edition_id)
            if not outputs:
                return None
            fresh = Presentation(edition, outputs, kept)
            if not fresh.whole:
                fresh.take(tx)
            return fresh

        fresh = await self._database.read(begin)
        if fresh is None:
            return
        while not fresh.whole:
            await self._database.read(fresh.take)
        self._kept[edition_id] = fresh
        self._kept.move_to_end(edition_id)
        while len(self._kept) > _EDITIONS:
            self._kept.popitem(last=False)
