"""Changes when: how pieces of poses are found does."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from storage.database import Transaction

_ENDLESS = 1 << 62


class PosePiece(msgspec.Struct, frozen=True):
    """Frames `[first, first + frames)`, in the file `name`, of the cut `[start, until)` (ticks)."""

    number: int
    name: str
    size: int
    first: int
    frames: int
    start: int
    until: int


class Published(NamedTuple):
    """What is there of an edition's poses."""

    frames: int
    lost: bool
    """Nobody looked at pictures of the last cut."""


def published(tx: Transaction, edition_id: str) -> Published:
    """How many frames there are; `first` never falls from a piece to the next."""
    row = tx.row(
        """select first + frames as frames, lost from pieces
           where edition_id = :id and output = 'pose' order by first desc, number desc limit 1""",
        {"id": edition_id},
    )
    return Published(row["frames"], row["lost"] > 0) if row else Published(0, False)


def lost(tx: Transaction, edition_id: str) -> list[int]:
    """The cuts of which nobody looked at some pictures."""
    rows = tx.rows(
        """select number from pieces where edition_id = :id and output = 'pose' and lost > 0
           order by first, number""",
        {"id": edition_id},
    )
    return [row["number"] for row in rows]


def pieces(
    tx: Transaction,
    edition_id: str,
    most: int,
    *,
    since: int = 0,
    until: int = _ENDLESS,
    start: int = 0,
    end: int = _ENDLESS,
) -> list[PosePiece]:
    """At most `most` pieces, in order, that may have frames of both ranges.

    `[since, until)` are indexes, `[start, end)` ticks.
    """
    rows = tx.rows(
        """select p.number, p.name, p.size, p.first, p.frames,
             c.start, c.start + c.duration as until
           from pieces p join cuts c on c.edition_id = p.edition_id and c.number = p.number
           where p.edition_id = :id and p.output = 'pose' and p.frames > 0
             and p.first + p.frames > :since and p.first < :until
             and p.first >= coalesce((select max(first) from pieces where edition_id = :id
               and output = 'pose' and first <= :since), 0)
             and p.number >= coalesce((select max(number) from cuts where edition_id = :id
               and start = (select max(start) from cuts where edition_id = :id
                 and start <= :start)), 0)
             and c.start < :end
           order by p.first, p.number limit :most""",
        {
            "id": edition_id,
            "since": since,
            "until": until,
            "start": start,
            "end": end,
            "most": most,
        },
    )
    return msgspec.convert(rows, list[PosePiece])
