"""Changes when: how tests run the store behind its door, and what may befall it, does."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import aiohttp
from aiohttp import web

from server.api.creating import Creating
from server.api.finding import Finding
from server.api.problems import problems
from server.api.quotas import Most, Quotas
from server.api.receiving import Receiver
from server.api.rufh import Rufh
from server.api.sessions import sessions
from server.api.turns import turns
from server.api.uploads import Uploads
from server.api.urls import Urls
from server.jobs.arrival import Arrival
from server.jobs.expiry import Expiry
from server.jobs.joining import Joining
from server.jobs.processes import MediaProcesses, PoseProcesses
from server.jobs.removal import Removal
from server.jobs.worker import Worker
from server.settings import Allowance, MediaSettings, Patience
from storage.database import Database
from storage.editions import Editions
from storage.model import Source, Upload
from storage.paths import DataDirectory
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.recovery import recover
from storage.retention import Eraser
from storage.sources import Sources

SESSION = {"X-User-Session": "test-session-" + "x" * 32}
_FILES = "/files/"


class Answer(NamedTuple):
    """Of the door."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def offset(self) -> int | None:
        text = self.headers.get("Upload-Offset")
        return None if text is None else int(text)


class Door:
    """`/files/` with all that is behind it, but nobody who works on videos."""

    def __init__(
        self,
        root: Path,
        boot: str,
        disk: Mapping[str, bytes] | None = None,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        """`boot`: another one says that the machine was started anew. `disk`: what the disk has of
        each source, whatever the page cache has."""
        self.directory = DataDirectory(root)
        self._boot = boot
        self._sync = sync
        self.disk = dict(disk or {})

    async def open(self) -> None:
        self.directory.prepare()
        self.database = Database(self.directory.database)
        self.database.open()
        self.sources = Sources(self.directory, digests=True, sync=self._synced)
        self.sources.boot = self._boot
        editions = Editions(self.directory)
        recover(self.directory, self.database, self.sources, editions)
        self._files = ThreadPoolExecutor(4)
        patience, allowance = Patience(60, 60, 60, 60), Allowance(60, 1 << 20, 1)
        self.worker = Worker(
            self.database,
            editions,
            self.sources,
            MediaProcesses(),
            PoseProcesses(()),
            MediaSettings(),
            patience,
            allowance,
            1,
        )
        self.arrival = Arrival(
            self.database, self.sources, self._files, self.worker, kept_for=3600, on_end=self._ended
        )
        self.joining = Joining(
            self.database, self.sources, self._files, self.arrival, lambda *_: None
        )
        self.receiver = Receiver(
            self.database,
            self.sources,
            self._files,
            self.arrival,
            body_timeout=60,
            takeover_after=0.02,
            on_bytes=lambda *_: None,
            on_end=lambda _: None,
        )
        self.eraser = Eraser(self.database, self.sources, editions)
        self.removal = Removal(
            self.database, self.worker, self.eraser, self._files, self.receiver.settle
        )
        self.expiry = Expiry(
            self.database, self.removal, self.eraser, self._files, self.receiver.settle
        )
        quotas = Quotas(self.database, Most(1 << 30))
        creating = Creating(
            self.database,
            self.sources,
            self._files,
            self.arrival,
            self.joining,
            quotas,
            lambda: None,
        )
        urls = Urls(())
        finding = Finding(self.database, self._files, quotas, self.receiver, self.removal)
        uploads = Uploads(
            self.database,
            self.sources,
            creating,
            self.arrival,
            self.receiver,
            finding,
            Rufh(self.database, creating, self.receiver, finding, urls, 1 << 30),
            urls,
            1 << 30,
        )
        app = web.Application(middlewares=[turns(), problems, sessions(urls, b"k" * 32)])
        app.add_routes(uploads.routes())
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        self._client = aiohttp.ClientSession()
        self._joins = asyncio.create_task(self.joining.run())
        await self.arrival.recover()

    async def close(self) -> None:
        await self.receiver.drain()
        await self._client.close()
        await self._runner.cleanup()
        await asyncio.sleep(0.01)  # connections of both sides end in the loop
        self._joins.cancel()
        await asyncio.gather(self._joins, return_exceptions=True)
        await self.removal.finish()
        await self.arrival.finish()
        self._files.shutdown()
        self.database.close()
        self.directory.release()

    async def ask(
        self,
        method: str,
        path: str = _FILES,
        body: bytes | AsyncIterable[bytes] = b"",
        **headers: str,
    ) -> Answer:
        """Header names with underscores for hyphens."""
        sent = {"Tus-Resumable": "1.0.0", **SESSION}
        if method == "PATCH" or body:
            sent["Content-Type"] = "application/offset+octet-stream"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self._client.request(method, url, headers=sent, data=body) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def begin(self, path: str, offset: int, data: bytes, declared: int) -> Stalled:
        """A PATCH that sends `data` and then nothing more."""
        upload_id = path.rpartition("/")[2]
        upload = await self.database.read(lambda tx: upload_rows.get(tx, upload_id))
        assert upload is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(
            f"PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"
            f"Content-Length: {declared}\r\n\r\n".encode()
            + data
        )
        await writer.drain()
        async with asyncio.timeout(20):
            while self.sources.received(upload) < offset + len(data):  # noqa: ASYNC110
                await asyncio.sleep(0)
        return Stalled(reader, writer)

    async def settled(self) -> None:
        """Returns when parts have been joined, and what was removed is erased."""
        self.joining.ring()
        await self.joining.done(20)
        await self.removal.finish()

    def snapshot(self, root: Path) -> None:
        """What is left of it when the server is killed now."""
        shutil.copytree(self.directory.root, root)

    def cut_power(self, root: Path) -> None:
        """What is left of it at worst when the machine loses its power now: of files, what was
        synced; the rest is anything."""
        disk = dict(self.disk)
        self.snapshot(root)
        source_ids = self.database.submit(lambda tx: list(upload_rows.source_ids(tx))).result()
        for source_id in source_ids:
            path = DataDirectory(root).source(source_id)
            size = path.stat().st_size
            kept = disk.get(source_id, b"")[:size]
            path.write_bytes(kept + os.urandom(size - len(kept)))

    def _synced(self, descriptor: int) -> None:
        self._sync(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        self.disk[name] = os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def expire(self, upload: Upload) -> None:
        """Lets the time of an upload be over."""
        self.database.submit(lambda tx: source_rows.shorten(tx, upload.source_id, 1)).result()

    def row(self, path: str) -> Upload | None:
        upload_id = path.rpartition("/")[2]
        return self.database.submit(lambda tx: upload_rows.get(tx, upload_id)).result()

    def _ended(self, source: Source) -> None:
        self.joining.ring()


class Stalled(NamedTuple):
    """A request whose body has stopped."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)
