"""Changes when: what a stream is of, who may have it, or how it begins, does."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from server.api.sessions import authorize
from server.api.video_view import Seen, look
from server.api.videos import Page, page
from server.jobs.lifecycle import ENDED, LIVE
from storage.database import Transaction
from storage.model import Event
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

_MISSED = 100
"""Videos whose state a stream gets that goes on: of those with events since, and of live ones."""


class Topic(NamedTuple):
    """What a stream is of: one video with its numbers, or a feed with those of the feed."""

    owner: str
    video_id: str | None = None
    videos: frozenset[str] | None = None
    """Of a feed: which of its videos; None: all."""
    job_id: str | None = None
    """The stream ends with this job."""

    def ends(self, event: Event) -> bool:
        """Whether nothing comes after `event`."""
        if event.kind == "removed":
            return self.video_id == event.video_id
        if self.job_id is None or event.kind != "state":
            return False
        told = msgspec.json.decode(event.data)
        return told["job"] == self.job_id and told["state"] in ENDED

    def is_over(self, tx: Transaction) -> bool:
        """Whether what ends the stream has happened."""
        if self.job_id is not None:
            job = job_rows.get(tx, self.job_id)
            return job is None or job.state in ENDED
        return self.video_id is not None and video_rows.get(tx, self.video_id) is None

    def span(self, tx: Transaction) -> tuple[int, int]:
        """The lowest number that a stream can go on after, and that of the latest event."""
        if self.video_id is not None:
            return event_rows.span_of_video(tx, self.video_id)
        return event_rows.span_of_feed(tx, self.owner)

    def stored(self, tx: Transaction, after: int, limit: int) -> list[Event]:
        """The events with numbers above `after`."""
        if self.video_id is not None:
            return event_rows.of_video(tx, self.video_id, after, limit)
        return event_rows.of_feed(tx, self.owner, after, limit)


class Beginning(NamedTuple):
    """How a stream begins: behind event `number`, with a snapshot or the state of some videos."""

    number: int
    latest: int
    snapshot: Page | None = None
    missed: tuple[Seen, ...] = ()
    over: bool = False
    """All that there was to tell is told."""


def begin(topic: Topic, after: int | None, tx: Transaction) -> Beginning:
    """A stream goes on where it was, if all events since then are kept; else with a snapshot."""
    lowest, latest = topic.span(tx)
    if after is None or not lowest <= after <= latest:
        return Beginning(latest, latest, _snapshot(tx, topic), over=topic.is_over(tx))
    if after == latest and topic.is_over(tx):
        return Beginning(after, latest, over=True)
    if topic.video_id is not None:
        ids = {topic.video_id}
    else:
        ids = set(event_rows.videos_since(tx, topic.owner, after, _MISSED))
        ids |= set(job_rows.videos_in_states(tx, topic.owner, LIVE, _MISSED))
    if topic.videos is not None:
        ids &= topic.videos
    videos = (video_rows.get(tx, video_id) for video_id in sorted(ids))
    missed = tuple(look(tx, video) for video in videos if video is not None)
    return Beginning(after, latest, missed=missed)


def _snapshot(tx: Transaction, topic: Topic) -> Page:
    wanted = topic.videos if topic.video_id is None else {topic.video_id}
    if wanted is None:
        return page(tx, topic.owner)
    found = (video_rows.get(tx, video_id) for video_id in wanted)
    videos = sorted(filter(None, found), key=lambda v: (v.created_at, v.id), reverse=True)
    return Page([look(tx, video) for video in videos])


def check_owner(tx: Transaction, who: str, ids: frozenset[str], *, resumes: bool) -> None:
    """Raises `NotFound` unless all are `who`'s.

    Who comes again may have missed that some were removed, which the events tell.
    """
    found = {video_id: video_rows.get(tx, video_id) for video_id in ids}
    gone = {video_id for video_id, video in found.items() if video is None}
    for video_id in ids - (event_rows.removed(tx, who, gone) if resumes else set()):
        authorize(who, "read", found[video_id])
