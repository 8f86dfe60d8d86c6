"""Changes when: a room is added. The composition root: the only place that knows them all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from server.api.compat.multi_video_upload import MultiVideoUpload
from server.api.compat.video_pipeline import VideoPipeline
from server.api.connections import Door, most_connections, raise_descriptors
from server.api.creating import Creating
from server.api.events import Events
from server.api.finding import Finding
from server.api.headers import cors
from server.api.health import Health
from server.api.hosts import hosts
from server.api.news import News
from server.api.pages import Pages, web_root
from server.api.playback import Playback
from server.api.pose import Poses
from server.api.problems import problems
from server.api.quotas import Most, Quotas
from server.api.receiving import Receiver
from server.api.rufh import Rufh
from server.api.sessions import sessions
from server.api.shelf import Shelf
from server.api.streams import Streams
from server.api.turns import turns
from server.api.unfinished import Unfinished
from server.api.uploads import Uploads
from server.api.urls import Urls
from server.api.video_view import Paces, VideoView
from server.api.videos import Videos
from server.events.bus import Bus
from server.jobs.arrival import Arrival
from server.jobs.dispatcher import Dispatcher
from server.jobs.expiry import Expiry
from server.jobs.joining import Joining
from server.jobs.processes import MediaProcesses, PoseProcesses
from server.jobs.queue import Queue
from server.jobs.removal import Removal
from server.jobs.retrying import Retrying
from server.jobs.upkeep import Upkeep
from server.jobs.worker import Worker
from server.settings import Settings
from storage.connector import SqliteConnector
from storage.crossing import Crossing
from storage.database import Database, Told
from storage.editions import Editions
from storage.model import Source, Upload
from storage.paths import DataDirectory
from storage.recovery import recover
from storage.retention import Eraser
from storage.sources import Sources

_log = logging.getLogger(__name__)

_READ_BUFFER = 1 << 21
"""Bytes that a connection buffers: with less, bodies cost more CPU."""
_BACKLOG = 128
"""Connections that the kernel keeps until they are let in."""
_LINGERING = 2.0
"""Seconds that the rest of a body is still read after an early answer, so that it is seen."""
_CONNECTIONS = 1024
_SHUTDOWN = 10.0
"""Seconds that requests get to end once the server was told to."""


class _Kept(NamedTuple):
    """All that is kept, and the threads that files are worked on with."""

    database: Database
    sources: Sources
    editions: Editions
    files: ThreadPoolExecutor
    background: ThreadPoolExecutor
    secret: bytes


async def _open(stack: contextlib.AsyncExitStack, settings: Settings) -> _Kept:
    """Opens the data directory, after putting right what a fall has left; `stack` closes it."""
    rows = Path(settings.database_dir) if settings.database_dir else None
    directory = DataDirectory(Path(settings.data_dir), rows)
    directory.prepare()
    stack.callback(directory.release)
    database = Database(directory.database)
    database.open()
    stack.callback(database.close)
    sources = Sources(directory, settings.uploads_leave_free, digests=settings.digests)
    editions = Editions(directory, settings.min_free_space)
    files = ThreadPoolExecutor(8, thread_name_prefix="files")
    stack.callback(files.shutdown)
    background = ThreadPoolExecutor(2, thread_name_prefix="background")
    stack.callback(background.shutdown)
    loop = asyncio.get_running_loop()
    done = await loop.run_in_executor(files, recover, directory, database, sources, editions)
    if any(done.values()):
        _log.info("recovered", extra=done)
    return _Kept(database, sources, editions, files, background, directory.secret())


def _uploading(
    kept: _Kept,
    settings: Settings,
    worker: Worker,
    *,
    on_bytes: Callable[[Upload, int], None],
    on_body_end: Callable[[Upload], None],
    on_end: Callable[[Source], None],
) -> tuple[Arrival, Joining, Receiver]:
    """Everything that brings bytes into sources."""

    def ended(source: Source) -> None:
        on_end(source)
        joining.ring()

    arrival = Arrival(
        kept.database,
        kept.sources,
        kept.background,
        worker,
        kept_for=settings.uploads_kept,
        on_end=ended,
    )
    joining = Joining(kept.database, kept.sources, kept.background, arrival, on_bytes)
    receiver = Receiver(
        kept.database,
        kept.sources,
        kept.files,
        arrival,
        body_timeout=settings.body_timeout,
        takeover_after=settings.takeover_after,
        on_bytes=on_bytes,
        on_end=on_body_end,
    )
    return arrival, joining, receiver


@contextlib.asynccontextmanager
async def house(
    settings: Settings, connections: int = _CONNECTIONS
) -> AsyncIterator[web.Application]:
    """Everything running, and the web application in front of it, for so many connections.

    On the way out: bodies are ended (what came is kept), attempts are stopped (what is
    published is kept), then the rows are closed.
    """
    async with contextlib.AsyncExitStack() as stack:
        kept = await _open(stack, settings)
        database, sources, editions, files = kept[:4]
        loop = asyncio.get_running_loop()
        processes, pose_processes = MediaProcesses(), PoseProcesses(settings.media.outputs)
        for kind in (processes, pose_processes):
            stack.callback(kind.close)
            await loop.run_in_executor(files, kind.warm)
        places = settings.places()
        worker = Worker(
            database,
            editions,
            sources,
            processes,
            pose_processes,
            settings.media,
            settings.patience(),
            settings.allowance(),
            sum(places),
        )
        eraser = Eraser(database, sources, editions)
        bus, paces = Bus(), Paces()
        view = VideoView(sources, paces, kept.secret)
        news, shelf = News(database, bus, view, paces), Shelf(database)
        database.listen(partial(Crossing(loop).call, partial(_heard, shelf, news)))

        def on_bytes(upload: Upload, received: int) -> None:
            news.arrived(upload, received)
            dispatcher.arrived(upload.source_id)

        arrival, joining, receiver = _uploading(
            kept,
            settings,
            worker,
            on_bytes=on_bytes,
            on_body_end=news.ended,
            on_end=lambda source: dispatcher.arrived(source.id),
        )
        stack.push_async_callback(arrival.finish)
        removal = Removal(database, worker, eraser, files, receiver.settle)
        stack.push_async_callback(removal.finish)
        expiry = Expiry(database, removal, eraser, files, receiver.settle)
        upkeep = Upkeep(
            database, eraser, arrival.recover, expiry.sweep, files, settings.events_kept
        )
        queue = Queue(SqliteConnector(database), worker, sum(places), upkeep.run)
        dispatcher = Dispatcher(
            database, sources, files, queue.enqueue, worker.crowd, places, settings.jobs_per_owner
        )
        worker.on_end(dispatcher.ring)
        quotas = Quotas(
            database, Most(settings.max_upload_size, settings.quota_bytes, settings.quota_files)
        )
        creating = Creating(database, sources, files, arrival, joining, quotas, dispatcher.ring)
        retrying = Retrying(database, sources, files, dispatcher.ring)
        streams = Streams(bus, settings.max_streams or connections // 2, settings.streams_per_owner)
        urls = Urls(settings.trusted_proxies)
        rooms = (
            *_for_uploads(kept, settings, urls, creating, quotas, arrival, receiver, removal),
            Unfinished(database, sources, urls),
            Videos(database, receiver, removal, retrying, shelf, view),
            Events(database, bus, view, streams),
            Playback(shelf, editions, kept.secret),
            Poses(database, editions, bus, streams),
            Health(database, lambda: queue.alive),
            Pages(web_root()),
        )
        ours = hosts(urls, settings.host, settings.allowed_hosts)
        app = web.Application(middlewares=[turns(), problems, ours, sessions(urls, kept.secret)])
        app.on_response_prepare.append(cors)
        app.add_routes([route for room in rooms for route in room.routes()])

        await queue.start()
        stack.push_async_callback(queue.stop)
        stack.push_async_callback(worker.drain)
        for running in (dispatcher.run(), news.run(), bus.run(), joining.run(), _begin(upkeep)):
            stack.push_async_callback(_cancelled, asyncio.create_task(running))

        async def drain(_: web.Application) -> None:
            streams.drain()
            await receiver.drain()

        app.on_shutdown.append(drain)
        yield app


def _heard(shelf: Shelf, news: News, told: Told) -> None:
    """Something was committed."""
    shelf.forget(told.video_id)  # whoever is told of a cut may ask for it at once
    news.heard(told)


def _for_uploads(
    kept: _Kept,
    settings: Settings,
    urls: Urls,
    creating: Creating,
    quotas: Quotas,
    arrival: Arrival,
    receiver: Receiver,
    removal: Removal,
) -> tuple[Uploads, MultiVideoUpload, VideoPipeline]:
    """The ways in which bytes come: by tus and RUFH, by a form, in chunks."""
    database, most, patience = kept.database, settings.max_upload_size, settings.body_timeout
    finding = Finding(database, kept.files, quotas, receiver, removal)
    ietf = Rufh(database, creating, receiver, finding, urls, most)
    return (
        Uploads(database, kept.sources, creating, arrival, receiver, finding, ietf, urls, most),
        MultiVideoUpload(database, creating, receiver, finding, patience),
        VideoPipeline(database, creating, receiver, finding, most, patience),
    )


async def _begin(upkeep: Upkeep) -> None:
    """What became due while no server ran; nobody waits for it."""
    try:
        await upkeep.run()
    except Exception:
        _log.exception("the upkeep stumbled")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; `ready` is called with the URL once it listens."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    descriptors = raise_descriptors()
    most = settings.max_connections or most_connections(descriptors, sum(settings.places()))
    async with house(settings, most) as app:
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            keepalive_timeout=settings.connection_timeout,
            shutdown_timeout=_SHUTDOWN,
            lingering_time=_LINGERING,
        )
        await runner.setup()
        assert runner.server is not None
        try:
            door = Door(runner.server, most, settings.connection_timeout)
            listening = await loop.create_server(
                door, settings.host, settings.port, backlog=_BACKLOG
            )
            host, port = listening.sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            ready(f"http://{shown}:{port}/")
            await stop.wait()
            _log.info("stopping")
            listening.close()
        finally:
            await runner.cleanup()
