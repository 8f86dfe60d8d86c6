"""What follows when every byte is there: also if that was interrupted, or failed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.jobs.arrival import Arrival
from server.jobs.upkeep import Upkeep
from storage.database import Transaction
from storage.model import Job, Source, Upload, new_id, now
from storage.records import jobs as job_rows
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from tests.support.store import Door

DATA = hashlib.sha256(b"arrival").digest() * 3000
STEP = 1 << 26


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    found = Door(tmp_path / "data", "boot")
    await found.open()
    yield found
    await found.close()


async def came(door: Door, promised: bytes) -> Upload:
    """An upload that has every byte, of which only the length is not told yet."""
    digest = base64.b64encode(hashlib.sha256(promised).hexdigest().encode()).decode()
    metadata = f"sha256 {digest}"
    made = await door.ask("POST", Upload_Defer_Length="1", Upload_Metadata=metadata)
    url = urlsplit(made.headers["Location"]).path
    answer = await door.ask("PATCH", url, DATA, Upload_Offset="0")
    assert answer.offset == len(DATA)
    row = door.row(url)
    assert row is not None
    return row


async def whole(door: Door, upload: Upload) -> Source:
    """The length is told, and then the server falls, or fails, before anything follows."""

    def tell(tx: Transaction) -> Source | None:
        upload_rows.tell_length(tx, upload, len(DATA))
        return door.arrival.settle_in(tx, upload.source_id)

    settled = await door.database.write(tell)
    assert settled is not None
    return settled


async def sparse(door: Door, size: int) -> Source:
    """A source with a promise and every byte, all zeros, that nobody has looked at."""
    upload = await came(door, b"")

    def tell(tx: Transaction) -> Source | None:
        upload_rows.tell_length(tx, upload, size)
        upload_rows.advance(tx, upload.id, size, "boot", now())
        return upload_rows.get_source(tx, upload.source_id)

    with door.sources.path(upload.source_id).open("r+b") as file:
        file.truncate(0)
        file.truncate(size)
    door.sources.forget_digest(upload.source_id)
    source = await door.database.write(tell)
    assert source is not None
    return source


async def source_of(door: Door, upload: Upload) -> Source:
    found = await door.database.read(lambda tx: upload_rows.get_source(tx, upload.source_id))
    assert found is not None
    return found


async def ended(door: Door, source: Source) -> Source:
    """Returns when it is known what it is."""

    def look(tx: Transaction) -> Source | None:
        return upload_rows.get_source(tx, source.id)

    async with asyncio.timeout(20):
        while not (found := await door.database.read(look)) or found.digest is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_work_ends_with_what_tells_that_it_is_another_file(door: Door) -> None:
    upload = await came(door, b"something else")
    source = await whole(door, upload)
    assert source.refused

    def jobs(tx: Transaction) -> list[Job]:
        return job_rows.of_source(tx, source.id)

    (job,) = await door.database.read(jobs)
    assert (job.state, job.error_code) == ("failed", "digest_mismatch")


async def test_a_digest_that_failed_is_made_later_and_keeps_its_source(
    tmp_path: Path, door: Door
) -> None:
    upload = await came(door, DATA)
    path = door.sources.path(upload.source_id)
    aside = path.replace(tmp_path / "aside")
    path.mkdir()  # can be opened, but not read
    door.sources.forget_digest(upload.source_id)
    await door.arrival.settled(await whole(door, upload))
    with ThreadPoolExecutor(1) as files:
        door.expire(upload)
        assert await door.expiry.sweep() == 0
        path.rmdir()
        aside.replace(path)
        upkeep = Upkeep(
            door.database, door.eraser, door.arrival.recover, door.expiry.sweep, files, 60
        )
        await upkeep.run()
        found = await ended(door, await source_of(door, upload))
    assert (found.ended, found.digest) == (True, hashlib.sha256(DATA).hexdigest())


async def test_what_is_another_file_expires_nevertheless(door: Door) -> None:
    upload = await came(door, b"something else")
    await door.arrival.settled(await whole(door, upload))
    door.expire(upload)
    assert await door.expiry.sweep() == 1


async def test_a_digest_is_of_use_though_many_others_were_begun(door: Door) -> None:
    upload = await came(door, DATA)
    door.sources.forget_digest(upload.source_id)
    source = await whole(door, upload)
    await door.arrival.settled(source)
    others = [Source(new_id(), None, ended=False) for _ in range(5000)]
    for other in others:
        door.sources.digest(other)
    assert (await ended(door, source)).ended


async def test_of_a_source_there_are_never_two_digests(door: Door) -> None:
    source = Source(new_id(), None, ended=False)
    held = door.sources.digest(source)
    for _ in range(5000):
        door.sources.digest(Source(new_id(), None, ended=False))
    assert door.sources.digest(source) is held


class Watched(ThreadPoolExecutor):
    """Counts what it is given, and what of that waits."""

    def __init__(self) -> None:
        super().__init__(1)
        self._lock = threading.Lock()
        self.given = self.waiting = self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self._lock:
            self.given += 1
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self.waiting -= 1


async def test_a_long_file_is_read_in_steps_and_few_at_once(door: Door) -> None:
    small = [await sparse(door, len(DATA)) for _ in range(10)]
    large = await sparse(door, 2 * STEP + 1)
    with Watched() as files:
        arrival = Arrival(
            door.database, door.sources, files, door.worker, kept_for=60, on_end=lambda _: None
        )
        await arrival.recover()
        for source in (large, *small):
            await ended(door, source)
        await arrival.finish()
    assert files.given == len(small) + 3
    assert files.most <= 2


async def test_a_length_of_nothing_that_was_not_promised_is_looked_at_too(door: Door) -> None:
    digest = base64.b64encode(hashlib.sha256(b"x").hexdigest().encode()).decode()
    made = await door.ask("POST", Upload_Defer_Length="1", Upload_Metadata=f"sha256 {digest}")
    upload = door.row(urlsplit(made.headers["Location"]).path)
    assert upload is not None
    await door.database.write(lambda tx: upload_rows.tell_length(tx, upload, 0))
    assert await door.database.read(source_rows.undigested)
    await door.arrival.recover()
    assert (await ended(door, await source_of(door, upload))).refused
