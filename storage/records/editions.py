"""Changes when: what is kept of editions, their outputs, cuts and pieces does."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from storage.database import Transaction
from storage.model import Cut, Edition, Output, Piece

_EDITION = """select e.id, e.source_id, e.settings, e.facts, e.ended, e.poster,
    (select coalesce(max(number) + 1, 0) from cuts c where c.edition_id = e.id) as cuts
    from editions e"""
_ENDLESS = 1 << 62


def create(tx: Transaction, edition_id: str, source_id: str, settings: str, at: int) -> None:
    tx.execute(
        """insert into editions (id, source_id, settings, created_at)
           values (:id, :source_id, :settings, :at)""",
        {"id": edition_id, "source_id": source_id, "settings": settings, "at": at},
    )


def get(tx: Transaction, edition_id: str) -> Edition | None:
    row = tx.row(f"{_EDITION} where e.id = :id", {"id": edition_id})
    return msgspec.convert(row, Edition, strict=False) if row else None


def freeze(tx: Transaction, edition_id: str, facts: str, outputs: list[Output]) -> None:
    """Records what the first publication settles for good."""
    tx.execute(
        "update editions set facts = :facts where id = :id", {"id": edition_id, "facts": facts}
    )
    for output in outputs:
        tx.execute(
            """insert into outputs (edition_id, name, position, facts, init, peak, average)
               values (:edition, :name, :position, :facts, :init, :peak, :average)""",
            {"edition": edition_id, **msgspec.structs.asdict(output)},
        )


def outputs(tx: Transaction, edition_id: str) -> list[Output]:
    rows = tx.rows(
        """select name, position, facts, init, peak, average from outputs
           where edition_id = :id order by position""",
        {"id": edition_id},
    )
    return msgspec.convert(rows, list[Output])


def publish(tx: Transaction, edition_id: str, cut: Cut, pieces: list[Piece]) -> None:
    """One cut with a piece from every output."""
    tx.execute(
        """insert into cuts (edition_id, number, epoch, start, duration, resume)
           values (:edition, :number, :epoch, :start, :duration, :resume)""",
        {"edition": edition_id, **msgspec.structs.asdict(cut)},
    )
    for piece in pieces:
        tx.execute(
            """insert into pieces
                 (edition_id, number, output, name, size, duration, frames, keyframes, score)
               values
                 (:edition, :number, :output, :name, :size, :duration, :frames, :keyframes,
                  :score)""",
            {
                "edition": edition_id,
                **msgspec.structs.asdict(piece),
                "keyframes": msgspec.json.encode(piece.keyframes).decode(),
            },
        )


def show_poster(tx: Transaction, edition_id: str, name: str, rank: int) -> None:
    """From now on piece `name` stands for the video, unless one that ranks as high does."""
    tx.execute(
        """update editions set poster = :name, poster_rank = :rank
           where id = :id and poster_rank < :rank""",
        {"id": edition_id, "name": name, "rank": rank},
    )


def last_cut(tx: Transaction, edition_id: str) -> Cut | None:
    row = tx.row(
        """select number, epoch, start, duration, resume from cuts
           where edition_id = :id order by number desc limit 1""",
        {"id": edition_id},
    )
    return msgspec.convert(row, Cut) if row else None


def pieces(tx: Transaction, edition_id: str, since: int = 0, until: int = _ENDLESS) -> list[Piece]:
    """The pieces of the cuts from `since` on and before `until`, by cut."""
    rows = tx.rows(
        """select number, output, name, size, duration, frames, keyframes, score from pieces
           where edition_id = :id and number >= :since and number < :until order by number""",
        {"id": edition_id, "since": since, "until": until},
    )
    for row in rows:
        row["keyframes"] = msgspec.json.decode(row["keyframes"])
    return msgspec.convert(rows, list[Piece])


def names(tx: Transaction, edition_id: str) -> set[str]:
    """The names of all pieces' files."""
    rows = tx.rows("select name from pieces where edition_id = :id", {"id": edition_id})
    return {row["name"] for row in rows}


def sizes(tx: Transaction, edition_id: str) -> Iterator[tuple[str, int, int]]:
    """Of every piece its output, ticks and bytes, by cut."""
    rows = tx.rows(
        "select output, duration, size from pieces where edition_id = :id order by number",
        {"id": edition_id},
    )
    return ((row["output"], row["duration"], row["size"]) for row in rows)


def measure(tx: Transaction, edition_id: str, output: str, peak: int, average: int) -> None:
    """Replaces an output's declared bit rates by what was measured."""
    tx.execute(
        """update outputs set peak = :peak, average = :average
           where edition_id = :id and name = :name""",
        {"id": edition_id, "name": output, "peak": peak, "average": average},
    )


def end(tx: Transaction, edition_id: str) -> None:
    """Nothing more will be added."""
    tx.execute("update editions set ended = 1 where id = :id", {"id": edition_id})


def of_source(tx: Transaction, source_id: str) -> list[str]:
    """Ids of the editions made from a source."""
    rows = tx.rows("select id from editions where source_id = :id", {"id": source_id})
    return [row["id"] for row in rows]


def only_of(tx: Transaction, video_id: str, source_id: str) -> list[str]:
    """Ids of a source's editions that no other video shows and no other video's job makes."""
    rows = tx.rows(
        """select id from editions e where source_id = :source
             and not exists (select 1 from videos v where v.edition_id = e.id and v.id <> :video)
             and not exists (
               select 1 from jobs j where j.edition_id = e.id and j.video_id <> :video)""",
        {"source": source_id, "video": video_id},
    )
    return [row["id"] for row in rows]


def unused(tx: Transaction) -> list[str]:
    """Ids of the editions that no video shows and no job makes."""
    rows = tx.rows(
        """select id from editions
           where id not in (select edition_id from videos where edition_id is not null)
             and id not in (select edition_id from jobs where edition_id is not null)"""
    )
    return [row["id"] for row in rows]


def remove(tx: Transaction, edition_id: str) -> None:
    """Forgets an edition and all that belongs to it."""
    tx.execute("delete from editions where id = :id", {"id": edition_id})


def ids(tx: Transaction) -> set[str]:
    return {row["id"] for row in tx.rows("select id from editions")}
