from __future__ import annotations

import pytest

from server.jobs.poseless import CUTS, FAULTS, Outcome, Poses, outcome
from server.pipeline.messages import Notice
from storage.records.poses import Published

SOME, NONE = Published(90, lost=False), Published(0, lost=True)


def test_nobody_looks_at_a_cut_after_the_second_breakdown() -> None:
    poses = Poses()
    assert not poses.broken(3)
    poses = Poses(faults=poses.failed_at(3))
    assert not poses.broken(3)
    poses = Poses(faults=poses.failed_at(3))
    assert poses.broken(3)
    assert not poses.broken(4)


def test_after_some_such_cuts_nobody_looks_any_more() -> None:
    faults = dict.fromkeys(range(CUTS - 1), FAULTS)
    assert not Poses(faults=faults).broken(99)
    assert Poses(faults=faults | {7: FAULTS}).broken(99)


@pytest.mark.parametrize(
    ("poses", "lost", "expected"),
    [
        (Poses(SOME), [], Outcome(None, [])),
        (Poses(SOME, {4: 1}), [], Outcome(None, [])),
        (Poses(SOME, {4: 2}), [4], Outcome(None, [Notice("pose_missing", "4")])),
        (
            Poses(SOME, {1: 2, 4: 3}),
            [1, 4, 5, 6, 8],
            Outcome(None, [Notice("pose_missing", "1, 4-6, 8")]),
        ),
        (Poses(NONE, {0: 2}), [0], Outcome("pose_failed", [Notice("pose_missing", "0")])),
        (Poses(NONE), [0, 1], Outcome(None, [Notice("pose_unavailable", "0-1")])),
        (Poses(SOME, {4: 1}), [4], Outcome(None, [Notice("pose_unavailable", "4")])),
    ],
)
def test_what_a_job_ends_with(poses: Poses, lost: list[int], expected: Outcome) -> None:
    assert outcome(poses, lost, wanted=True, made=True) == expected


def test_poses_that_could_not_be_looked_for_at_all() -> None:
    expected = Outcome(None, [Notice("pose_unavailable")])
    assert outcome(Poses(), [], wanted=True, made=False) == expected
    assert outcome(Poses(), [], wanted=False, made=False) == Outcome(None, [])


def test_a_warning_stays_short() -> None:
    lost = list(range(0, 100_000, 2))
    ((notice,)) = outcome(Poses(SOME, {0: 2}), lost, wanted=True, made=True).notices
    assert len(notice.detail) < 200
    assert notice.detail.endswith(", ...")
