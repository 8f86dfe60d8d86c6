"""Changes when: every error in the house needs something in common.

The one error root. A subclass is one stable `code`; the first line of its docstring is the
sentence a person reads. `server/errors.py` gives the HTTP status of each code.
"""

from __future__ import annotations

from typing import ClassVar


class ReelraceError(Exception):
    """Something went wrong inside the server."""

    code: ClassVar[str] = "internal"
    known: ClassVar[dict[str, type[ReelraceError]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.code in ReelraceError.known and "code" in cls.__dict__:
            raise TypeError(f"error code {cls.code!r} is taken")
        ReelraceError.known.setdefault(cls.code, cls)

    def __init__(self, detail: str = "", **facts: object) -> None:
        """`detail` is for people and may name what was wrong; `facts` are for programs."""
        self.detail = detail
        self.facts = facts
        super().__init__(f"{self.sentence()} {detail}".strip())

    @classmethod
    def sentence(cls) -> str:
        """The docstring's first line."""
        return (cls.__doc__ or "").strip().splitlines()[0]


ReelraceError.known["internal"] = ReelraceError


class StoreInUse(ReelraceError):
    """Another server is already using this data directory."""

    code = "store_in_use"


class DiskFull(ReelraceError):
    """The server's disk is full; what has arrived is kept, try again later."""

    code = "disk_full"


class Fenced(ReelraceError):
    """Another worker has taken this job over; what the old one says no longer counts."""

    code = "fenced"
