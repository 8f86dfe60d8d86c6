"""Changes when: how those who upload stand in line when there are many does.

Requests that change something begin a few at a time, between what others ask for. A few bodies come
as they like. When there are more they take turns, and until its turn a body waits where its client
sends it from: so little of each is in memory. Who sends slowly is waited for outside of the turns.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

_AT_ONCE = 32
"""Bodies that come as they like: to take in what all of these have sent keeps the event loop for a
few milliseconds."""
_LONGEST = 0.02
"""Seconds that is waited in a turn until something comes."""

_BEGIN = 4
"""Requests that begin in one round of the event loop: a few milliseconds."""
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Body(Protocol):
    """Where bytes come from: the content of a request, or a part of it."""

    async def read(self, n: int = -1, /) -> bytes:
        """At most so many bytes; empty at the end."""
        ...


class Turns:
    """The bodies of all requests that are under way. Belongs to the event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._line: deque[asyncio.Future[None]] = deque()
        self._begun = 0
        self.bodies = 0

    @property
    def crowded(self) -> bool:
        """Whether there are so many that they take turns."""
        return self.bodies > _AT_ONCE

    async def begin(self) -> None:
        """Returns when one may begin."""
        loop = asyncio.get_running_loop()
        if not self._begun:
            loop.call_soon(self._go_on)
        self._begun += 1
        if self._begun > _BEGIN:
            self._line.append(loop.create_future())
            await self._line[-1]

    def _go_on(self) -> None:
        """The next round has come."""
        self._begun = 0
        while self._line and self._begun < _BEGIN:
            waiting = self._line.popleft()
            if not waiting.done():
                waiting.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._go_on)

    async def take(self) -> _Turn:
        """Returns when it is one's turn."""
        await self._slots.acquire()
        return _Turn(self._slots)


class _Turn:
    """Lasts until it is ended; by itself it ends if nothing comes."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._timer = asyncio.get_running_loop().call_later(_LONGEST, self.end)
        self._over = False

    def keep(self) -> None:
        """Something has come."""
        self._timer.cancel()

    def end(self) -> None:
        if not self._over:
            self._over = True
            self._timer.cancel()
            self._slots.release()


class Incoming:
    """The body of one request, at its connection."""

    def __init__(self, turns: Turns, transport: asyncio.Transport | None) -> None:
        self._turns = turns
        self._transport = transport
        self._held = False
        self._turn: _Turn | None = None

    def hold(self) -> None:
        """If there are many, nothing more of it is taken in until somebody reads it."""
        if self._turns.crowded and self._transport is not None:
            self._transport.pause_reading()
            self._held = True

    def flow(self) -> None:
        """From now on it comes as it likes."""
        if self._held and self._transport is not None:
            self._transport.resume_reading()
        self._held = False

    def end(self) -> None:
        """Nobody reads any more; what is left of it is passed over."""
        self._end_turn()
        self.flow()

    async def read(self, body: Body, size: int) -> bytes:
        """What comes next of it; what came before has been taken care of."""
        self._end_turn()
        if self._turns.crowded:
            self._turn = await self._turns.take()
        self.flow()
        data = await body.read(size)
        if self._turn is not None:
            self._turn.keep()
            self.hold()
        if not data:
            self._end_turn()
        return data

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.end()
            self._turn = None


class _Taken:
    """A body that is read in turns."""

    def __init__(self, incoming: Incoming, body: Body) -> None:
        self._incoming = incoming
        self._body = body

    async def read(self, n: int = -1, /) -> bytes:
        return await self._incoming.read(self._body, n)


_INCOMING = web.RequestKey("incoming", Incoming)


def turns() -> Middleware:
    """Holds the bodies of requests until they are read, if there are many."""
    among = Turns()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        incoming = request[_INCOMING] = Incoming(among, request.transport)
        if request.method not in _CHANGING:
            return await handler(request)
        bodies = int(request.can_read_body)
        among.bodies += bodies
        if bodies:
            incoming.hold()
        try:
            await among.begin()
            return await handler(request)
        finally:
            among.bodies -= bodies
            incoming.end()

    return middleware


def body_of(request: web.Request, part: Body | None = None) -> Body:
    """The body of a request, or a part of that."""
    return _Taken(request[_INCOMING], part or request.content)


def flow(request: web.Request) -> None:
    """The body is read otherwise than by `body_of`."""
    request[_INCOMING].flow()
