"""Changes when: what comes into being with an upload, or goes with it, does.

Whatever protocol it came by: a source, a video and its job begin with an upload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import msgspec
from aiohttp import web

from server.api.receiving import Body, Receiver
from server.errors import EncodingRefused, NotFound
from server.jobs.lifecycle import State
from server.jobs.removal import Removal
from server.protocols.resumable import judge_filename, judge_outputs, judge_title, title_of
from server.settings import OUTPUTS
from storage.database import Database, Transaction
from storage.model import Job, Upload, Video, new_id, now
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import sessions as session_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

VIDEO_HEADER = "Reelrace-Video-Id"


class Named(NamedTuple):
    """What a client says of a file. `metadata` is kept as it was sent."""

    filename: str = ""
    title: str = ""
    outputs: str = ""
    metadata: str = ""


class Made(NamedTuple):
    """What began with a new upload."""

    upload: Upload
    video: Video
    job_id: str


class Creating:
    """Makes uploads and ends them. Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        receiver: Receiver,
        removal: Removal,
        on_created: Callable[[], None],
    ) -> None:
        """`on_created` is called when there is a new upload."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._receiver = receiver
        self._removal = removal
        self._on_created = on_created

    async def create(self, owner: str, length: int, named: Named) -> Made:
        """A new upload of `length` bytes, and the video that they will be.

        Raises `FilenameInvalid` or `MetadataInvalid`.
        """
        filename, title = judge_filename(named.filename), judge_title(named.title)
        outputs = judge_outputs(named.outputs, OUTPUTS)
        at = now()
        upload = Upload(
            id=new_id(),
            source_id=new_id(),
            video_id=new_id(),
            start=0,
            length=length,
            mark=0,
            boot=self._sources.boot,
            metadata=named.metadata,
            created_at=at,
            updated_at=at,
        )
        video = Video(
            id=upload.video_id,
            owner=owner,
            title=title or title_of(filename),
            filename=filename,
            source_id=upload.source_id,
            edition_id=None,
            access="private",
            access_version=1,
            outputs=msgspec.json.encode(outputs).decode(),
            created_at=at,
        )
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._sources.create, upload.source_id)
        job_id = await self._database.write(lambda tx: _record(tx, upload, video))
        self._on_created()
        return Made(upload, video, job_id)

    async def existing(self, upload_id: str) -> Upload:
        """An upload, as long as its video was not removed. Raises `NotFound`."""

        def find(tx: Transaction) -> Upload | None:
            upload = upload_rows.get(tx, upload_id)
            return upload if upload and video_rows.get(tx, upload.video_id) else None

        upload = await self._database.read(find)
        if upload is None:
            raise NotFound
        return upload

    async def receive(
        self, upload: Upload, body: Body, on_acknowledged: Callable[[int], None] | None = None
    ) -> int:
        """Writes the first bytes of a new upload; how many are there then."""
        async with self._receiver.claim(upload.id, 0, body) as holder:
            upload = await self.existing(upload.id)  # its video may have been deleted just now
            return await self._receiver.receive(upload, holder, on_acknowledged)

    async def end(self, upload: Upload, body: Body) -> None:
        """Ends an upload. An unfinished one takes its video with it."""
        await self._receiver.settle(upload.id, NotFound())
        # Who comes from now on waits, and then finds nothing to write into.
        async with self._receiver.claim(upload.id, 0, body):
            upload = await self.existing(upload.id)
            if upload.mark < upload.length:
                await self.remove(upload)
            else:
                await self._database.write(lambda tx: upload_rows.remove(tx, upload.id))
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._executor, self._sources.erase_mark, upload.id)

    async def remove(self, upload: Upload) -> None:
        """Takes an upload's video away, and the upload with it."""
        video = await self._database.read(lambda tx: video_rows.get(tx, upload.video_id))
        if video is not None:
            await self._removal.remove(video)


def refuse_encoded(request: web.Request) -> None:
    """A compressed body could be a bomb, and its offsets would be nobody's."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EncodingRefused


def _record(tx: Transaction, upload: Upload, video: Video) -> str:
    """The id of the new job."""
    session_rows.touch(tx, video.owner, video.created_at)
    upload_rows.create(tx, upload)
    video_rows.create(tx, video)
    event_rows.add(tx, video.id, "created", {})
    job = Job(
        id=new_id(),
        kind="process",
        video_id=video.id,
        edition_id=None,
        owner=video.owner,
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
        created_at=video.created_at,
        started_at=None,
        ended_at=None,
    )
    job_rows.create(tx, job)
    return job.id
