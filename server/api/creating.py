"""Changes when: what comes to be with a new upload does.

Whatever way it is asked for: an upload, the source that it writes into, and the video that this
will be. A part that is to be joined has no video. Windows of an assembly have one together. What
its owner has already, by the digest that was promised, is had at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import msgspec

from server.errors import (
    ConcatenationInvalid,
    LengthRequired,
    NotFound,
    QuotaExceeded,
    TooManyFiles,
    WindowInvalid,
    WindowOverlap,
)
from server.jobs.arrival import Arrival
from server.jobs.joining import Joining
from server.jobs.lifecycle import State
from server.jobs.moves import tell
from server.protocols.metadata import Metadata, Window
from server.protocols.resumable import judge_length
from storage.database import Database, Transaction
from storage.errors import DiskFull
from storage.model import Job, Source, Upload, UploadKind, Video, new_id, now
from storage.records import events as event_rows
from storage.records import jobs as job_rows
from storage.records import sessions as session_rows
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

_PATIENCE = 5.0
"""Seconds that parts may take to be joined before it is answered."""
_PRIORITY = {"low": -1, "normal": 0, "high": 0}
"""Of a job. Whoever wants to be served before others does not decide that alone."""


class Quotas(NamedTuple):
    """How much there may be; 0: any number."""

    size: int
    quota_bytes: int = 0
    quota_files: int = 0


class Wish(msgspec.Struct, frozen=True):
    """What is asked for."""

    owner: str
    said: Metadata
    metadata: str
    """As it was sent."""
    length: int | None
    """None: it is told later, or follows from the parts."""
    recipe: str | None = None
    """It is a part of something, or joined of parts: how, as it was sent."""
    parts: tuple[str, ...] | None = None
    """Ids of the uploads that are joined."""


class Made(NamedTuple):
    """What came of it."""

    upload: Upload
    offset: int | None
    """None: of what others make together, as long as these are not whole."""
    expires_at: int | None


class Creating:
    """Makes uploads."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        arrival: Arrival,
        joining: Joining,
        quotas: Quotas,
        on_created: Callable[[], None],
    ) -> None:
        """`on_created` is called when there is a new upload."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._arrival = arrival
        self._joining = joining
        self._quotas = quotas
        self._on_created = on_created

    async def create(self, wish: Wish) -> Made:
        """Raises `DiskFull`, `QuotaExceeded`, `TooManyFiles`; of windows `WindowInvalid`,
        `WindowOverlap`, `LengthRequired`; of what is joined `ConcatenationInvalid`, `TooLarge`."""
        if wish.said.promised is not None and wish.length and not wish.recipe:
            shared = await self._database.write(lambda tx: self._share(tx, wish))
            if shared is not None:
                self._on_created()
                return shared
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._executor, self._sources.has_room):
            raise DiskFull
        source_id = new_id()
        await loop.run_in_executor(self._executor, self._sources.create, source_id)
        used = False
        try:
            made, settled = await self._database.write(lambda tx: self._record(tx, wish, source_id))
            used = made.upload.source_id == source_id
        finally:
            if not used:  # a window has its place in another one
                await loop.run_in_executor(self._executor, self._sources.erase, source_id)
        await self._arrival.settled(settled)
        self._on_created()
        if wish.parts is None:
            return made
        self._joining.ring()
        await self._joining.done(_PATIENCE)
        offset = await self._database.read(lambda tx: joined_offset(tx, made.upload))
        return made._replace(offset=offset)

    async def room(self, upload: Upload) -> int:
        """Bytes that an upload may have whose length is not known."""
        source = await self._database.read(lambda tx: upload_rows.get_source(tx, upload.source_id))
        if source is None or not self._quotas.quota_bytes:
            return self._quotas.size
        held = await self._database.read(lambda tx: source_rows.held(tx, source.owner))
        return min(self._quotas.size, upload.mark + self._quotas.quota_bytes - held.size)

    async def tell_length(self, upload: Upload, length: int) -> None:
        """How long an upload will be that was begun without it. Raises `QuotaExceeded`."""

        def tell(tx: Transaction) -> Source | None:
            source = upload_rows.get_source(tx, upload.source_id)
            if source is not None:
                self._check_quota(tx, source.owner, length - upload.mark, 0)
            upload_rows.tell_length(tx, upload, length)
            return self._arrival.settle_in(tx, upload.source_id)

        await self._arrival.settled(await self._database.write(tell))

    # --- in one transaction ------------------------------------------------------------------

    def _record(self, tx: Transaction, wish: Wish, source_id: str) -> tuple[Made, Source | None]:
        if wish.parts is not None:
            return self._join(tx, wish, wish.parts, source_id)
        if wish.said.window is not None:
            return self._window(tx, wish, wish.said.window, source_id), None
        kind: UploadKind = "whole" if wish.recipe is None else "part"
        upload = self._upload(wish, source_id, "" if kind == "part" else new_id(), kind)
        source = self._source(wish, source_id, wish.length)
        self._begin(tx, wish, source, upload)
        return Made(upload, 0, source.expires_at), None

    def _window(self, tx: Transaction, wish: Wish, window: Window, source_id: str) -> Made:
        """A stretch of a source that may have others. The same one again is the same upload."""
        if wish.length is None:
            raise LengthRequired("of a window the length is told at once")
        end = window.start + wish.length
        judge_length(window.size or end, self._quotas.size)
        source = upload_rows.source_called(tx, wish.owner, window.assembly)
        size = window.size if source is None or window.size is not None else source.length
        if size is not None and end > size:
            raise WindowInvalid(f"it ends at {end}, and all is {size} bytes long")
        if source is None:
            source = self._source(wish, source_id, window.size, window.assembly)
            upload = self._upload(wish, source_id, new_id(), "window", window.start)
            self._begin(tx, wish, source, upload)
            return Made(upload, 0, source.expires_at)
        if window.size not in (None, source.length):
            raise WindowInvalid(f"all was said to be {source.length} bytes long")
        others = upload_rows.of_source(tx, source.id)
        for other in others:
            if (other.start, other.length) == (window.start, wish.length):
                return Made(other, other.mark, source.expires_at)
            if other.start < end and window.start < other.start + (other.length or 0):
                raise WindowOverlap
        videos = video_rows.of_source(tx, source.id)
        if not videos or source.ended:
            raise WindowInvalid("nothing is lacking of it any more")
        if source.length is None:
            self._check_quota(tx, wish.owner, wish.length, 0)
        upload = self._upload(wish, source.id, videos[0].id, "window", window.start)
        upload_rows.add(tx, upload)
        return Made(upload, 0, source.expires_at)

    def _join(
        self, tx: Transaction, wish: Wish, parts: tuple[str, ...], source_id: str
    ) -> tuple[Made, Source | None]:
        found = [upload_rows.get(tx, part) for part in parts]
        uploads = [u for u in found if u is not None and u.kind in ("part", "window")]
        lengths = [u.length for u in uploads if u.length is not None]
        if len(lengths) < len(parts):
            raise ConcatenationInvalid("parts must be partial, and it must be known how long")
        total = sum(lengths)
        judge_length(total, self._quotas.size)
        wish = msgspec.structs.replace(wish, length=total)
        if any(upload.kind == "window" for upload in uploads):
            return self._join_windows(tx, wish, uploads)
        joined = self._upload(wish, source_id, new_id(), "joined")
        source = self._source(wish, source_id, total)
        self._begin(tx, wish, source, joined)
        at = 0
        for part, length in zip(uploads, lengths, strict=True):
            copy = msgspec.structs.replace(
                self._upload(wish, source_id, joined.video_id, "copy", at),
                length=length,
                metadata="",
                recipe=None,
                origin=part.id,
            )
            upload_rows.add(tx, copy)
            at += length
        return Made(joined, None, source.expires_at), None

    def _join_windows(
        self, tx: Transaction, wish: Wish, windows: list[Upload]
    ) -> tuple[Made, Source | None]:
        """They lie where they belong: nothing is copied."""
        source = upload_rows.get_source(tx, windows[0].source_id)
        assert source is not None
        at = 0
        for window in windows:
            if (window.source_id, window.kind, window.start) != (source.id, "window", at):
                raise ConcatenationInvalid("windows are joined as they lie, all of one assembly")
            at += window.length or 0
        others = len(upload_rows.of_source(tx, source.id)) - len(windows)
        if others or source.length not in (None, at):
            raise ConcatenationInvalid("these windows are not all of their assembly")
        if source.length is None:
            upload_rows.tell_source_length(tx, source.id, at)
        joined = self._upload(wish, source.id, windows[0].video_id, "joined")
        upload_rows.add(tx, joined)
        settled = self._arrival.settle_in(tx, source.id)
        return Made(joined, None, source.expires_at), settled

    def _share(self, tx: Transaction, wish: Wish) -> Made | None:
        """A video of bytes that its owner has already; None if they do not."""
        outputs = msgspec.json.encode(wish.said.outputs).decode()
        assert wish.said.promised is not None
        assert wish.length is not None
        twin = source_rows.twin(tx, wish.owner, wish.said.promised, wish.length, outputs)
        if twin is None:
            return None
        upload = self._upload(wish, twin.source.id, new_id(), "whole")
        upload = msgspec.structs.replace(upload, mark=wish.length)
        upload_rows.add(tx, upload)
        self._make_video(tx, wish, upload, twin.edition_id)
        return Made(upload, wish.length, None)

    def _begin(self, tx: Transaction, wish: Wish, source: Source, upload: Upload) -> None:
        """A source, the first upload of it and, but of a part, the video."""
        self._check_quota(tx, wish.owner, source.length or upload.length or 0, 1)
        session_rows.touch(tx, wish.owner, upload.created_at)
        upload_rows.create(tx, upload, source)
        if upload.video_id:
            self._make_video(tx, wish, upload, None)

    def _check_quota(self, tx: Transaction, owner: str, size: int, count: int) -> None:
        most, files = self._quotas.quota_bytes, self._quotas.quota_files
        if not most and not files:
            return
        held = source_rows.held(tx, owner)
        if most and held.size + size > most:
            raise QuotaExceeded(f"you have {held.size} bytes and may have {most}")
        if files and held.files + count > files:
            raise TooManyFiles(f"you have {held.files} files and may have {files}")

    def _make_video(
        self, tx: Transaction, wish: Wish, upload: Upload, edition_id: str | None
    ) -> None:
        """With the job that makes something of it, unless there is an `edition_id` already."""
        said, at = wish.said, upload.created_at
        video = Video(
            id=upload.video_id,
            owner=wish.owner,
            title=said.title,
            filename=said.filename,
            source_id=upload.source_id,
            edition_id=edition_id,
            access=said.access,
            access_version=1,
            outputs=msgspec.json.encode(said.outputs).decode(),
            details=msgspec.json.encode(said.details).decode(),
            created_at=at,
        )
        session_rows.touch(tx, video.owner, at)
        video_rows.create(tx, video)
        event_rows.add(tx, video.id, "created", {})
        job = Job(
            id=new_id(),
            kind="process",
            video_id=video.id,
            edition_id=edition_id,
            owner=video.owner,
            state=State.CREATED if edition_id is None else State.COMPLETED,
            epoch=0,
            attempts=0,
            misses=0,
            priority=_PRIORITY[said.details.priority],
            parked_at=None,
            error_code=None,
            error_detail=None,
            warnings="[]",
            progress="{}",
            created_at=at,
            started_at=None,
            ended_at=None if edition_id is None else at,
        )
        job_rows.create(tx, job)
        if edition_id is not None:
            tell(tx, job)

    # --- rows --------------------------------------------------------------------------------

    def _source(
        self, wish: Wish, source_id: str, length: int | None, assembly: str | None = None
    ) -> Source:
        return Source(
            id=source_id,
            length=length,
            ended=length == 0,
            owner=wish.owner,
            assembly=assembly,
            promised=wish.said.promised if wish.recipe != "partial" or assembly else None,
            expires_at=self._arrival.expiry(),
        )

    def _upload(
        self,
        wish: Wish,
        source_id: str,
        video_id: str,
        kind: UploadKind,
        start: int = 0,
    ) -> Upload:
        at = now()
        return Upload(
            id=new_id(),
            source_id=source_id,
            video_id=video_id,
            start=start,
            length=wish.length,
            mark=0,
            boot=self._sources.boot,
            metadata=wish.metadata,
            created_at=at,
            updated_at=at,
            kind=kind,
            recipe=wish.recipe,
        )


def joined_offset(tx: Transaction, joined: Upload) -> int | None:
    """All of it, once all that it is made of lies in its place; None before."""
    source = upload_rows.get_source(tx, joined.source_id)
    if source is None:
        raise NotFound
    if source.ended:
        return joined.length
    parts = upload_rows.of_source(tx, joined.source_id)
    return joined.length if all(part.is_whole for part in parts) else None
