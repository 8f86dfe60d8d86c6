"""Changes when: how interim answers are sent does (RFC 9110, section 15.2).

The framework knows but 100, so they are written to the connection, where nothing else is written
between the request's head and its final answer.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiohttp import HttpVersion11, web

_UNREAD = 1 << 14
"""Bytes that may wait for a client that does not read; what is sent besides is for its comfort."""


class Interim:
    """Interim answers to one request, while this is entered: the final one comes after it."""

    def __init__(self, request: web.Request, *, wanted: bool) -> None:
        """Nothing is sent unless `wanted`, nor to who speaks HTTP/1.0 (section 15.2)."""
        self._request = request
        self._open = False
        self._wanted = wanted and request.version >= HttpVersion11

    def __enter__(self) -> Self:
        self._open = self._wanted
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False

    def send(self, answer: bytes) -> None:
        """One answer, as it stands on the wire; dropped if it is too late, or nobody reads."""
        transport = self._request.transport
        if (
            self._open
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() < _UNREAD
        ):
            transport.write(answer)
