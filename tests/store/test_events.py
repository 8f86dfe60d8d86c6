"""Numbers of events have no gaps, whoever writes at the same time and whatever fails."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import pytest

from server.jobs.upkeep import Upkeep
from storage.database import Database, Told, Transaction
from storage.editions import Editions
from storage.model import Changed, Event, Job, Video, new_id, now
from storage.paths import DataDirectory
from storage.records import editions as edition_rows
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows
from storage.retention import Eraser
from storage.sources import Sources

OWNERS = ("ann", "bob")


class Store:
    """A database with videos of two owners, and all that it tells."""

    def __init__(self, root: Path) -> None:
        self.directory = DataDirectory(root)
        self.directory.prepare()
        self.database = Database(self.directory.database)
        self.database.open()
        self.told: list[Told] = []
        self.database.listen(self.told.append)
        self.videos = [self.video(owner) for owner in OWNERS for _ in range(3)]

    def video(self, owner: str) -> Video:
        video = Video(new_id(), owner, "", "", new_id(), None, "private", 1, now())
        self.database.submit(lambda tx: video_rows.create(tx, video)).result()
        return video

    def add(self, video: Video, kind: str = "cut", *, fail: bool = False) -> None:
        def work(tx: Transaction) -> None:
            event_rows.add(tx, video.id, kind, {"cut": 0})
            if fail:
                raise KeyError

        self.database.submit(work).result()

    def events(self, owner: str) -> list[Event]:
        return self.database.submit(lambda tx: event_rows.of_feed(tx, owner, 0, 100_000)).result()

    def spans(self, video: Video) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.database.submit(
            lambda tx: (
                event_rows.span_of_video(tx, video.id),
                event_rows.span_of_feed(tx, video.owner),
            )
        ).result()

    def age(self, owner: str, number: int, at: int) -> None:
        """Makes one event as old as that."""
        sql = "update events set at = :at where owner = :owner and feed_number = :n"
        values = {"at": at, "owner": owner, "n": number}
        self.database.submit(lambda tx: tx.execute(sql, values)).result()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "data")
    yield found
    found.database.close()


def test_numbers_have_no_gaps_whoever_writes_and_whatever_fails(store: Store) -> None:
    chance = random.Random()

    def write(_: int) -> None:
        for _ in range(60):
            fail = chance.random() < 0.3
            try:
                store.add(chance.choice(store.videos), fail=fail)
            except KeyError:
                assert fail

    with ThreadPoolExecutor(8) as pool:
        wait([pool.submit(write, n) for n in range(8)])
    for owner in OWNERS:
        events = store.events(owner)
        assert [event.feed_number for event in events] == list(range(1, len(events) + 1))
        for video in store.videos:
            if video.owner == owner:
                of_video = [event.number for event in events if event.video_id == video.id]
                assert of_video == list(range(1, len(of_video) + 1))
                assert store.spans(video) == ((0, len(of_video)), (0, len(events)))
        assert [told for told in store.told if told.owner == owner] == events


def test_what_failed_was_told_to_nobody(store: Store) -> None:
    with pytest.raises(KeyError):
        store.add(store.videos[0], fail=True)
    changed = partial(event_rows.changed, video_id="v", owner="o")
    store.database.submit(changed).result()
    store.database.submit(lambda tx: tx.rows("select 1 as one")).result()
    assert store.told == [Changed("v", "o")]


def test_a_removal_stays_when_the_video_is_gone(store: Store) -> None:
    video = store.videos[0]
    store.add(video)
    store.add(video, "removed")
    store.database.submit(lambda tx: video_rows.forget(tx, video.id)).result()
    store.add(video)
    assert [event.kind for event in store.events("ann")] == ["cut", "removed"]
    assert store.spans(video) == ((0, 2), (0, 2))

    def removed(tx: Transaction, owner: str) -> set[str]:
        return event_rows.removed(tx, owner, [video.id, store.videos[1].id])

    assert store.database.submit(partial(removed, owner="ann")).result() == {video.id}
    assert store.database.submit(partial(removed, owner="bob")).result() == set()


async def nothing_to_recover() -> None:
    pass


async def nothing_to_sweep() -> int:
    return 0


async def test_old_events_expire_and_numbers_go_on(store: Store, tmp_path: Path) -> None:
    video, other = store.videos[:2]
    for _ in range(1200):
        store.add(video)
    store.add(other)
    for number in range(1, 1200):
        store.age("ann", number, now() - 10_000)
    with ThreadPoolExecutor(1) as files:
        editions = Editions(store.directory)
        eraser = Eraser(store.database, Sources(store.directory), editions)
        nothing = nothing_to_recover, nothing_to_sweep
        await Upkeep(store.database, eraser, *nothing, files, 5.0).run()
    assert store.spans(video) == ((1199, 1200), (1199, 1201))
    assert store.spans(other) == ((0, 1), (1199, 1201))
    await asyncio.to_thread(store.add, video)
    assert store.events("ann")[-1].feed_number == 1202


def test_what_expires_are_the_first_ones_however_the_clock_is_set(store: Store) -> None:
    video = store.videos[0]
    ahead = now() + 1_000_000
    store.add(video)
    sql = "update feeds set at = :at"
    store.database.submit(lambda tx: tx.execute(sql, {"at": ahead})).result()
    store.add(video)
    first, second = store.events("ann")
    assert first.at < second.at == ahead


def test_numbers_survive_what_kills_the_server(store: Store) -> None:
    """They are committed as everything is."""
    store.add(store.videos[0])
    with sqlite3.connect(store.directory.database) as another:
        assert another.execute("select count(*) from events").fetchone() == (1,)
    another.close()


def test_editions_that_nobody_shows_or_makes_are_erased(store: Store) -> None:
    shown, made, replaced = new_id(), new_id(), new_id()
    video = store.videos[0]
    editions = Editions(store.directory)

    def record(tx: Transaction) -> None:
        for edition in (shown, made, replaced):
            edition_rows.create(tx, edition, video.source_id, "{}", now())
        video_rows.show(tx, video.id, shown)
        job_rows.create(
            tx,
            Job(
                id=new_id(),
                kind="process",
                video_id=video.id,
                edition_id=made,
                owner=video.owner,
                state="active",
                epoch=1,
                attempts=0,
                misses=0,
                priority=0,
                parked_at=None,
                error_code=None,
                error_detail=None,
                warnings="[]",
                progress="{}",
                created_at=now(),
                started_at=None,
                ended_at=None,
            ),
        )

    store.database.submit(record).result()
    for edition in (shown, made, replaced):
        editions.create(edition)
    eraser = Eraser(store.database, Sources(store.directory), editions)
    assert eraser.erase_replaced() == 1
    assert eraser.erase_replaced() == 0
    there = [store.directory.edition(edition).exists() for edition in (shown, made, replaced)]
    assert there == [True, True, False]
    assert store.database.submit(edition_rows.ids).result() == {shown, made}


def test_a_video_counts_the_editions_that_it_showed_before(store: Store) -> None:
    """An edition that is shown again, after a fall say, is the same one."""
    video = store.videos[0]
    counted = []
    for edition in ("a", "a", "b", "b", "c"):
        store.database.submit(
            partial(video_rows.show, video_id=video.id, edition_id=edition)
        ).result()
        found = store.database.submit(partial(video_rows.get, video_id=video.id)).result()
        assert found is not None
        counted.append((found.edition_id, found.replaced))
    assert counted == [("a", 0), ("a", 0), ("b", 1), ("b", 1), ("c", 2)]
