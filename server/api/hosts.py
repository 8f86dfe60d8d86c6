"""Changes when: which names we answer to does.

A page whose name was made to point here after it was loaded (DNS rebinding) is of one origin with
us: to the browser it asks its own server. But it asks for its own name, and that is none of ours.
Such a name is in the public DNS: it has a dot, and is no address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.api.urls import Urls
from server.errors import HostRefused

_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
"""A host and perhaps a port (RFC 3986, section 3.2)."""
_LABEL = re.compile(r"[a-z0-9_-]+")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def hosts(urls: Urls, listening: str, allowed: tuple[str, ...]) -> Middleware:
    """Refuses requests for names of the DNS but those that are `allowed`.

    Any is allowed by `*`, or by allowing none when `listening` elsewhere than on the loopback.
    """
    names = {_folded(name) for name in allowed}
    anything = "*" in names or not (allowed or _is_loopback(listening))

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        _, host = urls.origin(request)
        match = _AUTHORITY.fullmatch(host)
        name = _folded(match[1]) if match else ""
        if not (anything or name in names or _is_nobodys(name)):
            raise HostRefused(host[:200])
        return await handler(request)

    return middleware


def _folded(name: str) -> str:
    """As names are compared: without case, and without the dot of the root."""
    return name.lower().removesuffix(".")


def _is_nobodys(name: str) -> bool:
    """Whether no page of somebody else's can have this name: one label, or an address."""
    if _LABEL.fullmatch(name):
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
