"""Changes when: what is kept in memory of an output of an edition does.

Each takes the rows of its pieces, cut by cut, and then has the texts that are told of them.
"""

from __future__ import annotations

import copy
from fractions import Fraction

import msgspec

from server.outputs.port import RENDITIONS, OutputFacts
from server.protocols import hls, webvtt
from server.settings import MediaSettings
from storage.model import Output, Piece


class Track:
    """One output: how far its pieces go. Of most kinds that is all."""

    def __init__(self, output: Output, facts: OutputFacts) -> None:
        self.facts = facts
        self.init = output.init
        self.frames = 0
        self.ticks = 0

    def copy(self) -> Track:
        """The same as far as it goes; it goes on by itself."""
        return copy.copy(self)

    def add(self, piece: Piece) -> None:
        """The piece of the next cut."""
        self.frames += piece.frames
        self.ticks += piece.duration

    def finish(self) -> None:
        """There are no more."""


class Rendition(Track):
    """Its playlist, and for pictures the playlist of its keyframes."""

    def __init__(self, output: Output, facts: OutputFacts, target: int) -> None:
        super().__init__(output, facts)
        uri = f"{output.name}.init.mp4"
        self.playlist = hls.MediaPlaylist(uri, target)
        self.keyframes = hls.MediaPlaylist(uri, target, keyframes_only=True)
        self.keyframe_rates = hls.BitRates(target, facts.timescale)
        self._pending: tuple[str, int, int, int] | None = None

    def copy(self) -> Rendition:
        other = copy.copy(self)
        other.playlist = self.playlist.copy()
        other.keyframes = self.keyframes.copy()
        other.keyframe_rates = copy.deepcopy(self.keyframe_rates)
        return other

    def add(self, piece: Piece) -> None:
        self.playlist.add(piece.name, Fraction(piece.duration, self.facts.timescale))
        for offset, size, ticks in piece.keyframes:
            self._keyframe_until(self.ticks + ticks)
            self._pending = (piece.name, offset, size, self.ticks + ticks)
        super().add(piece)

    def finish(self) -> None:
        self._keyframe_until(self.ticks)

    def _keyframe_until(self, tick: int) -> None:
        """A keyframe is shown until the next one, so it is listed when that is known."""
        if self._pending is not None and tick > self._pending[3]:
            name, offset, size, start = self._pending
            duration = Fraction(tick - start, self.facts.timescale)
            self.keyframes.add(name, duration, (offset, size))
            self.keyframe_rates.add(tick - start, size)
            self._pending = None


class Thumbnails(Track):
    """A cue a cut, which names its thumbnail."""

    def __init__(self, output: Output, facts: OutputFacts) -> None:
        super().__init__(output, facts)
        self.listed = webvtt.Cues(facts.timescale)

    def copy(self) -> Thumbnails:
        other = copy.copy(self)
        other.listed = self.listed.copy()
        return other

    def add(self, piece: Piece) -> None:
        self._tell(self.listed, piece)
        super().add(piece)

    def cues(self) -> str:
        """The WebVTT file as it is now."""
        return self.listed.text(self.ticks)

    def _tell(self, cues: webvtt.Cues, piece: Piece) -> None:
        cues.add(self.ticks, piece.name)


class Storyboard(Thumbnails):
    """A cue a tile, which names its place in the strip of its cut."""

    def __init__(self, output: Output, facts: OutputFacts, seconds: int) -> None:
        super().__init__(output, facts)
        self._interval = seconds * facts.timescale

    def _tell(self, cues: webvtt.Cues, piece: Piece) -> None:
        width, height = self.facts.width, self.facts.height
        ticks = webvtt.tiles(self.ticks, self.ticks + piece.duration, self._interval)
        for number, tick in enumerate(ticks):
            cues.add(tick, webvtt.tile(piece.name, number, width, height))


def track_of(output: Output, settings: MediaSettings) -> Track:
    """Of an edition made with `settings`, nothing yet."""
    facts = msgspec.json.decode(output.facts, type=OutputFacts)
    if facts.kind in RENDITIONS:
        return Rendition(output, facts, settings.cut_seconds)
    if facts.kind == "thumbnails":
        return Thumbnails(output, facts)
    if facts.kind == "storyboard":
        return Storyboard(output, facts, settings.storyboard_seconds)
    return Track(output, facts)
