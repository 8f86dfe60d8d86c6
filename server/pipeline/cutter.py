"""Changes when: where cuts and keyframes go does.

One cutter decides for all outputs, from ticks alone, so that every rendition, every restart and
every machine cut alike. A cut begins with the first picture at or after its place on the grid;
the grid is 0, T/2, T, 2T, 3T, ...: the first cut is half as long, so that a player can start
sooner. If no picture comes within 0.4 s of the place, the last one is repeated on it: gaps
never make a segment longer than declared.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

PATIENCE = Fraction(2, 5)
"""Seconds after a place on the grid in which a picture may still begin the cut."""


class Placed(NamedTuple):
    """A picture to encode. `cut` is the number of the cut that it begins, if it does."""

    tick: int
    key: bool
    cut: int | None
    held: bool
    """The picture before, shown once more."""


class Grid:
    """Where cuts and keyframes belong, in ticks."""

    def __init__(self, timescale: int, cut_seconds: Fraction, keyframe_seconds: Fraction) -> None:
        self.timescale = timescale
        self._cut = cut_seconds * timescale
        self._keyframe = keyframe_seconds * timescale
        self.patience = PATIENCE * timescale

    def cut(self, number: int) -> int:
        """The place of cut `number`, rounded up to a tick."""
        if number == 1:
            return _ceil(self._cut / 2)
        return _ceil(self._cut * max(0, number - 1))

    def keyframe_after(self, tick: int) -> int:
        """The first place of a keyframe later than `tick`."""
        return _ceil((tick // self._keyframe + 1) * self._keyframe)


class Cutter:
    """Places pictures. `number` is the cut being made; a resume starts at a later one."""

    def __init__(self, grid: Grid, number: int = 0, frame: int | None = None) -> None:
        """`frame`: ticks of one, if pictures are reordered.

        Then a picture that stays long is repeated once, as a keyframe of its own: in decoding
        order it would stand before others that are shown earlier, and delay them.
        """
        self._grid = grid
        self._next = number
        self._frame = frame
        self._keyframe = 0
        self._last: int | None = None
        self._reordered = False
        """The last picture may be decoded before others."""

    def seed(self, tick: int) -> None:
        """A picture of the cut before, which was published already: the one that may be held."""
        self._last = tick

    def picture(self, tick: int) -> list[Placed]:
        """Where a picture goes, and before it those that must be held."""
        placed = self._held_before(tick)
        cut = None
        if tick >= self._grid.cut(self._next):
            cut = self._begin()
        placed.append(self._place(tick, cut, held=False))
        return placed

    def advance(self, tick: int) -> list[Placed]:
        """No picture came up to `tick`: holds for the cuts that can wait no longer."""
        return self._held_before(tick) if self._last is not None else []

    def _held_before(self, tick: int) -> list[Placed]:
        placed: list[Placed] = []
        if self._reordered and self._frame and self._last is not None:
            again = self._last + self._frame
            if tick >= again + self._grid.patience and again < self._grid.cut(self._next):
                placed.append(self._place(again, None, held=True, key=True))
        while self._last is not None:
            place = self._grid.cut(self._next)
            if tick < place + self._grid.patience:
                break
            placed.append(self._place(place, self._begin(), held=True))
        return placed

    def _begin(self) -> int:
        self._next += 1
        return self._next - 1

    def _place(self, tick: int, cut: int | None, *, held: bool, key: bool = False) -> Placed:
        key = key or cut is not None or tick >= self._keyframe
        if key:
            self._keyframe = self._grid.keyframe_after(tick)
        self._last = tick
        self._reordered = not key
        return Placed(tick, key, cut, held)


def _ceil(value: Fraction | int) -> int:
    return -(-value.numerator // value.denominator)
