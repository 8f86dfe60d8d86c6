"""Changes when: what may become of a job does. The one table; nothing else is here.

created --queue--> waiting --start--> active --complete--> completed
   ^                  ^                 |----end_early---> partial ---.
   |                  '-----retry-------|----fail--------> failed ----|
   |------------------park--------------'                             |
   '----------------------------------again---------------------------'
created --share--> completed, --share_early--> partial, --fail--> failed
any of them but removed --remove--> removed
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Of a job."""

    CREATED = "created"
    """It cannot be done yet, or it was parked: bytes are lacking."""
    WAITING = "waiting"
    """It is in the queue."""
    ACTIVE = "active"
    """Somebody works on it."""
    COMPLETED = "completed"
    PARTIAL = "partial"
    """It ended early, but there is something to show."""
    FAILED = "failed"
    REMOVED = "removed"


class Action(StrEnum):
    """What moves a job."""

    QUEUE = "queue"
    START = "start"
    PARK = "park"
    RETRY = "retry"
    COMPLETE = "complete"
    END_EARLY = "end_early"
    FAIL = "fail"
    SHARE = "share"
    """What is wanted has been made for another video."""
    SHARE_EARLY = "share_early"
    REMOVE = "remove"
    AGAIN = "again"


S, A = State, Action
_LIVE = (S.CREATED, S.WAITING, S.ACTIVE)
_MOVES: dict[Action, tuple[tuple[State, ...], State]] = {
    A.QUEUE: ((S.CREATED,), S.WAITING),
    A.START: ((S.WAITING,), S.ACTIVE),
    A.PARK: ((S.WAITING, S.ACTIVE), S.CREATED),
    A.RETRY: ((S.ACTIVE,), S.WAITING),
    A.COMPLETE: ((S.ACTIVE,), S.COMPLETED),
    A.END_EARLY: ((S.ACTIVE,), S.PARTIAL),
    A.FAIL: ((S.CREATED, S.ACTIVE), S.FAILED),
    A.SHARE: ((S.CREATED,), S.COMPLETED),
    A.SHARE_EARLY: ((S.CREATED,), S.PARTIAL),
    A.REMOVE: ((*_LIVE, S.COMPLETED, S.PARTIAL, S.FAILED), S.REMOVED),
    A.AGAIN: ((S.PARTIAL, S.FAILED), S.CREATED),
}

LIVE = frozenset(_LIVE)
"""States in which there is still something to do."""
ENDED = frozenset(State) - LIVE


def sources(action: Action) -> tuple[State, ...]:
    """The states that `action` may come upon."""
    return _MOVES[action][0]


def target(action: Action) -> State:
    """The state that it leads to."""
    return _MOVES[action][1]


def after(state: State, action: Action) -> State | None:
    """What becomes of a job in `state`; None if the action does not apply to it."""
    return target(action) if state in sources(action) else None
