"""Changes when: how an event reaches everybody who watches does.

Belongs to the event loop. An event is encoded once for all its watchers; who is slow misses
nothing (see `watcher`), and who is gone costs nothing. For others it only rings (see `bell`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import Iterator

from server.events.bell import Bell
from server.events.watcher import Watcher
from server.events.wire import Wire, WireProgress
from storage.model import Event

_LOOK_EVERY = 1.0
"""Seconds. One clock for all: thousands of timers would cost more than what they are for."""


class Bus:
    """Who watches what."""

    def __init__(self) -> None:
        self._videos: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._feeds: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._all: set[Watcher] = set()
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Watcher]:
        return iter(self._all)

    def __contains__(self, watcher: object) -> bool:
        return watcher in self._all

    @contextlib.contextmanager
    def joined(self, watcher: Watcher) -> Iterator[None]:
        """Lets `watcher` hear of what it watches."""
        topics = self._videos if watcher.by_video else self._feeds
        topics[watcher.topic].add(watcher)
        self._all.add(watcher)
        try:
            yield
        finally:
            self._all.discard(watcher)
            topics[watcher.topic].discard(watcher)
            if not topics[watcher.topic]:
                del topics[watcher.topic]

    @contextlib.contextmanager
    def hung(self, video_id: str, bell: Bell) -> Iterator[None]:
        """Lets `bell` ring with each event of a video."""
        self._bells[video_id].add(bell)
        try:
            yield
        finally:
            self._bells[video_id].discard(bell)
            if not self._bells[video_id]:
                del self._bells[video_id]

    def is_watched(self, video_id: str, owner: str) -> bool:
        """Whether anybody would hear of a video."""
        return video_id in self._videos or owner in self._feeds

    def publish(self, event: Event) -> None:
        """A stored event: nobody misses it."""
        for bell in self._bells.get(event.video_id, ()):
            bell.ring()
        if self.is_watched(event.video_id, event.owner):
            wire = Wire(event)
            for watcher in self._watchers(event.video_id, event.owner):
                watcher.event(wire)

    def progress(self, video_id: str, owner: str, data: bytes, number: int) -> None:
        """State that replaces itself: whoever is slow gets the newest only.

        It was looked at when `number` was the video's latest event.
        """
        if self.is_watched(video_id, owner):
            wire = WireProgress(video_id, data, number)
            for watcher in self._watchers(video_id, owner):
                watcher.progress(wire)

    async def run(self) -> None:
        """Keeps the time for all streams, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for one in self._streams():
                one.look()

    def farewell(self) -> None:
        """Ends every stream, now."""
        for one in self._streams():
            one.farewell()

    def _streams(self) -> list[Watcher | Bell]:
        return [*self._all, *itertools.chain.from_iterable(self._bells.values())]

    def _watchers(self, video_id: str, owner: str) -> list[Watcher]:
        return [*self._videos.get(video_id, ()), *self._feeds.get(owner, ())]
