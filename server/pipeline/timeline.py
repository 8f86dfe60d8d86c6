"""Changes when: how a source's times become ours does.

Our times are integer ticks of one timescale an edition, strictly increasing, zero at the first
picture. A jump of more than ten seconds, forwards or backwards, is closed and reported.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

JUMP = 10
"""Seconds: a longer gap between two pictures is an error of the source, not a long picture."""
LATE = Fraction(1, 2)
"""Seconds: a picture that is earlier by more than this starts the clock anew."""
_LEAST = 1_000
_MOST = 500_000_000  # a cut's duration must fit into 32 bits


def timescale_for(time_base: Fraction, rate: Fraction | None) -> int:
    """Ticks a second that hold every time of the source exactly, at least 1,000.

    Exact for the source's own clock; if that is absurdly fine, for its frame rate.
    """
    ticks = time_base.denominator
    if not 1 <= ticks <= _MOST:
        ticks = rate.numerator if rate and 1 <= rate.numerator <= _MOST else 90_000
    return ticks * -(-_LEAST // ticks)


class Jump(msgspec.Struct, frozen=True):
    """At source time `target` (seconds), `shift` seconds began to be taken off in all."""

    target: Fraction
    shift: Fraction


class TimelineState(msgspec.Struct, frozen=True):
    """All that a timeline knows; with it, another process goes on alike."""

    origin: Fraction | None = None
    last: int | None = None
    jumps: list[Jump] = []

    def shift(self) -> Fraction:
        """Seconds that closed jumps have taken off so far."""
        return self.jumps[-1].shift if self.jumps else Fraction(0)


class Timeline:
    """Maps the presentation times of one video track; made anew for a resume from its state."""

    def __init__(self, timescale: int, nominal: int, state: TimelineState | None = None) -> None:
        """`nominal`: ticks of one frame at the declared rate."""
        self.timescale = timescale
        self.nominal = nominal
        self.state = state or TimelineState()
        self.late = 0
        """Pictures dropped because a later one had been shown already."""

    def tick(self, at: Fraction | None) -> int | None:
        """The tick of a picture that the source presents `at` seconds; None if it is too late.

        Call it in presentation order. A picture without a time follows the last one.
        """
        state = self.state
        if state.origin is None:
            if at is None:
                at = Fraction(0)
            self.state = msgspec.structs.replace(state, origin=at, last=0)
            return 0
        assert state.last is not None
        follows = state.last + self.nominal
        if at is None:
            return self._advance(follows)
        tick = round((at - state.origin - state.shift()) * self.timescale)
        if tick <= state.last and state.last - tick <= LATE * self.timescale:
            self.late += 1
            return None
        if tick <= state.last or tick - state.last > JUMP * self.timescale:
            shift = state.shift() + Fraction(tick - follows, self.timescale)
            self.state = msgspec.structs.replace(state, jumps=[*state.jumps, Jump(at, shift)])
            tick = follows
        return self._advance(tick)

    def _advance(self, tick: int) -> int:
        self.state = msgspec.structs.replace(self.state, last=tick)
        return tick
