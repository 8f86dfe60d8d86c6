"""Changes when: how an answer that is written bit by bit may end early does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Iterator

from aiohttp import web

from server.errors import NotFound

_AT_ONCE = struct.pack("ii", 1, 0)
_log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds that somebody may take for what was written, before more is."""


class Pen:
    """Writes an answer that has begun; little waits for who reads slowly."""

    def __init__(
        self, request: web.Request, answer: web.StreamResponse, patience: float = PATIENCE
    ) -> None:
        self._request = request
        self._answer = answer
        self._patience = patience

    async def write(self, data: bytes) -> None:
        """Returns once there is room for more. Raises `OSError` if nobody takes it."""
        async with asyncio.timeout(self._patience):
            await self._answer.write(data)
            await self._request.writer.drain()

    @contextlib.contextmanager
    def breaking_off(self) -> Iterator[None]:
        """Whatever is raised breaks the answer off: it has begun, there can be no other one."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, (NotFound, OSError)):
                _log.exception("an answer broke down", extra={"path": self._request.path})
            if self._request.transport is not None:
                # In HTTP/1.0 the end of the connection is that of the answer: this one is a reset.
                sock = self._request.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                self._request.transport.abort()
