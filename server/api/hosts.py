"""Changes when: which names we answer to does.

A page whose name was made to point here after it was loaded (DNS rebinding) is of one origin with
us: to the browser it asks its own server. But it asks for its own name, and that is none of ours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.api.urls import Urls
from server.errors import HostRefused

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""No page of somebody else's can have one of these names."""
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
"""A host and perhaps a port (RFC 3986, section 3.2)."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def hosts(urls: Urls, listening: str, allowed: tuple[str, ...]) -> Middleware:
    """Refuses requests for names but those that are `allowed` and the loopback's own.

    Any is allowed by `*`, or by allowing none when `listening` elsewhere than on the loopback.
    """
    names = _LOOPBACK | {_folded(name) for name in allowed}
    anything = "*" in names or not (allowed or _is_loopback(listening))

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        _, host = urls.origin(request)
        match = _AUTHORITY.fullmatch(host)
        if not anything and (match is None or _folded(match[1]) not in names):
            raise HostRefused(host[:200])
        return await handler(request)

    return middleware


def _folded(name: str) -> str:
    """As names are compared: without case, and without the dot of the root."""
    return name.lower().removesuffix(".")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
