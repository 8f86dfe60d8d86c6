"""Changes when: which picture stands for a cut, or for a video, does.

Of each cut the pictures on a grid of half seconds are looked at, and its first. The one that
shows the most is kept: what is black, white, blank or blurred makes a small JPEG.
"""

from __future__ import annotations

import math
from itertools import repeat
from operator import mul, sub
from typing import NamedTuple

import av
from av.video.reformatter import Interpolation

from server.outputs.port import Picture, Piece, Plan, Publish
from server.outputs.still import Shrinker, facts, fitting, jpeg, level_for

_SIDE = 640
"""Pixels of the long side; fewer if the video has fewer."""
_LOOKS = 2
"""A second."""
_SMALL = 48
"""Pixels of each side of what light and contrast are told from."""
_CONTRAST = 45
"""Standard deviation of the brightness (0 to 255) that is all one can wish for."""
_DETAIL = 0.08
"""Bytes a pixel that are all one can wish for."""
_EXTREME = 60
"""A mean brightness that is nearer than this to black or to white is too dark or too bright."""


def outputs(plan: Plan, publish: Publish) -> list[Thumbnails]:
    """One output, if there are pictures."""
    return [Thumbnails(plan, publish)] if "thumbnails" in plan.wanted and plan.rungs else []


class _Look(NamedTuple):
    score: int
    tick: int
    data: bytes


class Thumbnails:
    """A JPEG a cut."""

    init = b""

    def __init__(self, plan: Plan, publish: Publish) -> None:
        width, height = fitting(plan, _SIDE)
        self.level = level_for(plan, width, height)
        self.facts = facts(plan, "thumbnails", width, height)
        self._publish = publish
        self._shrink = Shrinker(plan, self.level, width, height)
        self._timescale = plan.timescale
        self._place = -1
        """The place on the grid that was looked at last."""
        self._cut = plan.first_cut
        self._start = plan.first_tick
        self._best: _Look | None = None

    def picture(self, picture: Picture) -> None:
        """Looks at a picture if it is the first at its place, or of its cut."""
        if picture.cut is not None:
            self._finish(picture.tick)
            self._cut, self._start = picture.cut, picture.tick
        place = picture.tick * _LOOKS // self._timescale
        if place == self._place and picture.cut is None:
            return
        self._place = place
        small = self._shrink(picture.frame)
        data = jpeg(small)
        look = _Look(score(small, len(data)), picture.tick, data)
        if self._best is None or look.score > self._best.score:
            self._best = look

    def end(self, tick: int) -> None:
        """Yields the last piece."""
        self._finish(tick)

    def _finish(self, end: int) -> None:
        best, self._best = self._best, None
        if best is None:
            return
        self._publish(
            Piece(
                output=self.facts.name,
                cut=self._cut,
                duration=end - self._start,
                frames=1,
                payload=[best.data],
                keyframes=[(0, len(best.data), best.tick - self._start)],
                score=best.score,
            )
        )


def score(frame: av.VideoFrame, size: int) -> int:
    """How well a picture whose JPEG has `size` bytes would stand for the video, 0 to 1000.

    By its light, its contrast and its detail; each can spoil all.
    """
    luma = _brightness(frame)
    mean = sum(luma) / len(luma)
    differences = list(map(sub, luma, repeat(mean)))
    deviation = math.sqrt(sum(map(mul, differences, differences)) / len(luma))
    light = min(mean, 255 - mean) / _EXTREME
    contrast = deviation / _CONTRAST
    detail = size / (frame.width * frame.height) / _DETAIL
    worth = min(1.0, light) * min(1.0, contrast) * min(1.0, detail)
    return round(1000 * math.sqrt(worth))


def _brightness(frame: av.VideoFrame) -> bytes:
    """The picture as a small square, a byte a pixel, 0 to 255."""
    grey = frame.reformat(
        _SMALL, _SMALL, "gray", interpolation=Interpolation.AREA, threads=1
    ).planes[0]
    rows, line = bytes(grey), grey.line_size
    return b"".join(rows[n * line : n * line + _SMALL] for n in range(_SMALL))
