"""Changes when: how tests have a video whose poses are found as they say does.

Rows, files, events and the server in front of them are real; what is found in the pictures is not
looked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec
from aiohttp import web

from server.api.pose import Poses
from server.api.problems import problems
from server.api.sessions import HEADER, sessions
from server.api.streams import Streams
from server.api.urls import Urls
from server.events.bus import Bus
from server.jobs.lifecycle import Action
from server.jobs.moves import move
from server.outputs.port import OutputFacts
from server.protocols.pose import VALUES, line
from server.settings import MediaSettings
from storage.crossing import Crossing
from storage.database import Database, Told, Transaction
from storage.editions import Editions
from storage.model import Cut, Event, Job, Output, Piece, Video, new_id, now
from storage.paths import DataDirectory
from storage.records import editions as edition_rows
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import videos as video_rows

SESSION = {HEADER: "posed-" + "x" * 32}
_OWNER = hashlib.sha256(SESSION[HEADER].encode()).hexdigest()
_RATE = 10
_FACTS = OutputFacts(
    name="pose", kind="pose", codec="lite", timescale=_RATE, peak=0, average=0, width=0, height=0
)
_EDITION = msgspec.json.encode({"timescale": _RATE}).decode()


class Frame(NamedTuple):
    """An event of a stream of frames."""

    id: str
    kind: str
    data: dict[str, object]


class Frames:
    """A stream of frames, as a browser reads it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last = ""
        """What a browser would send as Last-Event-ID."""

    async def next(self) -> Frame | None:
        """The next event; None at the end. Raises `aiohttp.ClientError` if it breaks off."""
        fields: dict[str, str] = {}
        while text := (await self.answer.content.readline()).decode():
            if text == "\n" and "data" in fields:
                self.last = fields.get("id", self.last)
                data = msgspec.json.decode(fields["data"])
                return Frame(fields.get("id", ""), fields["event"], data)
            name, _, value = text.rstrip("\n").partition(": ")
            fields[name] = value
        return None

    async def take(self, count: int) -> list[str]:
        """The ids of the next events; of those that have none, their kind."""
        found = []
        for _ in range(count):
            told = await self.next()
            assert told is not None
            found.append(told.id or told.kind)
        return found

    async def rest(self) -> list[str]:
        """The same of all that come until the end."""
        found = []
        while told := await self.next():
            found.append(told.id or told.kind)
        return found


class Posed:
    """A server with one video."""

    def __init__(self, root: Path, most: int, most_of_one: int, patience: float) -> None:
        directory = DataDirectory(root)
        directory.prepare()
        self.database = Database(directory.database)
        self.database.open()
        self.editions = Editions(directory)
        self.bus = Bus()
        self.streams = Streams(self.bus, most, most_of_one)
        self.poses = Poses(self.database, self.editions, self.bus, self.streams, patience)
        self.runner: web.AppRunner | None = None
        self.edition = ""
        self._cuts = self.frames = self._ticks = 0
        at = now()
        self.video = Video(new_id(), _OWNER, "", "", new_id(), None, "private", 1, at)
        self.job = msgspec.convert(
            dict.fromkeys(Job.__struct_fields__)
            | {"id": new_id(), "kind": "process", "video_id": self.video.id, "owner": _OWNER}
            | {"state": "active", "epoch": 0, "attempts": 0, "misses": 0, "priority": 0}
            | {"warnings": "[]", "progress": "{}", "created_at": at, "pose_faults": "{}"},
            Job,
        )
        self.write(lambda tx: video_rows.create(tx, self.video))
        self.write(lambda tx: job_rows.create(tx, self.job))

    # --- what becomes of the video -----------------------------------------------------------

    def write(self, work: Callable[[Transaction], object]) -> None:
        self.database.submit(work).result()

    def begin(self) -> None:
        """Another edition is made; it is shown with its first cut."""
        self.edition, self._cuts, self.frames, self._ticks = new_id(), 0, 0, 0
        settings = msgspec.json.encode(MediaSettings()).decode()
        self.editions.create(self.edition)
        self.write(
            lambda tx: edition_rows.create(tx, self.edition, self.video.source_id, settings, now())
        )

    def cut(self, frames: int, people: int = 1) -> None:
        """So many frames more are published, with nothing but noughts for so many people."""
        number, first, start = self._cuts, self.frames, self._ticks
        values = array("f", bytes(4 * VALUES * people))
        lines = [line(n, Fraction(n, _RATE), values) for n in range(first, first + frames)]
        name = f"pose.{number:06d}.1.ndjson"
        self.editions.path(self.edition, name).write_bytes(b"".join(lines))
        size = sum(map(len, lines))
        piece = Piece(number, "pose", name, size, frames, frames, [], first=first)

        def publish(tx: Transaction) -> None:
            if number == 0:
                output = Output("pose", 0, msgspec.json.encode(_FACTS).decode(), b"", 0, 0)
                edition_rows.freeze(tx, self.edition, _EDITION, [output])
                video_rows.show(tx, self.video.id, self.edition)
            cut = Cut(number, 1, start, frames, "{}")
            edition_rows.publish(tx, self.edition, cut, [piece])
            event_rows.add(tx, self.video.id, "cut", {"cut": number})

        self._cuts, self.frames, self._ticks = number + 1, first + frames, start + frames
        self.write(publish)

    def end(self, action: Action = Action.COMPLETE) -> None:
        """The job ends, and the edition that it makes."""

        def finish(tx: Transaction) -> None:
            if self.edition:
                edition_rows.end(tx, self.edition)
            assert move(tx, self.job, action)

        self.write(finish)

    def again(self) -> None:
        """A job that ended early is worked on once more."""
        for action in (Action.AGAIN, Action.QUEUE, Action.START):
            self.write(partial(move, job=self.job, action=action))

    def erase(self, edition: str) -> None:
        """The files of an edition that was replaced are erased."""
        self.editions.erase(edition)

    def remove(self) -> None:
        """The video is deleted."""

        def bury(tx: Transaction) -> None:
            video_rows.bury(tx, self.video.id, now())
            event_rows.add(tx, self.video.id, "removed", {})

        self.write(bury)

    # --- who asks for it ---------------------------------------------------------------------

    @property
    def port(self) -> int:
        assert self.runner is not None
        port: int = self.runner.addresses[0][1]
        return port

    async def until_left(self) -> None:
        """No connection and no stream is left."""
        assert self.runner is not None
        assert self.runner.server is not None
        async with asyncio.timeout(60):
            while self.runner.server.connections or len(self.streams):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    @property
    def path(self) -> str:
        return f"/api/videos/{self.video.id}"

    @contextlib.asynccontextmanager
    async def ask(
        self, path: str, headers: Mapping[str, str] = SESSION
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(60)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as client,
            client.get(
                f"http://127.0.0.1:{self.port}{self.path}/{path}", headers=SESSION | dict(headers)
            ) as answer,
        ):
            yield answer

    @contextlib.asynccontextmanager
    async def follow(self, last: str | None = None, query: str = "") -> AsyncIterator[Frames]:
        headers = {} if last is None else {"Last-Event-ID": last}
        async with self.ask(f"pose/stream{query}", headers) as answer:
            yield Frames(answer)

    def raw(self, path: str) -> socket.socket:
        """Asks for something on a socket that takes little."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", self.port))
        head = f"GET {self.path}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        sock.sendall(f"{head}{HEADER}: {SESSION[HEADER]}\r\n\r\n".encode())
        return sock


@contextlib.asynccontextmanager
async def posed(
    root: Path, most: int = 100, most_of_one: int = 100, patience: float = 60
) -> AsyncIterator[Posed]:
    """A server with one video, on a free port."""
    found = Posed(root, most, most_of_one, patience)
    crossing = Crossing(asyncio.get_running_loop())

    def told(told: Told) -> None:
        if isinstance(told, Event):
            crossing.call(found.bus.publish, told)

    found.database.listen(told)
    app = web.Application(middlewares=[problems, sessions(Urls(()), b"key")])
    app.add_routes(found.poses.routes())
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.runner = runner
    clock = asyncio.create_task(found.bus.run())
    try:
        yield found
    finally:
        clock.cancel()
        found.streams.drain()
        await runner.cleanup()
        found.database.close()
