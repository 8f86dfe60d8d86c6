"""Changes when: how a source's times become ours does.

Our times are integer ticks of one timescale an edition, strictly increasing, zero at the first
picture. More than ten seconds between two pictures are believed if sound goes on meanwhile, or
if the container's clock is steady and not beyond the end that it declares: then the picture
before just stays. Of time that nothing but the container vouches for there may be six hours in
all, so that a few bytes cannot make work without end. What is not believed, and a step backwards,
is a jump: closed and reported.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import msgspec

JUMP = 10
"""Seconds: a longer gap between two pictures needs something that vouches for it."""
LATE = Fraction(1, 2)
"""Seconds: a picture that is earlier by more than this starts the clock anew."""
STILLS = 6 * 3600
"""Seconds of longer gaps, in all, for which the container's word is enough."""
HELD_BACK = 64
"""Pictures that a decoder holds back at most."""
_LEAST = 1_000
_MOST = 500_000_000  # a cut's duration must fit into 32 bits

Sounding = Callable[[Fraction, Fraction], bool]
"""Whether there is sound from one second of the source to another."""


def timescale_for(time_base: Fraction, rate: Fraction | None) -> int:
    """Ticks a second that hold every time of the source exactly, at least 1,000.

    Exact for the source's own clock; if that is absurdly fine, for its frame rate.
    """
    ticks = time_base.denominator
    if not 1 <= ticks <= _MOST:
        ticks = rate.numerator if rate and 1 <= rate.numerator <= _MOST else 90_000
    return ticks * -(-_LEAST // ticks)


class TimelineState(msgspec.Struct, frozen=True):
    """All that a timeline knows; with it, another process goes on alike."""

    origin: Fraction | None = None
    """The second of the source that is our zero."""
    last: int = 0
    """Tick of the latest picture."""
    held: int = 0
    """Up to this tick the picture before has been shown, as nothing else was there."""
    shift: Fraction = Fraction(0)
    """Seconds that closed jumps have taken off."""
    before: Fraction = Fraction(0)
    """The same before the latest of them: sound may still come from there."""
    jumps: int = 0
    stills: int = 0
    """Ticks that were believed on the container's word alone."""

    def source(self, at: Fraction) -> Fraction:
        """The second of the source that is `at` seconds of ours, since the latest jump."""
        return at + (self.origin or 0) + self.shift


class Timeline:
    """Maps the presentation times of one video track; made anew for a resume from its state."""

    def __init__(
        self,
        timescale: int,
        nominal: int,
        state: TimelineState | None = None,
        *,
        steady_until: Fraction = Fraction(0),
        sounding: Sounding | None = None,
    ) -> None:
        """`nominal`: ticks of one frame at the declared rate.

        Up to `steady_until` (seconds of the source) no jumps are expected.
        """
        self.timescale = timescale
        self.nominal = nominal
        self.state = state or TimelineState()
        self._steady_until = steady_until
        self._sounding = sounding
        self._behind = 0
        """Pictures in a row that were far behind the latest."""
        self.late = 0
        """Pictures dropped because a later one had been shown already."""

    def tick(self, at: Fraction | None, *, key: bool = True) -> int | None:
        """The tick of a picture that the source presents `at` seconds; None if it is too late.

        Call it in presentation order. A picture without a time follows the last one. One that is
        no keyframe starts no clock anew, unless many come: it was held back.
        """
        state = self.state
        if state.origin is None:
            self._change(origin=at or Fraction(0))
            return 0
        shown = max(state.last, state.held)
        follows = shown + self.nominal
        if at is None:
            self._change(last=follows)
            return follows
        tick = round((at - state.origin - state.shift) * self.timescale)
        gap = tick - state.last
        back = gap < -LATE * self.timescale
        self._behind = self._behind + 1 if back else 0
        anew = back and (key or self._behind > HELD_BACK)
        if anew or not self._believed(at, gap):
            shift = state.shift + Fraction(tick - follows, self.timescale)
            self._change(last=follows, shift=shift, before=state.shift, jumps=state.jumps + 1)
            return follows
        if tick <= shown:
            self.late += 1
            self._change(last=max(tick, state.last))
            return None
        self._change(last=tick)
        return tick

    def hold(self, tick: int) -> None:
        """The latest picture is shown up to `tick`: what comes for before that is too late."""
        self._change(held=max(tick, self.state.held))

    def vouched(self, start: Fraction, gap: int) -> bool:
        """Whether the container is believed that a picture stays, from `start`, for so long."""
        steady = start + Fraction(gap, self.timescale) <= self._steady_until
        return steady and self.state.stills + gap <= STILLS * self.timescale

    def _believed(self, at: Fraction, gap: int) -> bool:
        """Whether `gap` ticks have passed from the picture before to the one at `at`."""
        if gap <= JUMP * self.timescale:
            return True
        start = at - Fraction(gap, self.timescale)
        if self._sounding and self._sounding(start, at):
            return True
        if not self.vouched(start, gap):
            return False
        self._change(stills=self.state.stills + gap)
        return True

    def _change(self, **changes: object) -> None:
        self.state = msgspec.structs.replace(self.state, **changes)
