"""Changes when: what is kept of uploads and sources does."""

from __future__ import annotations

import msgspec

from storage.database import Transaction
from storage.model import Source, Upload

_COLUMNS = "id, source_id, video_id, start, length, mark, boot, metadata, created_at, updated_at"


def create(tx: Transaction, upload: Upload) -> None:
    """A new upload and the source it writes into."""
    tx.execute(
        """insert into sources (id, length, ended, created_at)
           values (:source_id, :length, :length = 0, :created_at)""",
        msgspec.structs.asdict(upload),
    )
    tx.execute(
        f"""insert into uploads ({_COLUMNS}) values (:id, :source_id, :video_id, :start, :length,
            :mark, :boot, :metadata, :created_at, :updated_at)""",
        msgspec.structs.asdict(upload),
    )


def get(tx: Transaction, upload_id: str) -> Upload | None:
    row = tx.row(f"select {_COLUMNS} from uploads where id = :id", {"id": upload_id})
    return msgspec.convert(row, Upload) if row else None


def of_source(tx: Transaction, source_id: str) -> list[Upload]:
    """Every upload that writes into a source."""
    rows = tx.rows(
        f"select {_COLUMNS} from uploads where source_id = :id order by start, id",
        {"id": source_id},
    )
    return msgspec.convert(rows, list[Upload])


def of_video(tx: Transaction, video_id: str) -> list[Upload]:
    rows = tx.rows(
        f"select {_COLUMNS} from uploads where video_id = :id order by start, id", {"id": video_id}
    )
    return msgspec.convert(rows, list[Upload])


def unfinished(tx: Transaction) -> list[Upload]:
    """Uploads that still wait for bytes."""
    rows = tx.rows(f"select {_COLUMNS} from uploads where mark < length")
    return msgspec.convert(rows, list[Upload])


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


def end_source(tx: Transaction, source_id: str) -> None:
    """Every byte of a source is there."""
    tx.execute("update sources set ended = 1 where id = :id", {"id": source_id})


def get_source(tx: Transaction, source_id: str) -> Source | None:
    row = tx.row("select id, length, ended from sources where id = :id", {"id": source_id})
    return msgspec.convert(row, Source, strict=False) if row else None


def remove(tx: Transaction, upload_id: str) -> None:
    """Forgets an upload; its source stays."""
    tx.execute("delete from uploads where id = :id", {"id": upload_id})


def remove_source(tx: Transaction, source_id: str) -> None:
    """Forgets a source and the uploads into it."""
    tx.execute("delete from sources where id = :id", {"id": source_id})


def source_ids(tx: Transaction) -> set[str]:
    return {row["id"] for row in tx.rows("select id from sources")}
