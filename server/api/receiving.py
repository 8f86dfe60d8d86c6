"""Changes when: how a request's body becomes bytes of a source does.

One writer an upload. A new request takes over from one that is stalled; of two that race, one
writes and the other is told the offset. Whatever way a body ends, what has arrived is kept,
synced and recorded before anybody is answered. Only of a body whose digest was promised nothing
is kept but all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Executor

from server.api.turns import Body
from server.errors import (
    BodyTimeout,
    BodyTooLong,
    ChecksumMismatch,
    Draining,
    NotFound,
    OffsetMismatch,
    QuotaExceeded,
    TooLarge,
)
from server.jobs.arrival import Arrival
from storage.database import Database
from storage.digests import Promise
from storage.errors import DiskFull
from storage.model import Source, Upload
from storage.records import uploads as upload_rows
from storage.sources import Sources
from storage.writer import Writer

_CHUNK = 1 << 20
_LEAST = 1 << 12
"""Bytes that a body must bring in the time that it may be silent for: so nobody holds a connection
with a byte now and then. The slowest networks bring ten times as much."""
_MARK_EVERY = 1 << 24
"""Bytes of one body after which its offset is synced and recorded in passing."""


Room = Callable[[int, int], Awaitable[int]]
"""`room(offset, size)` tells up to where bytes may come when `size` more come at `offset`, or
raises why these may not."""


class Holder:
    """The request that writes into an upload."""

    def __init__(self, body: Body, patience: float) -> None:
        """`patience`: seconds in which `_LEAST` bytes must come, or the end."""
        self._body = body
        self._ahead = b""
        self._patience = self._left = patience
        self._brought = 0
        self._scope: asyncio.Timeout | None = None
        self._error: Exception | None = None
        self.received = -1
        self.moved = time.monotonic()
        self.over = asyncio.Event()
        self.news = asyncio.Event()

    def end(self, error: Exception) -> None:
        """Whoever reads the body gets `error`, and leaves."""
        self._error = self._error or error
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def why(self) -> Exception:
        """What ended the body, if it was not its own end."""
        return self._error or BodyTimeout()

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises `BodyTimeout`, or what `end` was given."""
        if self._error is not None:
            raise self._error
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._left) as self._scope:
                data = await self._body.read(_CHUNK)
        except TimeoutError:
            raise self.why() from None
        finally:
            self._scope = None
        self.moved = time.monotonic()
        self._left -= self.moved - begun
        self._brought += len(data)
        if self._brought >= _LEAST:
            self._left, self._brought = self._patience, 0
        return data

    def put_back(self, data: bytes) -> None:
        """Bytes that were read too far; they come next."""
        self._ahead = data


class _Flow:
    """A body on its way into a file. One write is under way while the next bytes are read: little
    is lost with a connection. What is written is told at once, and marked now and then."""

    def __init__(
        self,
        executor: Executor,
        writer: Writer,
        tell: Callable[[], None],
        mark: Callable[[], Coroutine[None, None, int]],
    ) -> None:
        self._executor = executor
        self._writer = writer
        self._tell = tell
        self._mark = mark
        self._marked_at = writer.received
        self._writing: asyncio.Future[None] | None = None
        self._marking: asyncio.Task[int] | None = None

    async def put(self, data: bytes) -> None:
        """Begins to write `data`. Raises what became of what was written or marked before."""
        await self.written()
        if self._marking is not None and self._marking.done():
            self._marking.result()
            self._marking = None
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._executor, self._writer.write, [data])
        self._writing.add_done_callback(lambda _: self._tell())
        received = self._writer.received
        if received - self._marked_at >= _MARK_EVERY and self._marking is None:
            self._marked_at = received
            self._marking = asyncio.create_task(self._mark())

    async def written(self) -> None:
        if self._writing is not None:
            await self._writing

    async def marked(self) -> None:
        if self._marking is not None:
            await self._marking


class Receiver:
    """Bodies of all uploads of one server. Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        arrival: Arrival,
        *,
        body_timeout: float,
        takeover_after: float,
        on_bytes: Callable[[Upload, int], None],
        on_end: Callable[[Upload], None],
    ) -> None:
        """`on_bytes(upload, received)` is called whenever bytes have been written, and
        `on_end(upload)` when a body has ended, whichever way."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._arrival = arrival
        self._body_timeout = body_timeout
        self._takeover_after = takeover_after
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._holders: dict[str, Holder] = {}
        self._draining = False

    async def settle(self, upload_id: str, error: Exception | None = None) -> None:
        """Ends who writes into an upload and waits until what came is recorded (HEAD does it)."""
        while holder := self._holders.get(upload_id):
            holder.end(error or OffsetMismatch("another request has taken the upload over"))
            await holder.over.wait()

    async def drain(self) -> None:
        """Ends every body; what has arrived is kept."""
        self._draining = True
        for upload_id in list(self._holders):
            await self.settle(upload_id, Draining())

    @contextlib.asynccontextmanager
    async def claim(self, upload_id: str, offset: int, body: Body) -> AsyncIterator[Holder]:
        """The right to write at `offset`. Raises `OffsetMismatch` if another one is ahead."""
        while holder := self._holders.get(upload_id):
            await self._outlast(upload_id, holder, offset)
        if self._draining:
            raise Draining
        holder = self._holders[upload_id] = Holder(body, self._body_timeout)
        try:
            yield holder
        finally:
            del self._holders[upload_id]
            holder.over.set()
            holder.news.set()

    async def pass_over(self, holder: Holder, size: int, promise: Promise | None) -> None:
        """Leaves out the first `size` bytes of a body, which are there already; they are part of
        what was promised of it."""
        loop = asyncio.get_running_loop()
        while size and (data := await holder.read()):
            there, rest = data[:size], data[size:]
            size -= len(there)
            holder.put_back(rest)
            if promise is not None:
                await loop.run_in_executor(self._executor, promise.update, memoryview(there))

    async def _outlast(self, upload_id: str, holder: Holder, offset: int) -> None:
        """Returns when `holder` may have gone; an active one is not disturbed."""
        if holder.received not in (-1, offset):
            at = await self._acknowledged(upload_id)
            raise OffsetMismatch("another request is writing", offset=at)
        silent = time.monotonic() - holder.moved
        if silent >= self._takeover_after:
            await self.settle(upload_id)
            return
        holder.news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._takeover_after - silent):
                await holder.news.wait()

    async def _acknowledged(self, upload_id: str) -> int:
        upload = await self._database.read(lambda tx: upload_rows.get(tx, upload_id))
        if upload is None:
            raise NotFound
        return upload.mark

    async def receive(
        self,
        upload: Upload,
        source: Source,
        holder: Holder,
        room: Room,
        promise: Promise | None = None,
        on_acknowledged: Callable[[int], None] | None = None,
    ) -> int:
        """Writes the body behind what is there, as far as there is `room`.

        `on_acknowledged(offset)` is called with those that are so in passing.

        Returns the offset that is synced and recorded. Raises what ended the body early
        (`BodyTimeout`, `DiskFull`, what `room` raised, a take-over, a lost connection), after
        what came has been recorded; `ChecksumMismatch` if it is not what was promised.
        """
        loop = asyncio.get_running_loop()
        received = self._sources.received(upload)
        digest = self._sources.digest(source)
        writer = await loop.run_in_executor(
            self._executor, self._sources.open_writer, upload, received, digest
        )
        if promise is not None:
            writer.hold(promise)
        holder.received = received
        flow = _Flow(
            self._executor,
            writer,
            lambda: self._tell(upload, holder, writer),
            lambda: self._mark(upload, writer, on_acknowledged),
        )
        failure: BaseException | None = None
        try:
            async for data in self._body(holder, received, room):
                await flow.put(data)
            await flow.written()
            if promise is not None and not await loop.run_in_executor(
                self._executor, writer.release
            ):
                raise ChecksumMismatch
        except BaseException as error:
            failure = error
            raise
        finally:
            with contextlib.suppress(Exception):  # what it raised is on its way already
                await flow.written()
            self._tell(upload, holder, writer)
            try:
                await flow.marked()
                offset = await self._mark(upload, writer)
            finally:
                await loop.run_in_executor(self._executor, writer.settle)
                self._tell(upload, holder, writer)
                self._on_end(upload)
                await loop.run_in_executor(self._executor, writer.close)
            if isinstance(failure, DiskFull | BodyTooLong | TooLarge | QuotaExceeded):
                failure.facts["offset"] = offset  # clients forget what lies before it
        return offset

    async def _body(self, holder: Holder, received: int, room: Room) -> AsyncIterator[bytes]:
        """What arrives, in pieces of at most a megabyte; never more than there is room for."""
        most = received
        while data := await holder.read():
            if received + len(data) > most:
                most = await room(received, len(data))
            received += len(data)
            yield data

    def _tell(self, upload: Upload, holder: Holder, writer: Writer) -> None:
        if writer.received != holder.received:
            holder.received = writer.received
            holder.news.set()
            self._sources.announce(upload, writer.received)
            self._on_bytes(upload, writer.received)

    async def acknowledge(self, upload: Upload) -> int:
        """The offset to tell: what has been received, synced and recorded now if it was not.

        It was not if the disk was full when the last body ended.
        """
        received = self._sources.received(upload)
        if received > upload.mark:
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._executor, self._sources.sync, upload)
            except (DiskFull, OSError):
                self._sources.announce(upload, upload.mark)
                raise
            await self._arrival.record(upload, received)
        return received

    async def _mark(
        self,
        upload: Upload,
        writer: Writer,
        on_acknowledged: Callable[[int], None] | None = None,
    ) -> int:
        """Syncs and records what has been received by now."""
        loop = asyncio.get_running_loop()
        offset = await loop.run_in_executor(self._executor, writer.sync)
        await self._arrival.record(upload, offset)
        await self._arrival.follow(upload)
        if on_acknowledged is not None:
            on_acknowledged(offset)
        return offset
