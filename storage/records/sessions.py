"""Changes when: what is kept of a session does."""

from __future__ import annotations

from storage.database import Transaction


def touch(tx: Transaction, principal: str, at: int) -> None:
    """Remembers that `principal` was here; makes the row the first time."""
    tx.execute(
        """insert into sessions (principal, created_at, seen_at) values (:principal, :at, :at)
           on conflict (principal) do update set seen_at = :at""",
        {"principal": principal, "at": at},
    )
