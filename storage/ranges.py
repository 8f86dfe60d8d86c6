"""Changes when: the arithmetic of half-open byte ranges does.

`Ranges` is the set of bytes that are there: sorted, disjoint, half-open `[start, end)`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of byte offsets, kept as sorted ranges that do not touch."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Adds `[start, end)`, joining what it touches. An empty range adds nothing."""
        if start < 0 or end < start:
            raise ValueError(f"not a range: [{start}, {end})")
        if start == end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def end_of_run(self, offset: int) -> int:
        """Where the unbroken run that holds `offset` ends; `offset` itself if it is not there."""
        index = bisect_right(self._starts, offset) - 1
        if index >= 0 and self._ends[index] > offset:
            return self._ends[index]
        return offset

    def covers(self, start: int, end: int) -> bool:
        """Whether every byte of `[start, end)` is there."""
        return start >= end or self.end_of_run(start) >= end

    def lacking(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges of `[start, end)` that are not there."""
        for have, until in self:
            if start < min(have, end):
                yield start, min(have, end)
            start = max(start, until)
        if start < end:
            yield start, end

    @property
    def total(self) -> int:
        """How many bytes are there."""
        return sum(self._ends) - sum(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"
