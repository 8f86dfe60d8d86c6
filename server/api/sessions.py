"""Changes when: how we know who is asking does.

An anonymous session is a secret that we issue as a cookie, or one that a program brings in
X-User-Session. Only its SHA-256 is kept, and it is never logged. One `authorize` decides.

Cookies know no port, and those of a neighbouring name may reach us as well (RFC 6265, section
8.5). So only those count that we issued: they carry a MAC. Over TLS their name keeps others from
giving a visitor even one of these.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.api.urls import Urls
from server.errors import NotFound, OriginRefused, SessionInvalid
from storage.model import Video

COOKIE = "reelrace_session"
COOKIE_OVER_TLS = f"__Host-{COOKIE}"
"""Browsers take a cookie of such a name from nobody but us, over TLS (RFC 6265bis, 4.1.3.2)."""
HEADER = "X-User-Session"
_SECRET = re.compile(r"[\x21-\x7e]{32,256}")
_YEAR = 365 * 86_400
_SAFE = {"GET", "HEAD", "OPTIONS"}
_PRINCIPAL = web.RequestKey("principal", str)
_ISSUED = web.RequestKey("issued", str)
_KEY = web.RequestKey("key", bytes)
_SCHEME = web.RequestKey("scheme", str)
_SECRET_OF = web.RequestKey("secret", str)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sessions(urls: Urls, key: bytes) -> Middleware:
    """Learns who is asking; gives those who are nobody yet a session with the answer.

    `key` is what cookies are signed with.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, host = urls.origin(request)
        cookie = COOKIE_OVER_TLS if scheme == "https" else COOKIE
        request[_KEY], request[_SCHEME] = key, scheme
        secret = request.headers.get(HEADER)
        if secret is None:
            secret = request.cookies.get(cookie)
            if secret is not None and not _is_ours(key, secret):
                secret = None
            if secret is not None and request.method not in _SAFE:
                _check_origin(request, f"{scheme}://{host}")
        elif not _SECRET.fullmatch(secret):
            raise SessionInvalid
        if secret is not None:
            request[_PRINCIPAL] = _hashed(secret)
            request[_SECRET_OF] = secret
        answer = await handler(request)
        if not answer.prepared:
            issue(request, answer)
        return answer

    return middleware


def issue(request: web.Request, answer: web.StreamResponse) -> None:
    """Puts the session into an answer that somebody new gets; before it is prepared."""
    issued = request.get(_ISSUED)
    if issued is not None:
        over_tls = request[_SCHEME] == "https"
        answer.set_cookie(
            COOKIE_OVER_TLS if over_tls else COOKIE,
            issued,
            max_age=_YEAR,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=over_tls,
        )


def principal(request: web.Request) -> str:
    """Who is asking. Somebody new gets a session of their own."""
    if _PRINCIPAL in request:
        return request[_PRINCIPAL]
    secret = _signed(request[_KEY], secrets.token_urlsafe(32))
    request[_ISSUED] = request[_SECRET_OF] = secret
    who = request[_PRINCIPAL] = _hashed(secret)
    return who


def session(request: web.Request) -> str:
    """The session itself; it is told to nobody but who is asking."""
    principal(request)
    return request[_SECRET_OF]


def is_nobody(request: web.Request) -> bool:
    """Whether who is asking brought no session."""
    return _PRINCIPAL not in request or _ISSUED in request


def claim(request: web.Request, secret: str) -> str:
    """Who is asking, when a session comes with the body. Raises `SessionInvalid`.

    What came with the headers counts before it.
    """
    if not _SECRET.fullmatch(secret):
        raise SessionInvalid
    if is_nobody(request):
        request.pop(_ISSUED, None)
        request[_PRINCIPAL], request[_SECRET_OF] = _hashed(secret), secret
    return request[_PRINCIPAL]


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


def _signed(key: bytes, text: str) -> str:
    """`text`, a dot and 22 characters of HMAC-SHA-256."""
    digest = hmac.digest(key, f"session:{text}".encode(), hashlib.sha256)[:16]
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _is_ours(key: bytes, cookie: str) -> bool:
    """Whether we issued it."""
    sent = cookie.encode("utf-8", "replace")
    text = sent.rpartition(b".")[0].decode("utf-8", "replace")
    return hmac.compare_digest(_signed(key, text).encode(), sent)


def _check_origin(request: web.Request, ours: str) -> None:
    """A cookie comes by itself, so a foreign page must not act with it.

    Browsers write an origin in one way only (RFC 6454, section 6.2), so it is not taken apart.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != ours.lower():
        raise OriginRefused(origin[:200])
