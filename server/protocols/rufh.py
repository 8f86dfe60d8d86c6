"""Changes when: the IETF's resumable uploads do (draft-ietf-httpbis-resumable-upload).

Interop versions 6 (drafts -04 and -05), 8 (-09 to -11) and 9 (from -12 on). Sections are those of
-12. Requests come in as multidicts; answers go out as header dictionaries.

Who names another version gets the upload as far as it needs no resumption: all bytes at once.
Who names none, as the finished standard will, is served like the newest, without interim answers.
"""

from __future__ import annotations

from typing import Any

import msgspec
from multidict import MultiMapping

from server.errors import (
    CompleteInvalid,
    ContentTypeWrong,
    InteropVersionUnsupported,
    LengthInconsistent,
    OffsetInvalid,
    OffsetMismatch,
    RepresentationMismatch,
    UploadCompleted,
)
from server.protocols import structured
from server.protocols.resumable import judge_length
from storage.errors import ReelraceError

VERSIONS = (6, 8, 9)
CONTENT_TYPE = "application/partial-upload"
METHODS = ("POST", "PUT", "HEAD", "PATCH", "DELETE", "GET", "OPTIONS")
EXPOSED = "Upload-Complete, Upload-Limit, Upload-Draft-Interop-Version"
ALLOWED = (
    "Content-Digest, Content-Disposition, Repr-Digest, Upload-Complete,"
    " Upload-Draft-Interop-Version"
)
_VERSION = "Upload-Draft-Interop-Version"
_COMPLETE, _INCOMPLETE = "Upload-Complete", "Upload-Incomplete"
_TYPES = "https://iana.org/assignments/http-problem-types#"
_PROBLEMS = {
    "offset_mismatch": "mismatching-upload-offset",
    "upload_completed": "completed-upload",
    "length_inconsistent": "inconsistent-upload-length",
    "digest_field_invalid": "digest-invalid-values",
    "content_mismatch": "digest-mismatching-values",
    "representation_mismatch": "digest-mismatching-values",
}
"""Section 7; of digests: draft-ietf-httpapi-digest-fields-problem-types."""
Headers = MultiMapping[str]


class State(msgspec.Struct, frozen=True):
    """Where an upload is (section 4.1). Of an unknown `length`, it is None.

    An upload that has as many bytes as its length says is not `complete` before a client says so.
    """

    offset: int
    length: int | None
    complete: bool


class Bounds(msgspec.Struct, frozen=True):
    """What an upload is bound to (section 4.1.4): bytes in all, and seconds left if it expires."""

    max_size: int
    max_age: int | None = None


class Creation(msgspec.Struct, frozen=True):
    """A request for an upload, understood. `resumable`: it may be told of interim answers."""

    complete: bool
    length: int | None
    resumable: bool


class Append(msgspec.Struct, frozen=True):
    """A request to append, understood. `body`: bytes that come, None if that is not said."""

    offset: int
    complete: bool
    length: int | None
    body: int | None


# --- requests ------------------------------------------------------------------------------


def is_spoken(headers: Headers) -> bool:
    """Whether a request is of this protocol, and not of tus."""
    if _VERSION in headers:
        return True
    return "Tus-Resumable" not in headers and (_COMPLETE in headers or _INCOMPLETE in headers)


def version(headers: Headers) -> int | None:
    """The interop version that is spoken; None if none is named or it is none of ours."""
    named = structured.integer(_field(headers, _VERSION))
    return named if named in VERSIONS else None


def check_version(headers: Headers) -> None:
    """Raises `InteropVersionUnsupported`."""
    if _VERSION in headers and version(headers) is None:
        known = ", ".join(map(str, VERSIONS))
        raise InteropVersionUnsupported(f"{_VERSION} is one of {known}")


def creation(headers: Headers, bounds: Bounds) -> Creation:
    """Reads a request for a new upload (section 4.2.2).

    Raises `InteropVersionUnsupported`, `CompleteInvalid`, `LengthInconsistent`, `TooLarge`.
    """
    complete = _complete(headers)
    if complete is not True:
        check_version(headers)
    if complete is None:
        raise CompleteInvalid
    body = _body_length(headers)
    length = _agreed(headers, 0, complete, None)
    judge_length(max(length or 0, body or 0), bounds.max_size)
    _judge_end(body, length)
    return Creation(complete, length, version(headers) is not None)


def append(headers: Headers) -> Append:
    """Reads a PATCH (section 4.4).

    Raises `InteropVersionUnsupported`, `ContentTypeWrong`, `OffsetInvalid`, `CompleteInvalid`.
    """
    check_version(headers)
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != CONTENT_TYPE:
        raise ContentTypeWrong(f"{content_type or 'none'}, not {CONTENT_TYPE}")
    offset = _size(headers, "Upload-Offset")
    if offset is None:
        raise OffsetInvalid
    complete = _complete(headers)
    if complete is None:
        raise CompleteInvalid
    return Append(offset, complete, _size(headers, "Upload-Length"), _body_length(headers))


def judge(headers: Headers, state: State, bounds: Bounds) -> int | None:
    """May this PATCH append now? The upload's length, as far as it is known by now.

    Raises `OffsetMismatch`, `UploadCompleted`, `LengthInconsistent`, `TooLarge`.
    """
    wanted = append(headers)
    if wanted.offset != state.offset:
        detail = f"it is at {state.offset}, not {wanted.offset}"
        raise OffsetMismatch(detail, offset=state.offset)
    if state.complete:
        if wanted.body != 0 and version(headers) not in (6, 8):
            raise LengthInconsistent("the upload is complete, and more was sent")
        raise UploadCompleted
    length = _agreed(headers, state.offset, wanted.complete, state.length)
    end = None if wanted.body is None else state.offset + wanted.body
    judge_length(max(length or 0, end or 0), bounds.max_size)
    _judge_end(end, length)
    return length


def judge_completion(reached: int, length: int | None) -> None:
    """May an upload be complete with `reached` bytes? Raises `LengthInconsistent`."""
    if length is not None and reached != length:
        raise LengthInconsistent(f"{length} bytes were said, {reached} came", offset=reached)


def invalidates(headers: Headers) -> bool:
    """Whether who sends more than the length loses the upload: since version 8 (section 4.4.2)."""
    return version(headers) != 6


def _judge_end(end: int | None, length: int | None) -> None:
    if end is not None and length is not None and end > length:
        raise LengthInconsistent(f"the body would end at {end}, the upload at {length}")


def _agreed(headers: Headers, offset: int, complete: bool, known: int | None) -> int | None:
    """The one length that all who tell one tell (section 4.1.3)."""
    body = _body_length(headers)
    told = offset + body if complete and body is not None else None
    said = {n for n in (known, _size(headers, "Upload-Length"), told) if n is not None}
    if len(said) > 1:
        raise LengthInconsistent(f"{' and '.join(map(str, sorted(said)))} bytes")
    return next(iter(said), None)


def _complete(headers: Headers) -> bool | None:
    """Up to version 3 the opposite was said."""
    if (found := structured.boolean(_field(headers, _COMPLETE))) is not None:
        return found
    incomplete = structured.boolean(_field(headers, _INCOMPLETE))
    return None if incomplete is None else not incomplete


def _size(headers: Headers, name: str) -> int | None:
    number = structured.integer(_field(headers, name))
    return number if number is not None and number >= 0 else None


def _body_length(headers: Headers) -> int | None:
    """HTTP has seen to it that Content-Length is a number."""
    return None if "Transfer-Encoding" in headers else int(headers.get("Content-Length", "0"))


def _field(headers: Headers, name: str) -> str | None:
    """All lines of a field, as the one that they make up (RFC 9110, section 5.3)."""
    return ",".join(headers.getall(name)) if name in headers else None


# --- answers -------------------------------------------------------------------------------


def options(bounds: Bounds) -> dict[str, str]:
    """To OPTIONS (section 4.1.4); whether the client speaks this is not known then."""
    return {"Accept-Patch": CONTENT_TYPE, "Upload-Limit": _limit(bounds, None)}


def standing(headers: Headers, state: State, bounds: Bounds) -> dict[str, str]:
    """204 to HEAD (section 4.3.2)."""
    length = {} if state.length is None else {"Upload-Length": str(state.length)}
    return _told(headers, state, bounds) | length | {"Cache-Control": "no-store"}


def created(headers: Headers, state: State, bounds: Bounds, location: str) -> dict[str, str]:
    """201 to a creation, and to what completes an upload, as if it had come at once."""
    return {"Location": location} | _told(headers, state, bounds)


def appended(headers: Headers, state: State, bounds: Bounds) -> dict[str, str]:
    """204 to a PATCH after which more is to come (section 4.4.2)."""
    return _told(headers, state, bounds)


def cancelled(headers: Headers) -> dict[str, str]:
    """204 to DELETE (section 4.5.2)."""
    return _echo(headers)


def announcement(headers: Headers, bounds: Bounds, location: str) -> bytes:
    """The interim answer that tells where the upload can be resumed (section 5)."""
    limit = _limit(bounds, version(headers))
    return _interim(_echo(headers) | {"Location": location, "Upload-Limit": limit})


def progress(headers: Headers, offset: int) -> bytes:
    """The interim answer that acknowledges `offset` bytes while more arrive (section 5)."""
    return _interim(_echo(headers) | {"Upload-Offset": str(offset)})


def refused(method: str, headers: Headers, error: ReelraceError) -> dict[str, str]:
    """What a problem's answer has in its headers."""
    found = _echo(headers)
    if isinstance(offset := error.facts.get("offset"), int):
        found["Upload-Offset"] = str(offset)
    if method in ("POST", "PUT", "PATCH"):
        found[_COMPLETE] = _flag(isinstance(error, (UploadCompleted, RepresentationMismatch)))
    if isinstance(size := error.facts.get("max_size"), int):
        found["Upload-Limit"] = f"max-size={size}"
    if isinstance(error, ContentTypeWrong):
        found["Accept-Patch"] = CONTENT_TYPE
    return found


def problem(headers: Headers, error: ReelraceError) -> dict[str, Any]:
    """What a problem's document has besides what all have (section 7)."""
    taken_over = isinstance(error, OffsetMismatch) and "offset" not in error.facts
    if error.code not in _PROBLEMS or taken_over:
        return {}
    found: dict[str, Any] = {"type": _TYPES + _PROBLEMS[error.code]}
    if isinstance(error, OffsetMismatch):
        found["expected-offset"] = error.facts["offset"]
        found["provided-offset"] = _size(headers, "Upload-Offset")
    return found


def _told(headers: Headers, state: State, bounds: Bounds) -> dict[str, str]:
    return _echo(headers) | {
        "Upload-Offset": str(state.offset),
        _COMPLETE: _flag(state.complete),
        "Upload-Limit": _limit(bounds, version(headers)),
    }


def _echo(headers: Headers) -> dict[str, str]:
    spoken = version(headers)
    return {} if spoken is None else {_VERSION: str(spoken)}


def _limit(bounds: Bounds, spoken: int | None) -> str:
    """Until version 6, what is now `max-age` was called `expires`."""
    age = "expires" if spoken == 6 else "max-age"
    left = "" if bounds.max_age is None else f", {age}={bounds.max_age}"
    return f"max-size={bounds.max_size}{left}"


def _flag(value: bool) -> str:
    return "?1" if value else "?0"


def _interim(headers: dict[str, str]) -> bytes:
    lines = ["HTTP/1.1 104 Upload Resumption Supported", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
