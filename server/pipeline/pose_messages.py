"""Changes when: what host and pose process tell each other does.

Over a `server.pipeline.messages.Link`. Down: `look`. Up: `ready` once, then a `seen` for each
`look`, in order; or `unable`, and nothing more.
"""

from __future__ import annotations

import msgspec


class PoseStart(msgspec.Struct, frozen=True, kw_only=True):
    """What a pose process is started with."""

    model: str
    people: int
    """How many are looked for in a picture."""
    memory: int
    """Bytes of data it may have."""


class Look(msgspec.Struct, frozen=True, tag="look"):
    """The picture in `slot` is shown `at` milliseconds, later than the one before."""

    slot: int
    width: int
    height: int
    at: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It has its model."""


class Seen(msgspec.Struct, frozen=True, tag="seen"):
    """Who is in the picture in `slot`, as `server.protocols.pose.people` reads it."""

    slot: int
    people: bytes


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """It cannot look for poses, and says why."""

    detail: str


PoseDown = Look
PoseUp = Ready | Seen | Unable
