"""Changes when: what one watcher gets, and when, does.

A watcher is live, or behind. Live: the next event in number is written at once. An event out of
number, or a full buffer, puts it behind: then nothing is written any more until it has been
brought up to date from what is stored. So memory is bounded, and no number is left out or
doubled, whatever the order of commits, reads and reconnections.

A state knows the number of its video's latest event: where it lacks an event it is not told after
that. Whoever tells states tells a newer one after each event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol

from server.events.wire import Wire, WireProgress
from server.protocols import sse
from storage.model import Event

FULL = 1 << 14
"""Bytes in a connection's buffer from which its reader is slow."""
_PATIENCE = 60.0
"""Seconds after which a reader that has not read those is sent away."""
_REST = 0.02
"""Seconds between two looks whether there is room."""
_PAGE = 200
"""Events that are read at once."""
_SILENCE = 10
"""Looks without anything written after which a sign of life is: it finds out who is gone."""
_LAST_WORD = 3
"""Looks that an end waits for the state of the video that belongs to it."""


class Transport(Protocol):
    """What is used of `asyncio.Transport`."""

    def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...
    def get_write_buffer_size(self) -> int: ...


Stored = Callable[[int, int], Awaitable[list[Event]]]
"""`stored(after, limit)`: the events of the topic with numbers above `after`, in order."""
Drain = Callable[[], Awaitable[None]]
"""Returns when the connection's buffer has room again."""


class Watcher:
    """One stream. It hears from the moment it is made, and tells from `run` on."""

    def __init__(
        self,
        topic: str,
        stored: Stored,
        *,
        by_video: bool,
        chunked: bool,
        videos: Collection[str] | None = None,
        last: Callable[[Event], bool] = lambda _: False,
    ) -> None:
        """`topic`: a video's id, or the owner of a feed, of which it sees only `videos`.

        `last`: whether an event ends the stream.
        """
        self.topic = topic
        self.by_video = by_video
        self.number = 0
        """Of the event that it has got last, or passed over."""
        self._stored = stored
        self._chunked = chunked
        self._videos = videos
        self._last = last
        self._transport: Transport | None = None
        self._heard = 0
        self._news: dict[str, WireProgress] = {}
        """States that wait, of each video the newest."""
        self._heard_early: dict[str, int] = {}
        """Video -> number of its latest event, of those that came before `run`."""
        self._behind = True
        self._over = False
        self._ending = 0
        self._silent = 0
        self._wake = asyncio.Event()

    @property
    def gone(self) -> bool:
        """Whether nobody reads it any more."""
        return self._transport is not None and self._transport.is_closing()

    # --- what it hears -----------------------------------------------------------------------

    def event(self, wire: Wire) -> None:
        """There is a new event."""
        number = wire.number(by_video=self.by_video)
        self._heard = max(self._heard, number)
        self._forget_before(wire.event)
        if self._transport is None:
            self._heard_early[wire.event.video_id] = wire.event.number
        if self._behind or number <= self.number:
            return
        if number != self.number + 1 or self._is_full():
            self._fall_behind()
        else:
            self._put(wire)

    def progress(self, wire: WireProgress) -> None:
        """There is a new state of something unnumbered."""
        if self._videos is not None and wire.video_id not in self._videos:
            return
        if self._behind or self._is_full():
            waiting = self._news.get(wire.video_id)
            if waiting is None or waiting.number <= wire.number:
                self._news[wire.video_id] = wire
            self._fall_behind()
        else:
            self._put_progress(wire)

    def look(self) -> None:
        """A second has passed."""
        transport = self._transport
        if transport is None:
            return
        self._silent += 1
        self._ending += bool(self._ending)
        if transport.is_closing() or self._ending > _LAST_WORD:
            self._end()
        elif self._silent >= _SILENCE and not transport.get_write_buffer_size():
            self._write(sse.HEARTBEAT)

    def farewell(self) -> None:
        """The server leaves: ends the stream at once."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if transport.get_write_buffer_size():
                transport.abort()  # whoever reads slowly would be waited for
            else:
                self._write(sse.event(b"{}", "bye"))
        self._end()

    # --- what it tells -----------------------------------------------------------------------

    async def run(
        self,
        transport: Transport,
        drain: Drain,
        number: int,
        latest: int,
        beginning: bytes = b"",
        news: Iterable[WireProgress] = (),
        *,
        over: bool = False,
    ) -> None:
        """Tells until the stream is over.

        It begins with `beginning`, which tells all up to the event `number`, then come the
        events after that (`latest` is there already), then the state of what `news` are of.
        `over`: nothing comes after the beginning.
        """
        self._transport = transport
        if self._over:  # farewell was said before anything else
            self.farewell()
            return
        self.number, self._heard = number, max(self._heard, latest)
        if beginning:
            self._write(beginning)
        for wire in news:
            early = self._heard_early.get(wire.video_id, 0)
            waiting = self._news.get(wire.video_id)
            if wire.number >= early and (waiting is None or waiting.number < wire.number):
                self._news[wire.video_id] = wire
        self._heard_early.clear()
        self._over = over
        while not self._is_over():
            if self._behind:
                await self._catch_up(drain)
            self._wake.clear()
            if not self._is_over() and not self._behind:
                await self._wake.wait()

    def _is_over(self) -> bool:
        return self._over or self._transport is None or self._transport.is_closing()

    def _is_full(self) -> bool:
        return self._transport is None or self._transport.get_write_buffer_size() > FULL

    def _end(self) -> None:
        self._over = self._behind = True
        self._wake.set()

    def _fall_behind(self) -> None:
        self._behind = True
        self._wake.set()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._silent = 0
        self._transport.write(sse.chunk(data) if self._chunked else data)

    def _put(self, wire: Wire) -> None:
        assert self._transport is not None
        event = wire.event
        self.number = wire.number(by_video=self.by_video)
        self._forget_before(event)
        if self._videos is not None and event.video_id not in self._videos:
            return
        self._silent = 0
        self._transport.write(wire.encoded(by_video=self.by_video, chunked=self._chunked))
        if self._last(event):
            if event.kind == "removed":
                self._end()
            else:
                self._ending = 1

    def _forget_before(self, event: Event) -> None:
        """A state that waits and lacks `event` would come too late."""
        waiting = self._news.get(event.video_id)
        if waiting is not None and waiting.number < event.number:
            del self._news[event.video_id]

    def _put_progress(self, wire: WireProgress) -> None:
        assert self._transport is not None
        if self.by_video and wire.number < self.number:
            return
        self._silent = 0
        self._transport.write(wire.encoded(chunked=self._chunked))
        if self._ending:
            self._end()

    async def _catch_up(self, drain: Drain) -> None:
        while not self._is_over():
            await self._drained(drain)
            page: list[Event] = []
            if self._heard > self.number:
                # No further than was heard: states that lack the rest may still come.
                page = await self._stored(self.number, min(_PAGE, self._heard - self.number))
                if not page or self._gap(page[0]):
                    self._end()  # what is lacking has expired: it may come again for a snapshot
            for event in page:
                if self._is_over():
                    return
                self._put(Wire(event))
            # What was committed after the read has been heard of by now, or will be live.
            if not page and not self._is_over():
                self._behind = False
                self._put_news()
                return

    def _gap(self, event: Event) -> bool:
        return Wire(event).number(by_video=self.by_video) != self.number + 1

    def _put_news(self) -> None:
        news, self._news = self._news, {}
        for wire in news.values():
            if not self._is_over():
                self._put_progress(wire)

    async def _drained(self, drain: Drain) -> None:
        """Returns once there is room; who reads too little is sent away."""
        assert self._transport is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                while self._is_full() and not self._is_over():
                    await drain()
                    await asyncio.sleep(_REST)
        except TimeoutError:
            self._transport.abort()
        except ConnectionError:
            self._end()
