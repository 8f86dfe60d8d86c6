"""Changes when: what is kept of events does."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from storage.database import Transaction
from storage.model import Changed, Event, now

_COLUMNS = "owner, feed_number, video_id, number, kind, data, at"


def add(tx: Transaction, video_id: str, kind: str, data: Mapping[str, object]) -> None:
    """Numbers an event and tells it once this is committed. Nothing happens without the video.

    However the clock is set, no event of a feed is older than the one before: so those that
    expire are the first ones.
    """
    video = tx.row(
        "update videos set events = events + 1 where id = :id returning owner, events",
        {"id": video_id},
    )
    if video is None:
        return
    feed = tx.row(
        """insert into feeds (owner, number, at) values (:owner, 1, :at)
           on conflict (owner) do update set number = feeds.number + 1,
             at = case when feeds.at > :at then feeds.at else :at end
           returning number, at""",
        {"owner": video["owner"], "at": now()},
    )
    assert feed is not None
    event = Event(
        owner=video["owner"],
        feed_number=feed["number"],
        video_id=video_id,
        number=video["events"],
        kind=kind,
        data=msgspec.json.encode({"video": video_id, **data}).decode(),
        at=feed["at"],
    )
    tx.execute(
        f"""insert into events ({_COLUMNS})
            values (:owner, :feed_number, :video_id, :number, :kind, :data, :at)""",
        msgspec.structs.asdict(event),
    )
    tx.tell(event)


def changed(tx: Transaction, video_id: str, owner: str) -> None:
    """Tells, once this is committed, that something unnumbered of a video is not as it was."""
    tx.tell(Changed(video_id, owner))


def of_video(tx: Transaction, video_id: str, after: int, limit: int) -> list[Event]:
    """The events of a video with numbers above `after`, in order."""
    rows = tx.rows(
        f"""select {_COLUMNS} from events where video_id = :id and number > :after
            order by number limit :limit""",
        {"id": video_id, "after": after, "limit": limit},
    )
    return msgspec.convert(rows, list[Event])


def of_feed(tx: Transaction, owner: str, after: int, limit: int) -> list[Event]:
    """The same for everything that somebody owns, with the numbers of the feed."""
    rows = tx.rows(
        f"""select {_COLUMNS} from events where owner = :owner and feed_number > :after
            order by feed_number limit :limit""",
        {"owner": owner, "after": after, "limit": limit},
    )
    return msgspec.convert(rows, list[Event])


def videos_since(tx: Transaction, owner: str, after: int, limit: int) -> list[str]:
    """The videos with the latest events above `after` in a feed."""
    rows = tx.rows(
        """select video_id from events where owner = :owner and feed_number > :after
           group by video_id order by max(feed_number) desc limit :limit""",
        {"owner": owner, "after": after, "limit": limit},
    )
    return [row["video_id"] for row in rows]


def span_of_video(tx: Transaction, video_id: str) -> tuple[int, int]:
    """The number before the oldest event of a video that is kept, and that of the latest."""
    video = tx.row("select events from videos where id = :id", {"id": video_id})
    kept = tx.row(
        "select min(number) as first, max(number) as last from events where video_id = :id",
        {"id": video_id},
    )
    assert kept is not None
    return _span(kept["first"], video["events"] if video else kept["last"] or 0)


def span_of_feed(tx: Transaction, owner: str) -> tuple[int, int]:
    """The same of a feed."""
    feed = tx.row("select number from feeds where owner = :owner", {"owner": owner})
    kept = tx.row(
        "select min(feed_number) as first from events where owner = :owner", {"owner": owner}
    )
    assert kept is not None
    return _span(kept["first"], feed["number"] if feed else 0)


def _span(first: int | None, latest: int) -> tuple[int, int]:
    return (latest if first is None else first - 1), latest


def removed(tx: Transaction, owner: str, video_ids: Collection[str]) -> set[str]:
    """Those of `video_ids` that `owner` had and removed, as far as that is still known."""
    names = {f"id{n}": video_id for n, video_id in enumerate(video_ids)}
    if not names:
        return set()
    rows = tx.rows(
        f"""select video_id from events where kind = 'removed' and owner = :owner
              and video_id in ({", ".join(f":{n}" for n in names)})""",
        {"owner": owner, **names},
    )
    return {row["video_id"] for row in rows}


def expire(tx: Transaction, before: int, most: int) -> int:
    """Forgets the oldest events from before a time, at most so many; how many it were."""
    return tx.execute(
        """delete from events where (owner, feed_number) in (
             select owner, feed_number from events where at < :before order by at limit :most)""",
        {"before": before, "most": most},
    )
