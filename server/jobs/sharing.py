"""Changes when: how work is had that was done for another video does.

Two videos of one source for which the same outputs are wanted need one edition. Whichever came
first has it made; the other waits for that, and then has what became of it.
"""

from __future__ import annotations

from server.jobs.lifecycle import Action, State
from server.jobs.moves import move
from storage.database import Transaction
from storage.model import Job, now
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

_WAYS = {
    State.COMPLETED: Action.SHARE,
    State.PARTIAL: Action.SHARE_EARLY,
    State.FAILED: Action.FAIL,
}


def share(tx: Transaction, job: Job) -> bool:
    """What became of another one becomes of a job that nobody has begun, if there is another."""
    if job.epoch:
        return False  # somebody wants it made anew
    found = next((found for way in _WAYS for found in job_rows.alike(tx, job, way)), None)
    if found is None:
        return False
    video = video_rows.get(tx, found.video_id)
    edition_id = video.edition_id if video else None
    if edition_id is not None:
        video_rows.show(tx, job.video_id, edition_id)
    same = {
        "edition_id": edition_id,
        "error_code": found.error_code,
        "error_detail": found.error_detail,
        "warnings": found.warnings,
        "progress": found.progress,
        "ended_at": now(),
    }
    job_rows.note(tx, job.id, same)
    error = (found.error_code, found.error_detail) if found.error_code else None
    return move(tx, job, _WAYS[State(found.state)], error)
