"""Changes when: how we know who is asking does.

An anonymous session is a secret that we issue as a cookie, or one that a program brings in
X-User-Session. Only its SHA-256 is kept, and it is never logged. One `authorize` decides.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.api.urls import Urls
from server.errors import NotFound, OriginRefused, SessionInvalid
from storage.model import Video

COOKIE = "reelrace_session"
HEADER = "X-User-Session"
_SECRET = re.compile(r"[\x21-\x7e]{32,256}")
_YEAR = 365 * 86_400
_SAFE = {"GET", "HEAD", "OPTIONS"}
_PRINCIPAL = web.RequestKey("principal", str)
_ISSUED = web.RequestKey("issued", str)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sessions(urls: Urls) -> Middleware:
    """Learns who is asking; gives those who are nobody yet a session with the answer."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, host = urls.origin(request)
        secret = request.headers.get(HEADER)
        if secret is None:
            secret = request.cookies.get(COOKIE)
            if secret is not None and not _SECRET.fullmatch(secret):
                secret = None
            if secret is not None and request.method not in _SAFE:
                _check_origin(request, host)
        elif not _SECRET.fullmatch(secret):
            raise SessionInvalid
        if secret is not None:
            request[_PRINCIPAL] = _hashed(secret)
        answer = await handler(request)
        issued = request.get(_ISSUED)
        if issued is not None and not answer.prepared:
            answer.set_cookie(
                COOKIE,
                issued,
                max_age=_YEAR,
                path="/",
                httponly=True,
                samesite="Lax",
                secure=scheme == "https",
            )
        return answer

    return middleware


def principal(request: web.Request) -> str:
    """Who is asking. Somebody new gets a session of their own."""
    if _PRINCIPAL in request:
        return request[_PRINCIPAL]
    secret = secrets.token_urlsafe(32)
    request[_ISSUED] = secret
    who = request[_PRINCIPAL] = _hashed(secret)
    return who


def authorize(who: str, action: str, video: Video | None) -> Video:
    """The one rule: owners may do everything with what is theirs, others see nothing.

    `action` is `read`, `change` or `delete`. What is another's is answered like what is not
    there (`NotFound`).
    """
    if video is None or video.owner != who:
        raise NotFound
    return video


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_origin(request: web.Request, our_host: str) -> None:
    """A cookie comes by itself, so a foreign page must not act with it."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        host = ""
    if host != our_host:
        raise OriginRefused(origin[:200])
