"""Changes when: when watchers are told how far a video is does.

Twice a second at most, besides after its numbered events, and only while somebody watches. What
is told is the `Video` of the API, made once for all who watch it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict

import msgspec

from server.api.video_view import Paces, Seen, VideoView, look
from server.events.bus import Bus
from storage.database import Database, Told, Transaction
from storage.model import Event, Upload
from storage.records import videos as video_rows

_log = logging.getLogger(__name__)

_EVERY = 0.5
"""Seconds between two times that something unnumbered of a video is told."""
_AFTER_EVENT = 0.05
"""The same after a numbered event: one state stands for all that came in so short a time."""
_SILENCE_EVERY = 0.5
"""Seconds between two looks for sources that have gone silent."""
_AT_ONCE = 32
"""Videos that are read at once: others who want to read wait no longer than for these."""
_AGAIN = 2.0
"""Seconds until it is tried again to tell of a video of which that failed."""
_OWNERS = 4096


class News:
    """Tells the bus what is new. Belongs to the event loop."""

    def __init__(self, database: Database, bus: Bus, view: VideoView, paces: Paces) -> None:
        self._database = database
        self._bus = bus
        self._view = view
        self._paces = paces
        self._due: dict[str, float] = {}
        """When a video is to be told of, by the loop's clock."""
        self._told: OrderedDict[str, float] = OrderedDict()
        """When it was last, or could not be, if that is not long ago."""
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._reading: set[str] = set()
        """Videos that are being read, but those that an event came of meanwhile: what was read
        before it must not be told after it."""
        self._bell = asyncio.Event()

    def heard(self, told: Told) -> None:
        """Something was committed."""
        self._know(told.video_id, told.owner)
        if not isinstance(told, Event):
            self.changed(told.video_id)
            return
        self._reading.discard(told.video_id)
        self._bus.publish(told)
        if told.kind == "removed":
            self._due.pop(told.video_id, None)
        else:
            self._plan(told.video_id, _AFTER_EVENT)

    def arrived(self, upload: Upload, received: int) -> None:
        """`received` bytes of an upload are there."""
        if not upload.video_id:
            return
        if not self._paces:
            self._bell.set()
        self._paces.note(upload, received)
        self.changed(upload.video_id)

    def ended(self, upload: Upload) -> None:
        """A body of an upload ended."""
        if upload.video_id:
            self._paces.body_ended(upload)
            self.changed(upload.video_id)

    def changed(self, video_id: str) -> None:
        """Something unnumbered of a video is not as it was."""
        self._plan(video_id, _EVERY)

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        silence = clock()
        while True:
            if clock() >= silence:
                silence = clock() + _SILENCE_EVERY
                for video_id in self._paces.fallen_silent():
                    self.changed(video_id)
            ready = [video_id for video_id, at in self._due.items() if at <= clock()][:_AT_ONCE]
            if ready:
                await self._tell(ready)
                continue
            self._bell.clear()
            waits = list(self._due.values()) + ([silence] if self._paces else [])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(waits, default=None)):
                    await self._bell.wait()

    def _plan(self, video_id: str, apart: float) -> None:
        if not self._may_be_watched(video_id):
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._told.get(video_id, 0.0) + apart)
        if at < self._due.get(video_id, float("inf")):
            self._due[video_id] = at
            self._bell.set()

    def _may_be_watched(self, video_id: str) -> bool:
        """Whether anybody watches a video, as far as is known without its row."""
        owner = self._owners.get(video_id)
        return len(self._bus) > 0 and (owner is None or self._bus.is_watched(video_id, owner))

    def _know(self, video_id: str, owner: str) -> None:
        self._owners[video_id] = owner
        self._owners.move_to_end(video_id)
        while len(self._owners) > _OWNERS:
            self._owners.popitem(last=False)

    async def _tell(self, video_ids: list[str]) -> None:
        for video_id in video_ids:
            del self._due[video_id]
        self._reading = set(video_ids)
        try:
            found = await self._database.read(lambda tx: [_seen(tx, one) for one in video_ids])
        except Exception as error:
            self._failed(video_ids, error)
            return
        for video_id, seen in zip(video_ids, found, strict=True):
            # What is wrong with one video keeps nothing from those who watch others.
            if isinstance(seen, Exception):
                self._failed([video_id], seen)
            elif seen is not None:
                try:
                    self._show(seen)
                except Exception as error:
                    self._failed([video_id], error)
        now = asyncio.get_running_loop().time()
        while self._told and now - next(iter(self._told.values())) > _EVERY:
            self._told.popitem(last=False)

    def _show(self, seen: Seen) -> None:
        video = seen.video
        self._know(video.id, video.owner)
        if video.id in self._reading and self._bus.is_watched(video.id, video.owner):
            data = encoded(self._view, seen)
            self._bus.progress(video.id, video.owner, data, video.events)
            self._note(video.id)

    def _failed(self, video_ids: list[str], error: Exception) -> None:
        _log.error("watchers could not be told", extra={"videos": video_ids}, exc_info=error)
        for video_id in video_ids:
            self._note(video_id)
            if self._may_be_watched(video_id):
                self._due.setdefault(video_id, self._told[video_id] + _AGAIN)

    def _note(self, video_id: str) -> None:
        self._told[video_id] = asyncio.get_running_loop().time()
        self._told.move_to_end(video_id)


def _seen(tx: Transaction, video_id: str) -> Seen | Exception | None:
    """All rows of a video, or why they cannot be looked up; None if there is no such video."""
    try:
        video = video_rows.get(tx, video_id)
        return None if video is None else look(tx, video)
    except Exception as error:
        return error


def encoded(view: VideoView, seen: Seen) -> bytes:
    """The `Video` as JSON."""
    return msgspec.json.encode(view.shown(seen))
