"""What may be queued, and what looking for it costs. Rows and files are real, time is short."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from server.jobs.dispatcher import Dispatcher
from server.jobs.lifecycle import State
from server.settings import Places
from storage.database import Database, Transaction
from storage.model import Job, Upload, Video, new_id, now
from storage.paths import DataDirectory
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

INDEX_LAST = struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 1 << 20, b"mdat")


class Files(ThreadPoolExecutor):
    """Counts what it was asked to do."""

    asked = 0

    def submit(self, *arguments: Any, **named: Any) -> Any:
        self.asked += 1
        return super().submit(*arguments, **named)


class House:
    """A dispatcher with its rows and files; `queued` are the jobs that it has queued."""

    def __init__(self, root: Path, places: Places) -> None:
        directory = DataDirectory(root)
        directory.prepare()
        self.database = Database(directory.database)
        self.database.open()
        self.sources = Sources(directory)
        self.files = Files(2)
        self.queued: list[str] = []
        self.crowds: list[bool] = []
        """Told once by every look at all jobs."""
        self.dispatcher = Dispatcher(
            self.database,
            self.sources,
            self.files,
            self._enqueue,
            self.crowds.append,
            places,
            places_per_owner=10,
        )

    def _enqueue(self, tx: Transaction, job: Job) -> None:
        self.queued.append(job.video_id)

    async def upload(self, length: int, owner: str = "o") -> Upload:
        """A new upload with its source, video and job."""
        at = now()
        upload = Upload(new_id(), new_id(), new_id(), 0, length, 0, "boot", "", at, at)
        video = Video(upload.video_id, owner, "", "", upload.source_id, None, "private", 1, at)
        job = Job(
            id=new_id(),
            kind="process",
            video_id=video.id,
            edition_id=None,
            owner=owner,
            state=State.CREATED,
            epoch=0,
            attempts=0,
            misses=0,
            priority=0,
            parked_at=None,
            error_code=None,
            error_detail=None,
            warnings="[]",
            progress="{}",
            created_at=at,
            started_at=None,
            ended_at=None,
        )

        def record(tx: Transaction) -> None:
            upload_rows.create(tx, upload)
            video_rows.create(tx, video)
            job_rows.create(tx, job)

        self.sources.create(upload.source_id)
        await self.database.write(record)
        return upload

    async def receive(self, upload: Upload, data: bytes, *, recorded: bool = True) -> None:
        """Bytes behind those that are there."""
        start = self.sources.received(upload)
        with self.sources.path(upload.source_id).open("r+b") as file:
            file.seek(start)
            file.write(data)
        reached = start + len(data)

        def record(tx: Transaction) -> None:
            upload_rows.advance(tx, upload.id, reached, "boot", now())
            if reached == upload.length:
                upload_rows.end_source(tx, upload.source_id)

        self.sources.announce(upload, reached)
        if recorded:
            await self.database.write(record)
        self.dispatcher.arrived(upload.source_id)

    async def state(self, upload: Upload) -> str:
        (job,) = await self.database.read(lambda tx: job_rows.of_videos(tx, [upload.video_id]))
        return job.state

    async def move(
        self, upload: Upload, state: State, *, ring: bool = True, **values: object
    ) -> None:
        """As a worker would."""

        def move(tx: Transaction) -> None:
            (job,) = job_rows.of_videos(tx, [upload.video_id])
            job_rows.move(tx, job.id, list(State), state)
            if values:
                job_rows.note(tx, job.id, values)

        await self.database.write(move)
        if ring:
            self.dispatcher.ring()

    async def looked(self) -> None:
        """Returns when all jobs have been looked at once more."""
        seen = len(self.crowds)
        self.dispatcher.ring()
        await until(lambda: len(self.crowds) > seen)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (rows tell nobody)
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(root: Path, places: Places) -> AsyncIterator[House]:
    house = House(root, places)
    task = asyncio.create_task(house.dispatcher.run())
    yield house
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    house.files.shutdown()
    house.database.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path / "data", Places(whole=2, growing=2)) as found:
        yield found


async def test_a_job_is_queued_with_the_first_bytes_that_make_it_possible(house: House) -> None:
    await house.looked()
    matroska, index_last = await house.upload(1000), await house.upload(2 << 20)
    await house.receive(index_last, INDEX_LAST, recorded=False)
    await house.receive(matroska, b"\x1a\x45\xdf\xa3" * 4, recorded=False)
    await until(lambda: house.queued == [matroska.video_id])
    await house.looked()
    assert await house.state(index_last) == State.CREATED


async def test_an_ended_source_needs_no_uploads(house: House) -> None:
    """A finished upload may be deleted; the work on its video goes on."""
    upload = await house.upload(16)
    for other in [await house.upload(16) for _ in range(2)]:  # all places are taken
        await house.receive(other, bytes(16))
    await until(lambda: len(house.queued) == 2)
    busy = list(house.queued)
    await house.receive(upload, bytes(16))
    await house.database.write(lambda tx: upload_rows.remove(tx, upload.id))
    await house.looked()
    assert house.queued == busy
    others = await house.database.read(lambda tx: job_rows.of_videos(tx, busy))
    await house.database.write(
        lambda tx: job_rows.move(tx, others[0].id, [State.WAITING], State.COMPLETED)
    )
    house.dispatcher.ring()
    await until(lambda: house.queued[2:] == [upload.video_id])


async def test_an_empty_file_fails(house: House) -> None:
    upload = await house.upload(0)
    house.dispatcher.ring()
    await house.looked()
    assert await house.state(upload) == State.FAILED


async def test_what_is_there_as_a_whole_and_what_arrives_have_places_of_their_own(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "data", Places(whole=1, growing=1)) as house:
        growing = [await house.upload(100) for _ in range(2)]
        whole = [await house.upload(10) for _ in range(2)]
        for upload in growing + whole:
            await house.receive(upload, b"\x1a\x45\xdf\xa3" + bytes(6))
        first = [growing[0].video_id, whole[0].video_id]
        await until(lambda: sorted(house.queued) == sorted(first))
        await house.looked()
        assert house.crowds[-1]  # one that still arrives waits for a place
        await house.move(growing[0], State.CREATED, parked_at=10)
        await until(lambda: house.queued[2:] == [growing[1].video_id])
        await house.looked()
        assert not house.crowds[-1]  # the other one has nothing new


async def test_a_parked_job_waits_for_bytes_that_are_worth_it(house: House) -> None:
    upload = await house.upload(1 << 20)
    await house.receive(upload, b"\x1a\x45\xdf\xa3" * 4)
    await until(lambda: len(house.queued) == 1)
    await house.move(upload, State.CREATED, parked_at=16)
    await house.looked()
    await house.receive(upload, bytes(1000))
    await house.looked()
    assert len(house.queued) == 1
    await house.receive(upload, bytes(1 << 16))
    await until(lambda: len(house.queued) == 2)


async def test_bytes_cost_a_look_at_their_own_source_only(house: House) -> None:
    """Neither the other jobs are looked at, nor is a file opened when nothing in it can help."""
    for _ in range(50):
        await house.upload(1000)
    slow = await house.upload(2 << 20)
    await house.looked()
    await house.receive(slow, INDEX_LAST)
    looks, began = len(house.crowds), time.monotonic()
    for _ in range(20):
        await house.receive(slow, bytes(1000))
        await asyncio.sleep(0.03)
    assert len(house.crowds) - looks <= 1 + (time.monotonic() - began) // 5  # the clock strikes
    assert house.files.asked == 1


async def test_all_jobs_are_looked_at_a_few_times_a_second(house: House) -> None:
    began = time.monotonic()
    while time.monotonic() < began + 1:
        house.dispatcher.ring()
        await asyncio.sleep(0.001)
    assert 1 <= len(house.crowds) <= 1 + 4 * (time.monotonic() - began)


async def test_many_boxes_are_left_to_the_confined_process(house: House) -> None:
    """Nor do they delay others."""
    boxes = struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 8, b"free") * (1 << 18)
    hostile = [await house.upload(len(boxes) + 1) for _ in range(20)]
    for upload in hostile:
        await house.receive(upload, boxes)
    other = await house.upload(100)
    await house.receive(other, b"\x1a\x45\xdf\xa3" * 4)
    async with asyncio.timeout(5):
        await until(lambda: house.queued == [other.video_id])
    await house.receive(hostile[0], b"\0")
    await until(lambda: house.queued == [other.video_id, hostile[0].video_id])


async def test_who_waited_for_a_place_is_not_overtaken(tmp_path: Path) -> None:
    """By one whose bytes happen to come just when a place is free."""
    async with running(tmp_path / "data", Places(whole=1, growing=1)) as house:
        busy, patient, pushing = [await house.upload(1 << 20) for _ in range(3)]
        for upload in (busy, patient):
            await house.receive(upload, b"\x1a\x45\xdf\xa3" * 4)
            await house.looked()
        await house.looked()  # what came last was perhaps looked at alone
        assert house.queued == [busy.video_id]
        await house.move(busy, State.COMPLETED, ring=False)
        await house.receive(pushing, b"\x1a\x45\xdf\xa3" * 4)
        await until(lambda: len(house.queued) == 2)
        assert house.queued[1] == patient.video_id


async def test_a_file_that_cannot_be_opened_stops_nobody(house: House) -> None:
    lost, other = await house.upload(100), await house.upload(100)
    for upload in (lost, other):
        await house.receive(upload, b"\x1a\x45")
    house.sources.erase(lost.source_id)
    await house.database.write(lambda tx: upload_rows.advance(tx, lost.id, 50, "boot", now()))
    await house.receive(other, b"\xdf\xa3" * 4)
    await until(lambda: set(house.queued) == {lost.video_id, other.video_id})
