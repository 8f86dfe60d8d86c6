"""Changes when: whose a source is, who else has it and how long it stays does."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from storage.database import Transaction
from storage.model import Source

_COLUMNS = """s.id, s.length, s.ended, s.owner, s.assembly, s.promised, s.digest, s.expires_at,
    s.there"""


class Held(NamedTuple):
    """What somebody has here."""

    size: int
    """Bytes, as they will be once everything is there."""
    files: int
    """Videos, and sources that are none's (yet)."""


def prolong(tx: Transaction, source_id: str, expires_at: int) -> None:
    """It expires later, if it is not whole by then."""
    tx.execute(
        "update sources set expires_at = :at where id = :id and expires_at is not null",
        {"id": source_id, "at": expires_at},
    )


def shorten(tx: Transaction, source_id: str, expires_at: int) -> None:
    """It expires earlier."""
    tx.execute(
        "update sources set expires_at = min(expires_at, :at) where id = :id",
        {"id": source_id, "at": expires_at},
    )


def note_digest(tx: Transaction, source_id: str, digest: str) -> None:
    """Records the SHA-256 of a source that has ended."""
    tx.execute(
        "update sources set digest = :digest where id = :id", {"id": source_id, "digest": digest}
    )


def undigested(tx: Transaction) -> list[Source]:
    """Sources whose every byte is there, but not their digest; those with a promise first."""
    rows = tx.rows(
        f"""select {_COLUMNS} from sources s
            where s.digest is null and s.length is not null and (s.length > 0 or s.ended = 0)
              and (s.ended = 1 or s.promised is not null)
              and not exists (select 1 from uploads u where u.source_id = s.id
                and u.kind <> 'joined' and (u.length is null or u.mark < u.length))
              and exists (select 1 from videos v where v.source_id = s.id)
            order by s.promised is null, s.created_at desc limit 1000"""
    )
    return msgspec.convert(rows, list[Source], strict=False)


def held(tx: Transaction, owner: str) -> Held:
    """What somebody has here; what several of their videos share counts once."""
    row = tx.row(
        """select
             count(case when not exists (select 1 from videos v
               where v.source_id = s.id and v.removed_at is null) then 1 end) as others,
             coalesce(sum(coalesce(s.length,
             (select coalesce(sum(coalesce(u.length, u.reserved, u.mark)), 0) from uploads u
               where u.source_id = s.id and u.kind <> 'joined'))), 0) as size,
             (select count(*) from videos v
               where v.owner = :owner and v.removed_at is null) as videos
           from sources s where s.owner = :owner""",
        {"owner": owner},
    )
    assert row is not None
    return Held(row["size"], row["videos"] + row["others"])


def twin(tx: Transaction, owner: str, digest: str, length: int) -> Source | None:
    """Somebody's oldest whole source with these bytes, of which there is a video."""
    row = tx.row(
        f"""select {_COLUMNS} from sources s
            where s.owner = :owner and s.digest = :digest and s.length = :length and s.ended = 1
              and exists (select 1 from videos v where v.source_id = s.id and v.removed_at is null)
            order by s.created_at, s.id limit 1""",
        {"owner": owner, "digest": digest, "length": length},
    )
    return msgspec.convert(row, Source, strict=False) if row else None


def doubles(tx: Transaction, ended: list[str]) -> list[tuple[str, str]]:
    """Sources whose bytes somebody has in an older one too, and that one; `ended` are the states
    of jobs that read no more."""
    names = {f"s{n}": state for n, state in enumerate(ended)}
    rows = tx.rows(
        f"""select s.id as id, min(o.created_at || ' ' || o.id) as older from sources s
            join sources o on o.owner = s.owner and o.digest = s.digest and o.length = s.length
              and o.ended = 1 and (o.created_at, o.id) < (s.created_at, s.id)
              and exists (select 1 from videos v where v.source_id = o.id and v.removed_at is null)
            where s.ended = 1 and s.digest is not null and s.owner <> ''
              and exists (select 1 from videos v where v.source_id = s.id)
              and not exists (select 1 from jobs j join videos v on v.id = j.video_id
                where v.source_id = s.id
                  and (j.state not in ({", ".join(f":{n}" for n in names)})
                    or v.removed_at is not null))
            group by s.id""",
        names,
    )
    return [(row["id"], row["older"].split()[1]) for row in rows]


def merge(tx: Transaction, source_id: str, into: str) -> None:
    """From now on all that belongs to a source belongs to another one, which has its bytes."""
    for table in ("videos", "editions", "uploads"):
        tx.execute(
            f"update {table} set source_id = :into where source_id = :id",
            {"id": source_id, "into": into},
        )


def expired(tx: Transaction, at: int) -> list[Source]:
    """Sources whose time is over: not whole, or not what was promised, or no video is made of
    them. Those of which it is only not known yet what they are stay."""
    rows = tx.rows(
        f"""select {_COLUMNS} from sources s where s.expires_at <= :at
            and ((s.ended = 0 and (s.there is not s.length or s.digest is not null))
              or not exists (select 1 from videos v where v.source_id = s.id))""",
        {"at": at},
    )
    return msgspec.convert(rows, list[Source], strict=False)


def unowned(tx: Transaction) -> list[str]:
    """Ids of sources that neither a video nor an upload names any more."""
    rows = tx.rows(
        """select id from sources s
           where not exists (select 1 from videos v where v.source_id = s.id)
             and not exists (select 1 from uploads u where u.source_id = s.id)"""
    )
    return [row["id"] for row in rows]


def unfinished_of(
    tx: Transaction, owner: str, at: int, ended: list[str], limit: int
) -> list[Source]:
    """Somebody's sources that still wait for bytes and have not expired, the newest first.

    `ended` are the states of jobs that have no use for more bytes.
    """
    names = {f"s{n}": state for n, state in enumerate(ended)}
    rows = tx.rows(
        f"""select {_COLUMNS} from sources s
            where s.owner = :owner and s.ended = 0 and (s.expires_at is null or s.expires_at > :at)
              and not exists (select 1 from videos v left join jobs j on j.video_id = v.id
                where v.source_id = s.id and (v.removed_at is not null
                  or j.state in ({", ".join(f":{n}" for n in names)})))
            order by s.created_at desc, s.id desc limit :limit""",
        {"owner": owner, "at": at, "limit": limit, **names},
    )
    return msgspec.convert(rows, list[Source], strict=False)


def unfinished(tx: Transaction) -> list[str]:
    """Ids of sources that still wait for bytes."""
    return [row["id"] for row in tx.rows("select id from sources where ended = 0")]


def is_had(tx: Transaction, source_id: str) -> bool:
    """Whether a video, or an upload that belongs to none, has a source."""
    return bool(
        tx.rows(
            """select 1 from videos where source_id = :id union all
               select 1 from uploads where source_id = :id and video_id = '' limit 1""",
            {"id": source_id},
        )
    )


def note_expired(tx: Transaction, upload_ids: list[str], at: int) -> None:
    """Remembers that uploads have expired, for those who ask for them."""
    for upload_id in upload_ids:
        tx.execute(
            "insert into expired_uploads (id, at) values (:id, :at) on conflict (id) do nothing",
            {"id": upload_id, "at": at},
        )


def has_expired(tx: Transaction, upload_id: str) -> bool:
    return bool(tx.rows("select 1 from expired_uploads where id = :id", {"id": upload_id}))


def forget_expired(tx: Transaction, before: int) -> None:
    """Forgets which uploads have expired before a time."""
    tx.execute("delete from expired_uploads where at < :before", {"before": before})
