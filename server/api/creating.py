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

from server.api.quotas import Quotas
from server.errors import (
    ConcatenationInvalid,
    LengthRequired,
    NotFound,
    TooManyWindows,
    WindowInvalid,
    WindowOverlap,
)
from server.jobs.arrival import Arrival
from server.jobs.joining import Joining
from server.jobs.lifecycle import State
from server.jobs.sharing import share
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

WINDOWS = 10_000
"""Windows that a source may have: as many as the parts of an upload to an object store. Each is a
row, and all of them are read when somebody asks what is there."""
_PATIENCE = 5.0
"""Seconds that parts may take to be joined before it is answered."""
_PRIORITY = {"low": -1, "normal": 0, "high": 0}
"""Of a job. Whoever wants to be served before others does not decide that alone."""


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
        `WindowOverlap`, `TooManyWindows`, `LengthRequired`; of what is joined
        `ConcatenationInvalid`, `TooLarge`."""
        if wish.said.promised is not None and wish.length and not wish.recipe:
            shared = await self._database.write(lambda tx: self._share(tx, wish))
            if shared is not None:
                self._on_created()
                return shared
        loop = asyncio.get_running_loop()
        room = await loop.run_in_executor(self._executor, self._sources.room)
        if room <= 0:
            raise DiskFull
        source_id = new_id()
        await loop.run_in_executor(self._executor, self._sources.create, source_id)
        used = False
        try:
            made, settled = await self._database.write(
                lambda tx: self._record(tx, wish, source_id, room)
            )
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

    async def tell_length(self, upload: Upload, length: int) -> None:
        """How long an upload will be that was begun without it. Raises `QuotaExceeded`."""

        def tell(tx: Transaction) -> Source | None:
            source = upload_rows.get_source(tx, upload.source_id)
            if source is not None:
                more = length - upload_rows.reserved(tx, upload.id)
                self._quotas.check(tx, source.owner, more, 0)
            upload_rows.tell_length(tx, upload, length)
            return self._arrival.settle_in(tx, upload.source_id)

        await self._arrival.settled(await self._database.write(tell))

    async def give(self, upload: Upload, owner: str) -> None:
        """An upload and its video are somebody's from now on. Raises `QuotaExceeded`,
        `TooManyFiles`."""

        def give(tx: Transaction) -> None:
            source = upload_rows.get_source(tx, upload.source_id)
            if source is None or source.owner == owner:
                return
            self._quotas.check(tx, owner, source.length or source.there, 1)
            session_rows.touch(tx, owner, now())
            video_rows.give(tx, upload.video_id, owner)
            event_rows.add(tx, upload.video_id, "created", {})

        await self._database.write(give)

    # --- in one transaction ------------------------------------------------------------------

    def _record(
        self, tx: Transaction, wish: Wish, source_id: str, room: int
    ) -> tuple[Made, Source | None]:
        """`room`: bytes that the disk has."""
        if wish.parts is not None:
            return self._join(tx, wish, wish.parts, source_id, room)
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
        judge_length(window.size or end, self._quotas.most.size)
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
        same = upload_rows.window(tx, source.id, window.start, wish.length)
        if same is not None:
            return Made(same, same.mark, source.expires_at)
        before = upload_rows.last_before(tx, source.id, end)
        if before is not None and before.start + (before.length or 0) > window.start:
            raise WindowOverlap
        if upload_rows.count(tx, source.id) >= WINDOWS:
            raise TooManyWindows
        videos = video_rows.of_source(tx, source.id)
        if not videos or source.ended:
            raise WindowInvalid("nothing is lacking of it any more")
        if source.length is None:
            self._quotas.check(tx, wish.owner, wish.length, 0)
        upload = self._upload(wish, source.id, videos[0].id, "window", window.start)
        upload_rows.add(tx, upload)
        return Made(upload, 0, source.expires_at)

    def _join(
        self, tx: Transaction, wish: Wish, parts: tuple[str, ...], source_id: str, room: int
    ) -> tuple[Made, Source | None]:
        found = [upload_rows.get(tx, part) for part in parts]
        uploads = [u for u in found if u is not None and u.kind in ("part", "window")]
        lengths = [u.length for u in uploads if u.length is not None]
        if len(lengths) < len(parts):
            raise ConcatenationInvalid("parts must be partial, and it must be known how long")
        total = sum(lengths)
        judge_length(total, self._quotas.most.size)
        wish = msgspec.structs.replace(wish, length=total)
        if any(upload.kind == "window" for upload in uploads):
            return self._join_windows(tx, wish, uploads)
        if upload_rows.uncopied(tx) + total > room:
            raise DiskFull
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
        others = upload_rows.count(tx, source.id) - len(windows)
        if others or source.length not in (None, at):
            raise ConcatenationInvalid("these windows are not all of their assembly")
        already = upload_rows.joined(tx, source.id)
        if already is not None:  # the answer was lost, say
            return Made(already, None, source.expires_at), None
        if source.length is None:
            upload_rows.tell_source_length(tx, source.id, at)
        joined = self._upload(wish, source.id, windows[0].video_id, "joined")
        upload_rows.add(tx, joined)
        settled = self._arrival.settle_in(tx, source.id)
        return Made(joined, None, source.expires_at), settled

    def _share(self, tx: Transaction, wish: Wish) -> Made | None:
        """A video of bytes that its owner has already, with what was made of them; None if they
        have not. The bytes count once, the video like any other."""
        assert wish.said.promised is not None
        assert wish.length is not None
        twin = source_rows.twin(tx, wish.owner, wish.said.promised, wish.length)
        if twin is None:
            return None
        self._quotas.check(tx, wish.owner, 0, 1)
        upload = self._upload(wish, twin.id, new_id(), "whole")
        upload = msgspec.structs.replace(upload, mark=wish.length)
        upload_rows.add(tx, upload)
        share(tx, self._make_video(tx, wish, upload))
        return Made(upload, wish.length, None)

    def _begin(self, tx: Transaction, wish: Wish, source: Source, upload: Upload) -> None:
        """A source, the first upload of it and, but of a part, the video."""
        self._quotas.check(tx, wish.owner, source.length or upload.length or 0, 1)
        session_rows.touch(tx, wish.owner, upload.created_at)
        upload_rows.create(tx, upload, source)
        if upload.video_id:
            self._make_video(tx, wish, upload)

    def _make_video(self, tx: Transaction, wish: Wish, upload: Upload) -> Job:
        """With the job that makes something of it."""
        said, at = wish.said, upload.created_at
        video = Video(
            id=upload.video_id,
            owner=wish.owner,
            title=said.title,
            filename=said.filename,
            source_id=upload.source_id,
            edition_id=None,
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
            edition_id=None,
            owner=video.owner,
            state=State.CREATED,
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
            ended_at=None,
        )
        job_rows.create(tx, job)
        return job

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
    return joined.length if source.ended or source.there == source.length else None
