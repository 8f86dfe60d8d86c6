"""Changes when: what is kept of uploads, and of the sources that they fill, does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from storage.database import Transaction
from storage.model import Part, Source, Stretch, Upload
from storage.ranges import Ranges

_COLUMNS = """id, source_id, video_id, start, length, mark, boot, metadata, created_at, updated_at,
    kind, recipe, origin"""
_WRITTEN = "('whole', 'window', 'part')"
"""Kinds of uploads whose bytes come from outside."""
_SOURCE = "id, length, ended, owner, assembly, promised, digest, expires_at, there"


def create(tx: Transaction, upload: Upload, source: Source | None = None) -> None:
    """A new upload and the source it writes into (by itself: one of its length)."""
    length = upload.length
    source = source or Source(upload.source_id, length, ended=length == 0)
    tx.execute(
        f"""insert into sources ({_SOURCE}, created_at)
            values (:id, :length, :ended, :owner, :assembly, :promised, :digest, :expires_at,
              :there, :created_at)""",
        {**msgspec.structs.asdict(source), "created_at": upload.created_at},
    )
    add(tx, upload)


def add(tx: Transaction, upload: Upload) -> None:
    """Another upload into a source that is there."""
    tx.execute(
        f"""insert into uploads ({_COLUMNS}) values (:id, :source_id, :video_id, :start, :length,
            :mark, :boot, :metadata, :created_at, :updated_at, :kind, :recipe, :origin)""",
        msgspec.structs.asdict(upload),
    )


def get(tx: Transaction, upload_id: str) -> Upload | None:
    row = tx.row(f"select {_COLUMNS} from uploads where id = :id", {"id": upload_id})
    return msgspec.convert(row, Upload) if row else None


def of_source(tx: Transaction, source_id: str) -> list[Upload]:
    """Every upload that writes into a source."""
    rows = tx.rows(
        f"""select {_COLUMNS} from uploads where source_id = :id and kind <> 'joined'
            order by start, id""",
        {"id": source_id},
    )
    return msgspec.convert(rows, list[Upload])


def parts(tx: Transaction, source_id: str) -> list[Part]:
    """The same, but of each only what of the source it has."""
    rows = tx.rows(
        "select id, start, mark from uploads where source_id = :id and kind <> 'joined'",
        {"id": source_id},
    )
    return [Part(**row) for row in rows]


def stretches(tx: Transaction, source_id: str, most: int) -> list[Stretch]:
    """Of uploads that a client writes into a source, by where they begin: as many as that."""
    rows = tx.rows(
        f"""select id, start, mark, length from uploads
            where source_id = :id and kind in {_WRITTEN} order by start, id limit :most""",
        {"id": source_id, "most": most},
    )
    return [Stretch(**row) for row in rows]


def first(tx: Transaction, source_id: str) -> Upload | None:
    """The one of these that was begun first."""
    row = tx.row(
        f"""select {_COLUMNS} from uploads
            where source_id = :id and kind in {_WRITTEN} order by created_at, id limit 1""",
        {"id": source_id},
    )
    return msgspec.convert(row, Upload) if row else None


def count(tx: Transaction, source_id: str) -> int:
    """How many uploads write into a source."""
    row = tx.row(
        "select count(*) as n from uploads where source_id = :id and kind <> 'joined'",
        {"id": source_id},
    )
    assert row is not None
    found: int = row["n"]
    return found


def window(tx: Transaction, source_id: str, start: int, length: int) -> Upload | None:
    """The upload that writes just these bytes of a source."""
    row = tx.row(
        f"""select {_COLUMNS} from uploads where source_id = :id and start = :start
              and length = :length and kind <> 'joined'""",
        {"id": source_id, "start": start, "length": length},
    )
    return msgspec.convert(row, Upload) if row else None


def last_before(tx: Transaction, source_id: str, end: int) -> Upload | None:
    """Of the uploads into a source that begin before `end`, the last one. As none writes what
    another does, no other reaches farther."""
    row = tx.row(
        f"""select {_COLUMNS} from uploads where source_id = :id and start < :end
              and kind <> 'joined' order by start desc, length desc limit 1""",
        {"id": source_id, "end": end},
    )
    return msgspec.convert(row, Upload) if row else None


def joined(tx: Transaction, source_id: str) -> Upload | None:
    """What the uploads into a source make together, if that was asked for."""
    row = tx.row(
        f"select {_COLUMNS} from uploads where source_id = :id and kind = 'joined'",
        {"id": source_id},
    )
    return msgspec.convert(row, Upload) if row else None


def is_of_video(tx: Transaction, source_id: str) -> bool:
    """Whether what is written into a source is for a video."""
    return bool(
        tx.rows(
            "select 1 from uploads where source_id = :id and video_id <> '' limit 1",
            {"id": source_id},
        )
    )


def of_video(tx: Transaction, video_id: str) -> list[Upload]:
    """Every upload of a video, also one that is joined of others."""
    rows = tx.rows(
        f"select {_COLUMNS} from uploads where video_id = :id order by start, id", {"id": video_id}
    )
    return msgspec.convert(rows, list[Upload])


def uncopied(tx: Transaction) -> int:
    """Bytes that can be copied now, of all parts that are joined."""
    row = tx.row(
        """select coalesce(sum(u.length - u.mark), 0) as n from uploads u
           where kind = 'copy' and mark < length
             and exists (select 1 from uploads o where o.id = u.origin and o.mark = o.length)"""
    )
    assert row is not None
    found: int = row["n"]
    return found


def reserve(tx: Transaction, upload_id: str, size: int | None) -> None:
    """An upload whose length is not known counts for so many bytes; None: for those it has."""
    tx.execute(
        "update uploads set reserved = :size where id = :id", {"id": upload_id, "size": size}
    )


def reserved(tx: Transaction, upload_id: str) -> int:
    """Bytes that an upload whose length is not known counts for."""
    row = tx.row(
        "select coalesce(reserved, mark) as n from uploads where id = :id", {"id": upload_id}
    )
    found: int = row["n"] if row else 0
    return found


def forget_reserved(tx: Transaction) -> None:
    """Nobody writes any more: all uploads count for the bytes that they have."""
    tx.execute("update uploads set reserved = null where reserved is not null")


def unfinished(tx: Transaction) -> list[Upload]:
    """Uploads that still wait for bytes from outside."""
    rows = tx.rows(
        f"""select {_COLUMNS} from uploads where (length is null or mark < length)
            and kind not in ('joined', 'copy')"""
    )
    return msgspec.convert(rows, list[Upload])


def copies_due(tx: Transaction) -> list[tuple[Upload, Upload]]:
    """Copies that can be made now, each with the part that it is made of."""
    rows = tx.rows(
        f"""select {_COLUMNS} from uploads u where kind = 'copy' and mark < length
            and exists (select 1 from uploads o where o.id = u.origin and o.mark = o.length)
            order by created_at, start"""
    )
    copies = msgspec.convert(rows, list[Upload])
    origins = [get(tx, copy.origin or "") for copy in copies]
    return [(c, o) for c, o in zip(copies, origins, strict=True) if o is not None]


def is_copied(tx: Transaction, upload_id: str) -> bool:
    """Whether all copies of a part are made."""
    return not tx.rows(
        "select 1 from uploads where origin = :id and mark < length limit 1", {"id": upload_id}
    )


def advance(tx: Transaction, upload_id: str, mark: int, boot: str, at: int) -> None:
    """Records that `mark` bytes are synced. Never goes back."""
    tx.execute(
        """update sources set there = there + :mark - u.mark
           from (select source_id, mark from uploads where id = :id) u
           where sources.id = u.source_id and u.mark < :mark""",
        {"id": upload_id, "mark": mark},
    )
    tx.execute(
        """update uploads set mark = max(mark, :mark), boot = :boot, updated_at = :at
           where id = :id""",
        {"id": upload_id, "mark": mark, "boot": boot, "at": at},
    )


def complete(tx: Transaction, upload_id: str) -> None:
    """Records that the client has said that there is no more to come."""
    tx.execute(
        "insert into completed_uploads (id) values (:id) on conflict (id) do nothing",
        {"id": upload_id},
    )


def is_complete(tx: Transaction, upload_id: str) -> bool:
    """Whether the client has said so; all bytes may be there though it has not."""
    return bool(tx.rows("select 1 from completed_uploads where id = :id", {"id": upload_id}))


def tell_length(tx: Transaction, upload: Upload, length: int) -> None:
    """From now on it is known how long an upload that is all of its source will be."""
    tx.execute("update uploads set length = :n where id = :id", {"id": upload.id, "n": length})
    tell_source_length(tx, upload.source_id, length)


def tell_source_length(tx: Transaction, source_id: str, length: int) -> None:
    tx.execute("update sources set length = :n where id = :id", {"id": source_id, "n": length})


def settle(tx: Transaction, source_id: str, digest: Callable[[int], str | None]) -> Source | None:
    """Ends a source that has every byte, if they are what was promised; None if some lack.

    `digest(length)` gives the SHA-256 of so many first bytes, if it is at hand. Without it a
    source with a promise does not end yet.
    """
    source = get_source(tx, source_id)
    if source is None or source.ended or source.there != source.length:
        return None
    there = Ranges((part.start, part.start + part.mark) for part in parts(tx, source_id))
    assert there.covers(0, source.length)
    found = source.digest or digest(source.length)
    ended = source.promised is None or source.promised == found
    lasts = ended and is_of_video(tx, source_id)
    expires_at = None if lasts else source.expires_at
    tx.execute(
        """update sources set ended = :ended, digest = :digest, expires_at = :expires_at
           where id = :id""",
        {"id": source_id, "ended": ended, "digest": found, "expires_at": expires_at},
    )
    return msgspec.structs.replace(source, ended=ended, digest=found, expires_at=expires_at)


def end_source(tx: Transaction, source_id: str) -> None:
    """Every byte of a source is there."""
    tx.execute("update sources set ended = 1 where id = :id", {"id": source_id})


def get_source(tx: Transaction, source_id: str) -> Source | None:
    row = tx.row(f"select {_SOURCE} from sources where id = :id", {"id": source_id})
    return msgspec.convert(row, Source, strict=False) if row else None


def source_called(tx: Transaction, owner: str, assembly: str) -> Source | None:
    """The source that somebody calls by a name."""
    row = tx.row(
        f"select {_SOURCE} from sources where owner = :owner and assembly = :assembly",
        {"owner": owner, "assembly": assembly},
    )
    return msgspec.convert(row, Source, strict=False) if row else None


def remove(tx: Transaction, upload_id: str) -> None:
    """Forgets an upload; its source stays."""
    tx.execute("delete from uploads where id = :id", {"id": upload_id})


def remove_source(tx: Transaction, source_id: str) -> None:
    """Forgets a source and the uploads into it."""
    tx.execute("delete from sources where id = :id", {"id": source_id})


def source_ids(tx: Transaction) -> set[str]:
    return {row["id"] for row in tx.rows("select id from sources")}
