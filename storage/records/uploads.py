"""Changes when: what is kept of uploads, and of the sources that they fill, does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from storage.database import Transaction
from storage.model import Source, Upload
from storage.ranges import Ranges

_COLUMNS = """id, source_id, video_id, start, length, mark, boot, metadata, created_at, updated_at,
    kind, recipe, origin"""
_SOURCE = "id, length, ended, owner, assembly, promised, digest, expires_at"


def create(tx: Transaction, upload: Upload, source: Source | None = None) -> None:
    """A new upload and the source it writes into (by itself: one of its length)."""
    length = upload.length
    source = source or Source(upload.source_id, length, ended=length == 0)
    tx.execute(
        f"""insert into sources ({_SOURCE}, created_at)
            values (:id, :length, :ended, :owner, :assembly, :promised, :digest, :expires_at,
              :created_at)""",
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


def of_video(tx: Transaction, video_id: str) -> list[Upload]:
    """Every upload of a video, also one that is joined of others."""
    rows = tx.rows(
        f"select {_COLUMNS} from uploads where video_id = :id order by start, id", {"id": video_id}
    )
    return msgspec.convert(rows, list[Upload])


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
    if source is None or source.ended or source.length is None:
        return None
    parts = of_source(tx, source_id)
    if not Ranges((p.start, p.start + p.mark) for p in parts).covers(0, source.length):
        return None
    found = source.digest or digest(source.length)
    ended = source.promised is None or source.promised == found
    lasts = ended and any(part.video_id for part in parts)
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
