"""Changes when: how many streams there may be, or how their answers begin, does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Protocol

from aiohttp import web

from server.errors import Draining, StreamsFull, TooManyStreams
from server.events.bus import Bus
from server.events.watcher import FULL
from server.protocols import sse

_RETRY = (1500, 4500)
"""Milliseconds, drawn for each stream: after a restart not everybody comes at once."""
_KERNEL = 1 << 16
"""Bytes that the kernel keeps for a reader: what lies there cannot be replaced by newer state."""
_COME_BACK = 30
"""Seconds after which a stream that was refused may be asked for again."""


class Stream(Protocol):
    """What is to know of a stream that has a place."""

    @property
    def gone(self) -> bool:
        """Whether nobody reads it any more."""


class Streams:
    """The places of all streams, whatever they tell."""

    def __init__(self, bus: Bus, most: int, most_of_one: int) -> None:
        """`most` are open at once, and of one principal's `most_of_one`."""
        self._bus = bus
        self._most = most
        self._most_of_one = most_of_one
        self._open: set[Stream] = set()
        self._of: defaultdict[str, set[Stream]] = defaultdict(set)
        self._draining = False

    def __len__(self) -> int:
        return len(self._open)

    def drain(self) -> None:
        """Ends every stream; whoever comes again goes on where it was."""
        self._draining = True
        self._bus.farewell()

    @contextlib.contextmanager
    def place(self, who: str, stream: Stream) -> Iterator[None]:
        """A place for one of `who`'s streams.

        Raises `Draining`, `TooManyStreams` or `StreamsFull` if there is none.
        """
        if self._draining:
            raise Draining
        if _is_full(self._of.get(who, ()), self._most_of_one):
            raise TooManyStreams(f"at most {self._most_of_one}", retry_after=_COME_BACK)
        if _is_full(self._open, self._most):
            raise StreamsFull(retry_after=_COME_BACK)
        self._open.add(stream)
        self._of[who].add(stream)
        try:
            yield
        finally:
            self._open.discard(stream)
            self._of[who].discard(stream)
            if not self._of[who]:
                del self._of[who]


def _is_full(streams: Collection[Stream], most: int) -> bool:
    """Whether as many as may be are open; those whose clients are gone are as good as closed."""
    return len(streams) >= most and sum(not stream.gone for stream in streams) >= most


async def open_stream(request: web.Request, answer: web.StreamResponse) -> asyncio.Transport | None:
    """Sends the headers of a stream, and what events are to be written to; None if nobody is left.

    Little is kept for who reads slowly, so that they get what is new, not what was.
    """
    answer.force_close()
    await answer.prepare(request)
    pause = random.randint(*_RETRY)  # noqa: S311 - not a secret
    await answer.write(sse.retry(pause))
    transport = request.transport
    if transport is not None:
        transport.set_write_buffer_limits(FULL)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL)
    return transport
