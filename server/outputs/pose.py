"""Changes when: in which pictures poses are looked for does.

The media process only chooses pictures and hands them on; who looks at them is another process,
and the server puts what that finds into the pieces. Time is divided into steps of the rate's
length, from zero on, and the first picture that begins in a step is taken: so it depends on the
pictures' times alone, and pictures that come slower are all taken, at their own times.
"""

from __future__ import annotations

from fractions import Fraction

from av.video.reformatter import VideoReformatter

from server.outputs.port import SEEN, Look, OutputFacts, Picture, Piece, Plan, Publish, Rung
from server.protocols.pose import codec

_SIDE = 720
"""Pixels of the short side: larger pictures are not seen better."""
_EARLY = Fraction(1, 8)
"""Of a step: a picture that begins so little before it counts as in it. Containers round times."""
PRE_ROLL = Fraction(1)
"""Seconds of pictures before a resume after which somebody is followed as well as before."""


def outputs(plan: Plan, publish: Publish, look: Look | None) -> list[Poses]:
    """One, if there are pictures, and somebody who looks at them."""
    if "pose" not in plan.wanted or look is None:
        return []
    level = choose(plan.rungs)
    return [] if level is None else [Poses(plan, level, publish, look)]


def choose(rungs: list[Rung]) -> int | None:
    """The level whose short side is nearest to 720 of those that fit; of two, the larger."""
    fitting = [n for n, rung in enumerate(rungs) if 3 * rung.width * rung.height <= SEEN]
    return min(
        fitting, key=lambda n: abs(min(rungs[n].width, rungs[n].height) - _SIDE), default=None
    )


class Poses:
    """The pictures of one level, as many a second as are wanted."""

    init = b""
    pre_roll = PRE_ROLL

    def __init__(self, plan: Plan, level: int, publish: Publish, look: Look) -> None:
        rung = plan.rungs[level]
        self.level = level
        self._publish = publish
        self._look = look
        self._reformatter = VideoReformatter()
        self._step = Fraction(plan.timescale, plan.pose_rate)
        self._in_step: int | None = None
        self._cut = plan.first_cut
        self._start = plan.first_tick
        self._frames = 0
        self.facts = OutputFacts(
            name="pose",
            kind="pose",
            codec=codec(plan.pose_model),
            timescale=plan.timescale,
            peak=0,
            average=0,
            width=rung.width,
            height=rung.height,
        )

    def wants(self, picture: Picture) -> bool:
        """Whether a picture is taken, or begins a cut."""
        return picture.cut is not None or self._takes(picture)

    def warm_up(self, picture: Picture) -> None:
        """A picture of the cuts before: whoever is in it will be known."""
        if self._takes(picture):
            self._hand_on(picture, warm=True)

    def picture(self, picture: Picture) -> None:
        """Takes a picture or passes it over; each cut begins anew, as a resume does."""
        if picture.cut is not None:
            if picture.tick > self._start:
                self._finish(picture.tick)
                self._cut, self._start = picture.cut, picture.tick
            self._in_step = None
        if self._takes(picture):
            self._frames += 1
            self._hand_on(picture, warm=False)

    def end(self, tick: int) -> None:
        """Yields the last piece."""
        self._finish(tick)

    def _takes(self, picture: Picture) -> bool:
        return not picture.held and self._step_of(picture) != self._in_step

    def _step_of(self, picture: Picture) -> int:
        return int(picture.tick / self._step + _EARLY)

    def _hand_on(self, picture: Picture, *, warm: bool) -> None:
        self._in_step = self._step_of(picture)
        frame = self._reformatter.reformat(picture.frame, format="rgb24", threads=1)
        self._look(frame, picture.tick, self._cut, warm)

    def _finish(self, end: int) -> None:
        """The piece says how many pictures it is of; what was found in them is put in later."""
        frames, self._frames = self._frames, 0
        self._publish(Piece("pose", self._cut, end - self._start, frames, [], []))
