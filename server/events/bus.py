"""Changes when: how an event reaches everybody who watches does.

Belongs to the event loop. An event is encoded once for all its watchers; who is slow misses
nothing (see `watcher`), and who is gone costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator

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

    def is_watched(self, video_id: str, owner: str) -> bool:
        """Whether anybody would hear of a video."""
        return video_id in self._videos or owner in self._feeds

    def publish(self, event: Event) -> None:
        """A stored event: nobody misses it."""
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
        """Keeps the time for all watchers, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for watcher in list(self._all):
                watcher.look()

    def farewell(self) -> None:
        """Ends every stream, now."""
        for watcher in list(self._all):
            watcher.farewell()

    def _watchers(self, video_id: str, owner: str) -> list[Watcher]:
        return [*self._videos.get(video_id, ()), *self._feeds.get(owner, ())]
