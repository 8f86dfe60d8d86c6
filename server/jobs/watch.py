"""Changes when: when an attempt is given up, or lets others go first, does.

What a media process says of itself may be made up, so it only counts for a while: in the end an
attempt must publish cuts, or read its source. Pure but for the clock that callers pass in.
"""

from __future__ import annotations

from collections.abc import Iterable

from server.job_errors import Crashed, Hung
from server.pipeline.messages import Progress
from server.settings import Patience
from storage.ranges import Ranges

WORTHWHILE = 1 << 16
"""Bytes for which a job keeps a place that others wait for."""
STRIDE = 1 << 20
"""Bytes of the source that must have been read to have done something."""
TALK = 1000
"""Signs of life that are too many for one spell. Two a second are due; more may come at once if
we were slow to read them, but no more than a socket holds."""
_SPELL = 10.0
"""Seconds."""


class Stopped(Exception):
    """The attempt was told to stop; the reason is its argument."""


class Watch:
    """Keeps the time of one attempt. `at` is in seconds of any steady clock."""

    def __init__(
        self, patience: Patience, arrived: Iterable[tuple[int, int]], *, complete: bool, at: float
    ) -> None:
        """`arrived` is what is there of the source; all of it if it is `complete`."""
        self._patience = patience
        self._arrived = Ranges(arrived)
        self._complete = complete
        self._said: Progress | None = None
        self._furthest = 0
        """Up to here the source has been read, as far as that was told in whole strides."""
        self._unrewarded = 0
        """Bytes that came since there last were enough of them."""
        self._fed_at = self._rewarded_at = self._moved_at = self._achieved_at = at
        self._spell_began = at
        self._signs = 0

    @property
    def there(self) -> int:
        """Bytes of the source that have arrived."""
        return self._arrived.total

    def fed(self, ranges: Iterable[tuple[int, int]], at: float) -> None:
        """Bytes arrived, some of which may be known."""
        before = self.there
        for start, end in ranges:
            self._arrived.add(start, end)
        new = self.there - before
        if not new:
            return
        self._fed_at = at
        self._unrewarded += new
        if self._unrewarded >= WORTHWHILE:
            self._unrewarded = 0
            self._rewarded_at = at

    def completed(self, at: float) -> None:
        """Everything has arrived."""
        self._complete = True
        self._fed_at = at

    def said(self, progress: Progress, at: float) -> None:
        """A sign of life. Raises `Crashed` if there are too many."""
        if at - self._spell_began > _SPELL:
            self._spell_began, self._signs = at, 0
        self._signs += 1
        if self._signs > TALK:
            raise Crashed("it does not stop talking")
        last, self._said = self._said, progress
        if last is None or (progress.position, progress.ticks, progress.outputs) != (
            last.position,
            last.ticks,
            last.outputs,
        ):
            self._moved_at = at
        # However often it says so, it cannot have read more than there is.
        reached = min(progress.position, self.there)
        if reached - self._furthest >= STRIDE:
            self._furthest = reached
            self._achieved_at = at

    def moved(self, at: float) -> None:
        """It sent something else, or a part of it."""
        self._moved_at = at

    def published(self, at: float) -> None:
        """A cut was published."""
        self._moved_at = self._achieved_at = self._rewarded_at = at

    def look(self, at: float, *, crowded: bool) -> None:
        """Raises `Stopped` if the job is to be parked, `Hung` if the attempt gets nowhere.

        `crowded`: others wait for the places of jobs that wait for bytes.
        """
        hung, fruitless, park, park_crowded, _ = self._patience
        if not self._complete and self._said is not None and self._said.waiting:
            self._moved_at = self._achieved_at = at
            since, patience = (self._rewarded_at, park_crowded) if crowded else (self._fed_at, park)
            if at - since > patience:
                raise Stopped("parked")
        if at - self._moved_at > hung:
            raise Hung(f"nothing happened for {hung:.0f} s")
        if at - self._achieved_at > fruitless:
            raise Hung(f"nothing came of it for {fruitless:.0f} s")
