"""Changes when: how an error looks to a client does (RFC 9457, application/problem+json)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from server.errors import NotFound, status
from server.protocols import rufh, tus
from storage.errors import ReelraceError

_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what a handler raises into an answer with a stable code."""
    try:
        return await handler(request)
    except ReelraceError as error:
        return problem(request, error)
    except web.HTTPNotFound:
        return problem(request, NotFound())
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = error.reason.lower().replace(" ", "_")
        answer = _answer(error.status, code, error.reason, "", {})
        answer.headers.extend({k: v for k, v in error.headers.items() if k == "Allow"})
        return _of_protocol(request, answer)
    except ConnectionError:
        return web.Response(status=400)  # nobody is there to be answered
    except Exception:
        _log.exception("a request failed", extra={"path": request.path})
        return problem(request, ReelraceError())


def problem(request: web.Request, error: ReelraceError) -> web.Response:
    """The answer to an error of ours."""
    members: dict[str, object] = dict(error.facts)
    ietf = _is_of_uploads(request) and rufh.is_spoken(request.headers)
    if ietf:
        members |= rufh.problem(request.headers, error)
    answer = _answer(status(error), error.code, error.sentence(), error.detail, members)
    if ietf:
        answer.headers.extend(rufh.refused(request.method, request.headers, error))
    else:
        _of_protocol(request, answer, error.facts.get("offset"))
    if "retry_after" in error.facts:
        answer.headers["Retry-After"] = str(error.facts["retry_after"])
    if error.code in ("body_timeout", "draining"):
        answer.force_close()
    return answer


def _of_protocol(request: web.Request, answer: web.Response, offset: object = None) -> web.Response:
    if _is_of_uploads(request) and not rufh.is_spoken(request.headers):
        answer.headers.extend(tus.refused(offset))
    return answer


def _is_of_uploads(request: web.Request) -> bool:
    return request.path.startswith("/files")


def _answer(
    code: int, name: str, title: str, detail: str, members: dict[str, object]
) -> web.Response:
    body = {
        "type": "about:blank",
        "status": code,
        "code": name,
        "title": title,
        # What came in headers may hold bytes that are no text.
        "detail": detail.encode("utf-8", "backslashreplace").decode(),
        **members,
    }
    return web.Response(
        status=code, body=msgspec.json.encode(body), content_type="application/problem+json"
    )
