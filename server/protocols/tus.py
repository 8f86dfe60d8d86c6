"""Changes when: the tus protocol does (version 1.0.0, https://tus.io/protocols/resumable-upload).

Core and every extension but checksum-trailer. Requests come in as header mappings that
ignore case; answers go out as header dictionaries.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import urlsplit

import msgspec

from server.errors import (
    ChecksumInvalid,
    ConcatenationInvalid,
    ContentTypeWrong,
    LengthInvalid,
    LengthRequired,
    MetadataInvalid,
    OffsetInvalid,
    TusVersionUnsupported,
)
from server.protocols.resumable import UploadState, judge_append, judge_length

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
METHODS = ("POST", "HEAD", "PATCH", "DELETE", "GET", "OPTIONS")
EXPOSED = (
    "Location, Upload-Offset, Upload-Length, Upload-Metadata, Tus-Resumable, Tus-Version,"
    " Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Defer-Length, Upload-Expires,"
    " Upload-Concat, Reelrace-Video-Id"
)
ALLOWED = (
    "Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset,"
    " Upload-Defer-Length, Upload-Checksum, Upload-Concat,"
    " X-HTTP-Method-Override, X-Request-ID, X-Requested-With, X-User-Session"
)
_NUMBER = re.compile(r"[0-9]{1,19}")
_KEY = re.compile(r"[\x21-\x2b\x2d-\x3c\x3e-\x7e]+")
"""No spaces and commas, as the protocol says; no "=": that is a value without its key."""


_PART = re.compile(r"(?:/[^/]+)*/files/([0-9a-f]{32})")
"""The path of an upload; a proxy may have put something in front."""


class Capabilities(msgspec.Struct, frozen=True):
    """What the store behind the protocol can do decides which extensions are told."""

    max_size: int
    creates: bool = True
    defers_length: bool = False
    terminates: bool = True
    expires: bool = False
    concatenates: bool = False
    checksums: tuple[str, ...] = ()
    """Names of algorithms."""

    @property
    def extensions(self) -> str:
        names = ["creation", "creation-with-upload"] if self.creates else []
        names += ["creation-defer-length"] * (self.creates and self.defers_length)
        names += ["termination"] * self.terminates
        names += ["expiration"] * self.expires
        names += ["checksum"] * bool(self.checksums)
        names += ["concatenation", "concatenation-unfinished"] * self.concatenates
        return ",".join(names)


class Creation(msgspec.Struct, frozen=True):
    """A POST that was understood. `metadata` is the header as it was sent."""

    length: int | None
    """None: it is told later, or follows from the parts."""
    metadata: str
    fields: dict[str, bytes]
    with_upload: bool
    concat: str | None = None
    """Upload-Concat as it was sent."""
    parts: tuple[str, ...] | None = None
    """Ids of the uploads that are to be joined, in this order."""


class Standing(msgspec.Struct, frozen=True):
    """What HEAD tells."""

    offset: int | None
    """None: of what others make together, as long as these are not whole."""
    length: int | None
    metadata: str
    expires_at: int | None = None
    """Milliseconds since 1970."""
    concat: str | None = None


# --- requests ------------------------------------------------------------------------------


def method(sent: str, headers: Mapping[str, str]) -> str:
    """The method meant: X-HTTP-Method-Override counts on POST (tus, "X-HTTP-Method-Override")."""
    override = headers.get("X-HTTP-Method-Override", "").upper()
    return override if sent == "POST" and override in METHODS else sent


def check_version(headers: Mapping[str, str]) -> None:
    """Every request but OPTIONS and GET names the version. Raises `TusVersionUnsupported`."""
    if headers.get("Tus-Resumable") != VERSION:
        raise TusVersionUnsupported(f"send Tus-Resumable: {VERSION}")


def creation(headers: Mapping[str, str], capabilities: Capabilities) -> Creation:
    """Reads a POST ("Creation", "Creation With Upload", "Concatenation").

    Raises `LengthRequired`, `LengthInvalid`, `TooLarge`, `MetadataInvalid`,
    `ConcatenationInvalid`; `ContentTypeWrong` when there is a body of another type.
    """
    check_version(headers)
    concat = headers.get("Upload-Concat")
    parts = _parts(concat) if concat is not None else None
    length = None if parts is not None else _length(headers, capabilities)
    header = headers.get("Upload-Metadata", "")
    fields = metadata(header)
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    has_body = headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers
    if has_body and content_type != CONTENT_TYPE:
        raise ContentTypeWrong(f"{content_type or 'none'}, not {CONTENT_TYPE}")
    if has_body and parts is not None:
        raise ConcatenationInvalid("what is joined has no bytes of its own")
    return Creation(length, header, fields, has_body, concat, parts)


def _length(headers: Mapping[str, str], capabilities: Capabilities) -> int | None:
    """The length of a new upload; None if it is told later ("Upload-Defer-Length")."""
    deferred = headers.get("Upload-Defer-Length")
    length = told_length(headers)
    if deferred is not None and capabilities.defers_length:
        if deferred != "1":
            raise LengthInvalid("Upload-Defer-Length can only be 1")
        if length is not None:
            raise LengthInvalid("Upload-Defer-Length and Upload-Length do not go together")
        return None
    if length is None:
        raise LengthRequired
    judge_length(length, capabilities.max_size)
    return length


def _parts(concat: str) -> tuple[str, ...] | None:
    """Upload-Concat: None for `partial`, else the ids of the uploads to be joined."""
    if concat == "partial":
        return None
    word, _, urls = concat.partition(";")
    try:
        found = [_PART.fullmatch(urlsplit(url).path) for url in urls.split()]
    except ValueError as error:  # what is no URL at all
        raise ConcatenationInvalid from error
    if word != "final" or not found:
        raise ConcatenationInvalid
    ids = tuple(match[1] for match in found if match is not None)
    if len(ids) < len(found):
        raise ConcatenationInvalid("not all of these are uploads of this server")
    if len(set(ids)) < len(ids):
        raise ConcatenationInvalid("the same upload is named twice")
    return ids


def told_length(headers: Mapping[str, str]) -> int | None:
    """Upload-Length, if it is there. Raises `LengthInvalid`."""
    text = headers.get("Upload-Length")
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise LengthInvalid
    return int(text)


def checksum(headers: Mapping[str, str], capabilities: Capabilities) -> tuple[str, bytes] | None:
    """Upload-Checksum: an algorithm and the digest that the body is to have. `ChecksumInvalid`."""
    header = headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, text = header.strip().partition(" ")
    if algorithm not in capabilities.checksums:
        raise ChecksumInvalid(f"algorithms are {', '.join(capabilities.checksums)}")
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ChecksumInvalid("the digest is not Base64") from error
    if not digest:
        raise ChecksumInvalid("the digest is missing")
    return algorithm, digest


def append(headers: Mapping[str, str]) -> int:
    """Reads a PATCH: the offset its body goes to. Raises `ContentTypeWrong`, `OffsetInvalid`."""
    check_version(headers)
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != CONTENT_TYPE:
        raise ContentTypeWrong(f"{content_type or 'none'}, not {CONTENT_TYPE}")
    text = headers.get("Upload-Offset", "")
    if not _NUMBER.fullmatch(text):
        raise OffsetInvalid
    return int(text)


def judge(headers: Mapping[str, str], state: UploadState) -> None:
    """May this PATCH append now? Raises `OffsetMismatch` or `BodyTooLong`."""
    declared = headers.get("Content-Length", "")
    judge_append(state, append(headers), int(declared) if _NUMBER.fullmatch(declared) else None)


def metadata(header: str) -> dict[str, bytes]:
    """Upload-Metadata: unique keys without spaces or commas, values in Base64 or absent."""
    fields: dict[str, bytes] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key) or key in fields:
            raise MetadataInvalid(f"key {key[:40]!r}")
        try:
            fields[key] = base64.b64decode(value, validate=True)
        except ValueError as error:
            raise MetadataInvalid(f"the value of {key[:40]!r} is not Base64") from error
    return fields


# --- answers -------------------------------------------------------------------------------


def options(capabilities: Capabilities) -> dict[str, str]:
    """204 to OPTIONS."""
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Max-Size": str(capabilities.max_size),
    }
    if capabilities.extensions:
        headers["Tus-Extension"] = capabilities.extensions
    if capabilities.checksums:
        headers["Tus-Checksum-Algorithm"] = ",".join(capabilities.checksums)
    return headers


def created(location: str, offset: int | None, expires_at: int | None) -> dict[str, str]:
    """201 to POST."""
    headers = {"Tus-Resumable": VERSION, "Location": location, **_expires(expires_at)}
    if offset is not None:
        headers["Upload-Offset"] = str(offset)
    return headers


def standing(upload: Standing) -> dict[str, str]:
    """200 to HEAD."""
    headers = {
        "Tus-Resumable": VERSION,
        "Cache-Control": "no-store",
        **_expires(upload.expires_at),
    }
    if upload.offset is not None:
        headers["Upload-Offset"] = str(upload.offset)
    if upload.length is not None:
        headers["Upload-Length"] = str(upload.length)
    else:
        headers["Upload-Defer-Length"] = "1"
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    if upload.concat is not None:
        headers["Upload-Concat"] = upload.concat
    return headers


def appended(offset: int, expires_at: int | None) -> dict[str, str]:
    """204 to PATCH."""
    return {"Tus-Resumable": VERSION, "Upload-Offset": str(offset), **_expires(expires_at)}


def _expires(expires_at: int | None) -> dict[str, str]:
    """Upload-Expires, in the form of RFC 9110, section 5.6.7."""
    if expires_at is None:
        return {}
    return {"Upload-Expires": formatdate(expires_at // 1000, usegmt=True)}


def refused(offset: object = None) -> dict[str, str]:
    """Any error: the version, and where the upload is if that is the news."""
    headers = {"Tus-Resumable": VERSION, "Tus-Version": VERSION}
    if isinstance(offset, int):
        headers["Upload-Offset"] = str(offset)
    return headers
