"""Changes when: what it means for a job that looking for poses breaks down does.

A breakdown ends the attempt. After the second at one cut nobody looks at that cut any more, after
some such cuts nobody looks for poses in this video at all. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from server.job_errors import PoseFailed
from server.pipeline.messages import Notice
from storage.records.poses import Published

FAULTS = 2
"""Breakdowns at one cut after which nobody looks at its pictures any more."""
CUTS = 5
"""Such cuts after which nobody looks for poses in this video any more."""
_NAMED = 20
"""Stretches of cuts that a warning names."""


class Poses(msgspec.Struct, frozen=True):
    """What is known of a job's poses."""

    published: Published = Published(0, lost=False)
    faults: dict[int, int] = {}
    """Cut -> how often looking for poses broke down at it."""

    def broken(self, cut: int) -> bool:
        """Whether nobody shall look at the pictures of a cut."""
        most = sum(count >= FAULTS for count in self.faults.values()) >= CUTS
        return most or self.faults.get(cut, 0) >= FAULTS

    def failed_at(self, cut: int) -> dict[int, int]:
        """`faults` after one more breakdown."""
        return self.faults | {cut: self.faults.get(cut, 0) + 1}


class Outcome(NamedTuple):
    """What a job ends with because of its poses."""

    early: str | None
    notices: list[Notice]


def outcome(poses: Poses, lost: Sequence[int], *, wanted: bool, made: bool) -> Outcome:
    """`lost` are the cuts with pictures that nobody looked at; `made`: there could be poses."""
    if wanted and not made:
        return Outcome(None, [Notice("pose_unavailable")])
    if not lost:
        return Outcome(None, [])
    if all(count < FAULTS for count in poses.faults.values()):
        return Outcome(None, [Notice("pose_unavailable", _stretches(lost))])
    early = None if poses.published.frames else PoseFailed.code
    return Outcome(early, [Notice("pose_missing", _stretches(lost))])


def _stretches(cuts: Sequence[int]) -> str:
    """`1, 4-7`"""
    found = []
    for _, group in groupby(enumerate(cuts), lambda item: item[1] - item[0]):
        numbers = [cut for _, cut in group]
        first, last = numbers[0], numbers[-1]
        found.append(str(first) if first == last else f"{first}-{last}")
    return ", ".join(found[:_NAMED] + ["..."] * (len(found) > _NAMED))
