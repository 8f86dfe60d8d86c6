"""Changes when: how the times of sound follow those of pictures does.

The pictures' timeline closes jumps; sound must take the same step. Its packets may come before
or after the picture that jumps, so sound that seems to be far away waits until the pictures
have decided. Pure: times in, times out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

from server.pipeline.timeline import JUMP, TimelineState

NEAR = 15
"""Seconds between the latest picture and sound that may well belong beside it."""

T = TypeVar("T")


class _Held(NamedTuple, Generic[T]):
    item: T
    at: Fraction
    duration: Fraction


class SoundSync(Generic[T]):
    """Gives each stretch of sound its time on our timeline.

    `offer` takes sound in the order of its track, `ready` yields what can be placed:
    (item, seconds on our timeline).
    """

    def __init__(self, shift: Fraction = Fraction(0)) -> None:
        self._held: deque[_Held[T]] = deque()
        self._waiting = Fraction(0)
        self._next: Fraction | None = None
        self._source_next: Fraction | None = None
        self._extra = shift
        """Seconds taken off because sound alone jumped."""
        self.jumps = 0

    def offer(self, item: T, at: Fraction | None, duration: Fraction) -> None:
        """Sound that the source presents `at` seconds, lasting `duration`."""
        if at is None:
            last = self._held[-1] if self._held else None
            at = last.at + last.duration if last else (self._source_next or Fraction(0))
        self._held.append(_Held(item, at, duration))
        self._waiting += duration

    def first(self) -> tuple[T, Fraction]:
        """The earliest sound that waits, and its time in the source."""
        return self._held[0].item, self._held[0].at

    @property
    def waiting(self) -> Fraction:
        """Seconds of sound that wait."""
        return self._waiting

    def ready(
        self, timeline: TimelineState, seen: Fraction, *, ended: bool = False
    ) -> Iterator[tuple[T, Fraction]]:
        """What can be placed now that the pictures have come to `seen` seconds.

        With `ended` no more pictures come, and everything is placed.
        """
        while self._held and timeline.origin is not None:
            head = self._held[0]
            at = self._place(head, timeline, seen)
            if at is None:
                if self._waiting <= NEAR and not ended:
                    return
                # Sound alone has jumped: it goes on where it was.
                at = self._next if self._next is not None else seen
                self._extra += head.at - timeline.origin - timeline.shift() - self._extra - at
                self.jumps += 1
            self._held.popleft()
            self._waiting -= head.duration
            self._next = at + head.duration
            self._source_next = head.at + head.duration
            yield head.item, at

    def _place(self, held: _Held[T], timeline: TimelineState, seen: Fraction) -> Fraction | None:
        """Its time if that is believable: it goes on, or it is near the pictures."""
        assert timeline.origin is not None
        shifts = [timeline.shift()]
        if timeline.jumps:
            shifts.append(timeline.jumps[-2].shift if len(timeline.jumps) > 1 else Fraction(0))
        for shift in shifts:
            at = held.at - timeline.origin - shift - self._extra
            if self._next is not None and -1 <= at - self._next <= JUMP:
                return at
            if abs(at - seen) <= NEAR:
                return at
        return None
