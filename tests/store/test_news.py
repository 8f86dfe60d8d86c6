"""States reach their watchers, whatever becomes of the look at another video, or at all of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from server.api.news import News
from server.api.video_view import Paces, VideoView
from server.events.bus import Bus
from server.events.watcher import Watcher
from storage.crossing import Crossing
from storage.database import Database, T, Transaction, Work
from storage.model import Event, Job, Video, new_id, now
from storage.paths import DataDirectory
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows
from storage.sources import Sources
from tests.support.streams import Line


class Faltering(Database):
    """Reads fail while they are told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.faults = 0
        self.failed: list[float] = []
        """When, by the loop's clock."""

    async def read(self, work: Work[T]) -> T:
        if self.faults:
            self.faults -= 1
            self.failed.append(asyncio.get_running_loop().time())
            raise sqlite3.OperationalError("disk I/O error")
        return await super().read(work)


class Place:
    """Some videos of mine, and somebody who is told of all of them."""

    def __init__(self, root: Path) -> None:
        directory = DataDirectory(root)
        directory.prepare()
        self.database = Faltering(directory.database)
        self.database.open()
        self.bus = Bus()
        paces = Paces()
        view = VideoView(Sources(directory), paces, b"secret")
        self.news = News(self.database, self.bus, view, paces)
        self.videos = [self._video(n) for n in range(5)]
        self.line = Line()
        listen = Crossing(asyncio.get_running_loop()).call
        self.database.listen(lambda told: listen(self.news.heard, told))

    def _video(self, number: int) -> str:
        at = now()
        video = Video(new_id(), "me", str(number), "", new_id(), None, "private", 1, at)
        job = msgspec.convert(
            dict.fromkeys(Job.__struct_fields__)
            | {"id": new_id(), "kind": "process", "video_id": video.id, "owner": "me"}
            | {"state": "created", "epoch": 0, "attempts": 0, "misses": 0, "priority": 0}
            | {"warnings": "[]", "progress": "{}", "created_at": at, "pose_faults": "{}"},
            Job,
        )
        self.write(lambda tx: video_rows.create(tx, video))
        self.write(lambda tx: job_rows.create(tx, job))
        return video.id

    def write(self, work: Callable[[Transaction], object]) -> None:
        self.database.submit(work).result()

    def change(self, *videos: str) -> None:
        """Something unnumbered of them is not as it was: all of it in one commit."""

        def tell(tx: Transaction) -> None:
            for video in videos:
                event_rows.changed(tx, video, "me")

        self.write(tell)

    def told(self) -> set[str]:
        found = re.findall(rb'^event: progress\ndata: {"id":"(\w+)"', self.line.sent, re.MULTILINE)
        return {video.decode() for video in found}

    async def until_told(self, *videos: str) -> None:
        async with asyncio.timeout(60):
            while self.told() != set(videos):
                self.line.waiting = 0
                await asyncio.sleep(0.01)


async def nothing(after: int, limit: int) -> list[Event]:
    return []


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    found = Place(tmp_path / "data")
    watcher = Watcher("me", nothing, by_video=False, chunked=False)
    running = [
        asyncio.create_task(found.news.run()),
        asyncio.create_task(watcher.run(found.line, found.line.drain, 0, 0)),
    ]
    with found.bus.joined(watcher):
        yield found
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    found.database.close()


@pytest.mark.parametrize("column", ["warnings", "state"])
async def test_others_are_told_when_one_cannot_be_shown(place: Place, column: str) -> None:
    """Neither what was looked up nor what cannot even be looked up; once it can, it is told."""
    broken, *others = place.videos
    sql = f"update jobs set {column} = :value where video_id = :id"
    value = b"{" if column == "state" else "{"
    place.write(lambda tx: tx.execute(sql, {"value": value, "id": broken}))
    place.change(*place.videos)
    await place.until_told(*others)
    mended = "created" if column == "state" else "[]"
    place.write(lambda tx: tx.execute(sql, {"value": mended, "id": broken}))
    await place.until_told(*place.videos)


async def test_what_could_not_be_read_is_told_later(place: Place) -> None:
    """And not asked for again and again meanwhile, however often it changes."""
    place.database.faults = 3
    place.change(*place.videos)
    async with asyncio.timeout(60):
        while place.database.faults:
            place.change(place.videos[0])
            await asyncio.sleep(0.01)
    await place.until_told(*place.videos)
    apart = [after - before for before, after in itertools.pairwise(place.database.failed)]
    assert all(seconds > 0.4 for seconds in apart)
