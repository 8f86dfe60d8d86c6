"""Changes when: which connections are let in, and how long one may stand still, does.

A connection takes a descriptor, and two more while it writes an upload. Were there no bound,
those who only hold connections would take what the others need for their files.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time

from aiohttp import web

_log = logging.getLogger(__name__)

_DESCRIPTORS = 1 << 16
"""More are not asked for: what walks through all of them would take its time."""
_OF_CONNECTION = 3
"""Descriptors: itself, and the source and the mark of the upload that it writes."""
_OF_JOB = 32
_OF_HOUSE = 64
"""For rows, logs, and whatever is opened for a moment."""
_FEWEST = 16
_TELL_EVERY = 60.0
"""Seconds between two lines in the log about connections that are refused."""


def raise_descriptors() -> int:
    """Allows this process as many descriptors as it may have, within reason; that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if 0 <= soft < wanted:  # infinity is negative
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft >= 0 else wanted


def most_connections(descriptors: int, jobs: int) -> int:
    """How many connections there may be, so that each of them and all jobs have their files."""
    left = descriptors - _OF_HOUSE - _OF_JOB * jobs
    return max(_FEWEST, left // _OF_CONNECTION)


class Door:
    """The protocol factory of a server: lets connections in as long as there are not too many."""

    def __init__(self, server: web.Server, most: int, patience: float) -> None:
        """`patience` is how many seconds somebody may take nothing of what is sent to them."""
        self._server = server
        self._most = most
        self._patience = int(patience * 1000)
        self._told = -_TELL_EVERY

    def __call__(self) -> asyncio.Protocol:
        return _Newcomer(self)

    def pass_on(self, transport: asyncio.Transport) -> None:
        """Makes a new connection one of the server's, or closes it."""
        if len(self._server.connections) >= self._most:
            transport.abort()
            self._tell()
            return
        # The kernel ends a connection whose other side has taken nothing for so long, whoever
        # writes there: a handler, a transport that flushes its buffer, or sendfile.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._patience)
        handler = self._server()
        transport.set_protocol(handler)
        handler.connection_made(transport)

    def _tell(self) -> None:
        at = time.monotonic()
        if at - self._told >= _TELL_EVERY:
            self._told = at
            _log.warning("connections are refused: so many are open", extra={"open": self._most})


class _Newcomer(asyncio.Protocol):
    """A connection that was accepted just now: not before it is made can it be counted."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._door.pass_on(transport)
