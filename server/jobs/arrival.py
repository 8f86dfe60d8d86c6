"""Changes when: what follows from bytes that have come does.

Offsets are recorded here, whoever wrote. With the last byte a source ends: at once, or, if it was
said which digest it is to have, when it has proved to have it. If it has another, its job ends.
Digests are made of what is written while it is written; what came out of order is read again, and
what was interrupted or failed is taken up again by `recover`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial

from server.job_errors import DigestMismatch
from server.jobs.lifecycle import Action, State
from server.jobs.moves import move
from server.jobs.taking import end_job
from server.jobs.worker import Worker
from storage.database import Database, Transaction
from storage.digests import Digest
from storage.model import Job, Source, Upload, now
from storage.records import jobs as job_rows
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_log = logging.getLogger(__name__)

_STEP = 1 << 26
"""Bytes that are read again at once: others who need the disk wait no longer than for these."""
_AT_ONCE = 2
"""Digests that are recovered at once."""

_TOWARDS_ACTIVE = {
    State.CREATED: (Action.QUEUE, Action.START),
    State.WAITING: (Action.START,),
    State.ACTIVE: (),
}
"""What leads to where a job can be ended."""


class Arrival:
    """What is recorded of arriving bytes, and what that sets off. Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        worker: Worker,
        *,
        kept_for: float,
        on_end: Callable[[Source], None],
    ) -> None:
        """`executor`: for what nobody waits for. `kept_for`: seconds that an unfinished upload
        is kept for from now on. `on_end` is called with every source that has ended."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._worker = worker
        self._kept_for = int(kept_for * 1000)
        self._on_end = on_end
        self._digesting: dict[str, asyncio.Task[None]] = {}
        self._recovering: asyncio.Task[None] | None = None
        self._asked: set[str] = set()
        """Sources whose digests somebody has asked for since they were last looked at."""

    def expiry(self) -> int:
        """When what is not whole by then expires, if nothing comes from now on."""
        return now() + self._kept_for

    async def record(self, upload: Upload, offset: int) -> None:
        """`offset` bytes of an upload are synced; they are acknowledged when this returns."""

        def record(tx: Transaction) -> Source | None:
            upload_rows.advance(tx, upload.id, offset, self._sources.boot, now())
            source_rows.prolong(tx, upload.source_id, self.expiry())
            return self.settle_in(tx, upload.source_id)

        await self.settled(await self._database.write(record))

    async def settle(self, source_id: str) -> None:
        """Looks whether every byte is there, after something else than bytes has come."""
        await self.settled(await self._database.write(lambda tx: self.settle_in(tx, source_id)))

    def settle_in(self, tx: Transaction, source_id: str) -> Source | None:
        """The same in a transaction; what it returns belongs to `settled` afterwards."""
        return _settle(tx, source_id, lambda length: self._sources.digested(source_id, length))

    async def settled(self, source: Source | None) -> None:
        """What follows from a source that has every byte."""
        if source is None:
            return
        if source.ended:
            self._sources.finish(source.id, source.length or 0)
            self._on_end(source)
        elif source.digest is not None:
            await self._stop_work(source)
        if source.digest is None:
            self._digest(source)
        else:
            self._sources.forget_digest(source.id)

    async def follow(self, upload: Upload) -> None:
        """Lets the digest of a source catch up with what has come out of order."""
        digest = self._sources.digest_begun(upload.source_id)
        if digest is None or upload.source_id in self._digesting:
            return
        if digest.position >= upload.start + self._sources.received(upload):
            return

        position = digest.position

        def read(tx: Transaction) -> tuple[Source | None, int]:
            source = upload_rows.get_source(tx, upload.source_id)
            return source, self._end_of_run(tx, upload.source_id, position)

        source, end = await self._database.read(read)
        if source is not None and end > position:
            self._digest(source)

    async def recover(self) -> None:
        """Goes on with digests that a fall or a fault interrupted, unless that is under way. Does
        not wait for them."""
        if self._recovering is None or self._recovering.done():
            self._recovering = asyncio.create_task(self._recover())

    async def finish(self) -> None:
        """Lets go of digests that are being made."""
        tasks = list(self._digesting.values())
        if self._recovering is not None:
            tasks.append(self._recovering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- inside ------------------------------------------------------------------------------

    async def _recover(self) -> None:
        try:
            found = iter(await self._database.read(source_rows.undigested))
            await asyncio.gather(*(self._recover_some(found) for _ in range(_AT_ONCE)))
        except Exception:
            _log.exception("digests could not be recovered")

    async def _recover_some(self, found: Iterator[Source]) -> None:
        for old in found:
            source = await self._database.read(partial(_get_source, old.id))
            task = self._digest(source) if source is not None else None
            if task is not None:
                await asyncio.wait([task])

    def _digest(self, source: Source) -> asyncio.Task[None] | None:
        digest = self._sources.digest(source)
        if digest is None:
            return None
        self._asked.add(source.id)
        if source.id not in self._digesting:
            task = asyncio.create_task(self._make_digest(source, digest))
            self._digesting[source.id] = task
        return self._digesting[source.id]

    async def _make_digest(self, source: Source, digest: Digest) -> None:
        """As far as bytes are there; of all of them, it is recorded."""
        try:
            while source.id in self._asked:
                self._asked.discard(source.id)
                await self._catch_up(source, digest)
                await self._digested(source.id, digest)
        except FileNotFoundError:
            return  # it was removed
        except Exception:
            _log.exception("a digest could not be made", extra={"source": source.id})
        finally:
            self._asked.discard(source.id)
            del self._digesting[source.id]

    async def _catch_up(self, source: Source, digest: Digest) -> None:

        def look(tx: Transaction) -> int:
            found = upload_rows.get_source(tx, source.id)
            if found is None:
                return 0
            if found.ended:
                return found.length or 0
            return self._end_of_run(tx, source.id, digest.position)

        def read(until: int) -> None:
            descriptor = self._sources.open_reader(source.id)
            try:
                digest.catch_up(descriptor, until)
            finally:
                os.close(descriptor)

        loop = asyncio.get_running_loop()
        while (until := await self._database.read(look)) > (before := digest.position):
            await loop.run_in_executor(self._executor, read, min(until, before + _STEP))
            if digest.position == before:
                return

    def _end_of_run(self, tx: Transaction, source_id: str, offset: int) -> int:
        """Where what is there of a source from `offset` on ends. Goes from upload to upload, and
        each is passed once in all."""
        while found := upload_rows.last_before(tx, source_id, offset + 1):
            end = found.start + self._sources.received(found)
            if end <= offset:
                break
            offset = end
        return offset

    async def _digested(self, source_id: str, digest: Digest) -> None:
        def record(tx: Transaction) -> Source | None:
            source = upload_rows.get_source(tx, source_id)
            if source is None or source.length is None or source.digest is not None:
                return None
            found = digest.of(source.length)
            if found is None:
                return None
            if source.ended:
                source_rows.note_digest(tx, source_id, found)
                return None
            return _settle(tx, source_id, digest.of)

        settled = await self._database.write(record)
        if settled is not None and settled.digest is not None:
            await self.settled(settled)

    async def _stop_work(self, source: Source) -> None:
        """Ends what is still at work on what has been refused."""
        for job in await self._database.read(lambda tx: job_rows.of_source(tx, source.id)):
            await self._worker.end(job.id, "refused")


def _get_source(source_id: str, tx: Transaction) -> Source | None:
    return upload_rows.get_source(tx, source_id)


def _settle(tx: Transaction, source_id: str, digest: Callable[[int], str | None]) -> Source | None:
    """As `upload_rows.settle`. If it is not what was promised, the work on it ends with that; the
    bytes are kept until it expires."""
    source = upload_rows.settle(tx, source_id, digest)
    if source is not None and source.refused:
        detail = f"it is {source.digest}, not {source.promised}"
        for job in job_rows.of_source(tx, source_id):
            _end(tx, job, detail)
    return source


def _end(tx: Transaction, job: Job, detail: str) -> None:
    """Ends a job that is still to be done, whoever works on it."""
    way = _TOWARDS_ACTIVE.get(State(job.state))
    if way is None:
        return
    job_rows.raise_epoch(tx, job.id)
    for action in way:
        move(tx, job, action)
    end_job(tx, job, DigestMismatch.code, "[]", detail)
