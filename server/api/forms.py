"""Changes when: how multipart forms are read does (RFC 7578).

Part by part, so that nothing but short fields is in memory. Whatever is wrong with a form is
`FormInvalid`; if nothing comes of it, `BodyTimeout`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TypeVar

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from server.api.turns import flow
from server.errors import BodyTimeout, FormInvalid

_T = TypeVar("_T")
_LONGEST = 1 << 14
"""Bytes that a field may have."""
_UNWANTED = 1 << 20
"""The same of a part that nobody asked for: to read it to its end takes long, and is of no use."""
_MOST = 64
"""Parts that a form may have."""


class File:
    """The bytes of a part, as a body."""

    def __init__(self, part: BodyPartReader) -> None:
        self._part = part

    async def read(self, n: int = -1, /) -> bytes:
        """At most so many; empty at the end."""
        with _legible():
            while not self._part.at_eof():
                if data := await self._part.read_chunk(n):
                    return data
        return b""


class Form:
    """The form that a request has for a body."""

    def __init__(self, request: web.Request, patience: float) -> None:
        """`patience`: seconds for what stands between two parts, and for a field."""
        self._request = request
        self._patience = patience

    async def parts(self) -> AsyncIterator[BodyPartReader]:
        """Each part; what of one has not been read when the next is asked for is passed over, as
        long as it is not much."""
        if self._request.content_type != "multipart/form-data":
            raise FormInvalid("it is no multipart/form-data")
        with _legible():
            reader = await self._request.multipart()
        for _ in range(_MOST):
            part = await self._in_time(reader.next())
            if part is None:
                return
            if isinstance(part, MultipartReader):
                raise FormInvalid("a part of it has parts")
            yield part
            await self._pass_over(part)
        raise FormInvalid(f"it has more than {_MOST} parts")

    async def text(self, part: BodyPartReader) -> bytes:
        """What a field says."""
        found = await self._in_time(_beginning(part))
        if len(found) > _LONGEST:
            raise FormInvalid(f"a field has more than {_LONGEST} bytes")
        return found

    async def _pass_over(self, part: BodyPartReader) -> None:
        """What has not been read of a part."""
        size = 0
        while not part.at_eof():
            size += len(await self._in_time(part.read_chunk(_LONGEST)))
            if size > _UNWANTED:
                raise FormInvalid(f"{part.name or 'a part'!r} has too many bytes to be passed over")

    async def _in_time(self, reading: Awaitable[_T]) -> _T:
        flow(self._request)
        try:
            async with asyncio.timeout(self._patience):
                with _legible():
                    return await reading
        except TimeoutError:
            raise BodyTimeout from None


async def _beginning(part: BodyPartReader) -> bytes:
    """A little more of it than a field may have, at most."""
    found = b""
    while not part.at_eof() and len(found) <= _LONGEST:
        found += await part.read_chunk(_LONGEST)
    return found


@contextlib.contextmanager
def _legible() -> Iterator[None]:
    """What the parser of forms raises, as the one error that it is."""
    try:
        yield
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        raise FormInvalid(str(error)) from error
