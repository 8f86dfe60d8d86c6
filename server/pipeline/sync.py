"""Changes when: how the times of sound follow those of pictures does.

The pictures' timeline closes jumps; sound must take the same step. Its packets may come before
or after the picture that jumps, so sound that seems to be far ahead waits until the pictures
have decided. Sound that has always been behind them has not jumped: it comes late. Pure: times
in, times out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

from server.pipeline.timeline import JUMP, TimelineState

NEAR = 15
"""Seconds between the latest picture and sound that may well belong beside it."""
_STEP = 1
"""Seconds by which sound may differ from what was to come and still follow it."""
_RUNS = 16
_LAG = 1800
"""Seconds by which pictures may be written behind their sound."""

T = TypeVar("T")
Reach = Callable[[], Fraction]
"""Seconds."""


class SoundPackets:
    """Where in the source and in its file sound is: its packets tell it to a resume as well."""

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._step, self._jump = int(_STEP / time_base), int(JUMP / time_base)
        self._runs: deque[tuple[int, int]] = deque(maxlen=_RUNS)
        self._first = 0
        self._gaps = 0
        self.patience = Fraction(NEAR)
        """Seconds of sound after which it is settled that no earlier picture comes."""

    @property
    def end(self) -> Fraction:
        """The second of the source up to which they have come."""
        return (self._runs[-1][1] if self._runs else 0) * self._time_base

    @property
    def span(self) -> Fraction:
        """Seconds from the first one on."""
        return self.end - self._first * self._time_base

    def picture(self, at: Fraction) -> None:
        """The next packet is of a picture, shown at `at`: others may be twice as far behind."""
        lag = self.end - at
        if 0 < lag <= _LAG and self._runs and self._runs[-1][0] * self._time_base <= at + _STEP:
            self.patience = max(self.patience, NEAR + 2 * lag)  # else it is of another clock

    @property
    def gaps(self) -> Fraction:
        """Seconds of all gaps that are too long for the sound to simply go on."""
        return self._gaps * self._time_base

    def add(self, at: int | None, duration: int | None) -> None:
        """The next packet, in units of the time base."""
        start, end = self._runs[-1] if self._runs else (at or 0, at or 0)
        at = end if at is None else at
        if not self._runs:
            self._first = at
        if self._runs and abs(at - end) <= self._step:
            self._runs[-1] = start, max(end, at + (duration or 0))
        else:
            self._gaps += at - end if at - end > self._jump else 0
            self._runs.append((at, at + (duration or 0)))

    def fills(self, start: Fraction, end: Fraction) -> bool:
        """Whether there is sound for more than half of the time between two seconds."""
        first, last = start / self._time_base, end / self._time_base
        filled = (min(last, Fraction(b)) - max(first, Fraction(a)) for a, b in self._runs)
        return sum(max(stretch, Fraction(0)) for stretch in filled) > (last - first) / 2


class _Held(NamedTuple, Generic[T]):
    item: T
    at: Fraction
    duration: Fraction


class SoundSync(Generic[T]):
    """Gives each stretch of sound its time on our timeline.

    `offer` takes sound in the order of its track, `take` gives what can be placed.
    """

    def __init__(
        self,
        shift: Fraction = Fraction(0),
        follows: Fraction | None = None,
        reach: Reach | None = None,
    ) -> None:
        """On a resume the first sound belongs at `follows`, with `shift` taken off.

        `reach`: if the clock is steady, how far ahead of the pictures sound is believed.
        """
        self._reach = reach
        self._held: deque[_Held[T]] = deque()
        self._next = follows
        """Where sound belongs that follows what was taken last: here, and in the source."""
        self._source_next: Fraction | None = None
        self.shift = shift
        """Seconds taken off because sound alone jumped."""
        self.waiting = Fraction(0)
        """Seconds of sound that wait."""
        self.jumps = 0

    def offer(self, item: T, at: Fraction | None, duration: Fraction) -> None:
        """Sound that the source presents `at` seconds, lasting `duration`."""
        if at is None:
            last = self._held[-1] if self._held else None
            at = last.at + last.duration if last else (self._source_next or Fraction(0))
        self._held.append(_Held(item, at, duration))
        self.waiting += duration

    def first(self) -> tuple[T, Fraction]:
        """The earliest sound that waits, and its time in the source."""
        return self._held[0].item, self._held[0].at

    def take(
        self, timeline: TimelineState, seen: Fraction, *, ended: bool = False
    ) -> tuple[T, Fraction] | None:
        """The next sound and its time (seconds of ours); None if it has to wait.

        The pictures have come to `seen` seconds. With `ended` no more of them come, and nothing
        waits.
        """
        if not self._held or timeline.origin is None:
            return None
        head = self._held[0]
        told = head.at - timeline.origin - self.shift
        places = told - timeline.shift, told - timeline.before
        at = next((at for at in places if self._goes_on(at)), None)
        if at is None and self._source_next is not None:
            if len(self._held) == 1 and not ended:
                return None
            if self._is_stray():
                at, head = self._next, head._replace(at=self._source_next)
        if at is None:
            at = self._beside(head, places, seen)
        if at is None:
            if self.waiting <= NEAR and not ended:
                return None
            at = places[0]
            if not (self._reach and seen < at <= seen + self._reach()):
                # Sound alone has jumped: it goes on where it was.
                follows = self._next if self._next is not None else seen
                self.shift += at - follows
                self.jumps += 1
                at = follows
        self._held.popleft()
        self.waiting -= head.duration
        if self._reach is None or self._next is None or at >= self._next - _STEP:
            self._next, self._source_next = at + head.duration, head.at + head.duration
        return head.item, at

    def _goes_on(self, at: Fraction) -> bool:
        return self._next is not None and -_STEP <= at - self._next <= JUMP

    def _is_stray(self) -> bool:
        """Whether the next one has a wrong time: the one after it follows as if it had none."""
        if len(self._held) == 1 or self._source_next is None:
            return False
        stray, after = self._held[0], self._held[1]
        return abs(after.at - self._source_next - stray.duration) <= _STEP

    def _beside(
        self, held: _Held[T], places: tuple[Fraction, Fraction], seen: Fraction
    ) -> Fraction | None:
        """Its time if it is near the pictures, or comes late."""
        nearest = min(places, key=lambda at: abs(at - seen))
        went_back = self._source_next is not None and held.at < self._source_next - _STEP
        late = nearest < seen and (self._reach is not None or not went_back)
        return nearest if late or abs(nearest - seen) <= NEAR else None
