"""Changes when: how a job is moved, and who hears of it, does."""

from __future__ import annotations

from server.jobs.lifecycle import Action, State, sources, target
from storage.database import Transaction
from storage.errors import ReelraceError
from storage.model import Job
from storage.records import events as event_rows
from storage.records import jobs as job_rows


def move(
    tx: Transaction, job: Job, action: Action, error: tuple[str, str | None] | None = None
) -> bool:
    """Moves a job as the table of its life allows, and tells it; False if it does not.

    `error`: code and detail of what ended it early.
    """
    states: tuple[State, ...] = sources(action)
    if not job_rows.move(tx, job.id, states, target(action)):
        return False
    told: dict[str, object] = {"job": job.id, "state": target(action)}
    if error is not None:
        told["error"] = error_of(*error)
    event_rows.add(tx, job.video_id, "state", told)
    return True


def error_of(code: str, detail: str | None) -> dict[str, str]:
    """Why a job ended early, as it is told."""
    kind = ReelraceError.known.get(code, ReelraceError)
    return {"code": kind.code, "message": kind.sentence(), "detail": detail or ""}
