"""Changes when: how the strips of a storyboard are made does.

The times of its tiles lie on one grid from the beginning of the video on, wherever cuts are; on
each tile is what is shown then. All of a cut stand side by side in one JPEG, its strip.
"""

from __future__ import annotations

import av

from server.outputs.port import Picture, Piece, Plan, Publish
from server.outputs.still import Shrinker, facts, fitting, jpeg, level_for
from server.protocols.webvtt import first_tile

_SIDE = 160
"""Pixels of a tile's long side; fewer if the video has fewer."""


def outputs(plan: Plan, publish: Publish) -> list[Storyboard]:
    """One output, if there are pictures."""
    return [Storyboard(plan, publish)] if "storyboard" in plan.wanted and plan.rungs else []


class Storyboard:
    """A strip of tiles a cut."""

    init = b""

    def __init__(self, plan: Plan, publish: Publish) -> None:
        width, height = fitting(plan, _SIDE)
        self.level = level_for(plan, width, height)
        self.facts = facts(plan, "storyboard", width, height)
        self._publish = publish
        self._shrink = Shrinker(plan, self.level, width, height)
        self._interval = plan.storyboard_seconds * plan.timescale
        self._cut = plan.first_cut
        self._start = plan.first_tick
        self._next = 0
        """Tick of the tile that comes next."""
        self._first: av.VideoFrame | None = None
        """The picture that the cut begins with."""
        self._shown: av.VideoFrame | None = None
        """The latest picture: it is shown until the next one."""
        self._tiles: list[av.VideoFrame] = []

    def picture(self, picture: Picture) -> None:
        """Makes the tiles whose times are over before `picture` is shown."""
        self._show_until(picture.tick)
        if picture.cut is not None:
            self._finish(picture.tick)
            self._cut, self._start = picture.cut, picture.tick
            self._next = first_tile(picture.tick, self._interval)
            self._first = picture.frame
        self._shown = picture.frame

    def end(self, tick: int) -> None:
        """Yields the last piece."""
        self._show_until(tick)
        self._finish(tick)

    def _show_until(self, tick: int) -> None:
        while self._shown is not None and self._next < tick:
            self._tiles.append(self._shrink(self._shown))
            self._next += self._interval

    def _finish(self, end: int) -> None:
        tiles, self._tiles = self._tiles, []
        if self._first is None:
            return
        data = jpeg(side_by_side(tiles or [self._shrink(self._first)]))
        self._publish(
            Piece(
                output=self.facts.name,
                cut=self._cut,
                duration=end - self._start,
                frames=max(1, len(tiles)),
                payload=[data],
                keyframes=[],
            )
        )


def side_by_side(tiles: list[av.VideoFrame]) -> av.VideoFrame:
    """Pictures of one size, with the colours of a JPEG, as one row."""
    width, height = tiles[0].width, tiles[0].height
    strip = av.VideoFrame(width * len(tiles), height, "yuvj420p")
    for plane, target in enumerate(strip.planes):
        row = target.width // len(tiles)
        rows = memoryview(target)
        for number, tile in enumerate(tiles):
            source = tile.planes[plane]
            data = memoryview(source)
            for line in range(source.height):
                start = line * target.line_size + number * row
                taken = line * source.line_size
                rows[start : start + row] = data[taken : taken + row]
    return strip
