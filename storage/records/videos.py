"""Changes when: what is kept of a video does."""

from __future__ import annotations

import msgspec

from storage.database import Transaction
from storage.model import Video

_COLUMNS = """id, owner, title, filename, source_id, edition_id, access, access_version, outputs,
    details, created_at, events, replaced"""


def create(tx: Transaction, video: Video) -> None:
    tx.execute(
        f"""insert into videos ({_COLUMNS}) values (:id, :owner, :title, :filename, :source_id,
            :edition_id, :access, :access_version, :outputs, :details, :created_at, :events,
            :replaced)""",
        msgspec.structs.asdict(video),
    )


def get(tx: Transaction, video_id: str) -> Video | None:
    """A video that was not removed."""
    row = tx.row(
        f"select {_COLUMNS} from videos where id = :id and removed_at is null", {"id": video_id}
    )
    return msgspec.convert(row, Video) if row else None


def of_source(tx: Transaction, source_id: str) -> list[Video]:
    """The videos that have a source, but those that were removed."""
    rows = tx.rows(
        f"select {_COLUMNS} from videos where source_id = :id and removed_at is null",
        {"id": source_id},
    )
    return msgspec.convert(rows, list[Video])


def of_owner(
    tx: Transaction, owner: str, limit: int, before: tuple[int, str] | None = None
) -> list[Video]:
    """Newest first; `before` are `created_at` and `id` of the last one of the page before.

    The video that they are of may be gone by now.
    """
    at, video_id = before or (None, None)
    rows = tx.rows(
        f"""select {_COLUMNS} from videos
            where owner = :owner and removed_at is null
              and (:at is null or (created_at, id) < (:at, :id))
            order by created_at desc, id desc limit :limit""",
        {"owner": owner, "limit": limit, "at": at, "id": video_id},
    )
    return msgspec.convert(rows, list[Video])


def give(tx: Transaction, video_id: str, owner: str) -> None:
    """From now on a video, its job and its source are somebody's."""
    of = {"id": video_id, "owner": owner}
    tx.execute("update videos set owner = :owner where id = :id", of)
    tx.execute("update jobs set owner = :owner where video_id = :id", of)
    tx.execute(
        """update sources set owner = :owner
           where id in (select source_id from videos where id = :id)""",
        of,
    )


def show(tx: Transaction, video_id: str, edition_id: str) -> None:
    """From now on the video is this edition."""
    tx.execute(
        """update videos set edition_id = :edition,
             replaced = case when edition_id <> :edition then replaced + 1 else replaced end
           where id = :id""",
        {"id": video_id, "edition": edition_id},
    )


def bury(tx: Transaction, video_id: str, at: int) -> bool:
    """Sets the tombstone: nobody sees the video any more. False if it was set already."""
    return bool(
        tx.execute(
            "update videos set removed_at = :at where id = :id and removed_at is null",
            {"id": video_id, "at": at},
        )
    )


def buried(tx: Transaction) -> list[Video]:
    """Videos with a tombstone whose files may still be there."""
    rows = tx.rows(f"select {_COLUMNS} from videos where removed_at is not null")
    return msgspec.convert(rows, list[Video])


def forget(tx: Transaction, video_id: str) -> None:
    """Removes the row; its files are gone."""
    tx.execute("delete from videos where id = :id", {"id": video_id})
