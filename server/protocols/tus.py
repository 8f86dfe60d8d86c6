"""Changes when: the tus protocol does (version 1.0.0, https://tus.io/protocols/resumable-upload).

Core, creation, creation-with-upload and termination. Requests come in as header mappings that
ignore case; answers go out as header dictionaries.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

import msgspec

from server.errors import (
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
    " Tus-Extension, Tus-Max-Size, Reelrace-Video-Id"
)
ALLOWED = (
    "Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset,"
    " X-HTTP-Method-Override, X-Request-ID, X-Requested-With, X-User-Session"
)
_NUMBER = re.compile(r"[0-9]{1,19}")
_KEY = re.compile(r"[\x21-\x2b\x2d-\x3c\x3e-\x7e]+")
"""No spaces and commas, as the protocol says; no "=": that is a value without its key."""


class Capabilities(msgspec.Struct, frozen=True):
    """What the store behind the protocol can do decides which extensions are told."""

    max_size: int
    creates: bool = True
    terminates: bool = True

    @property
    def extensions(self) -> str:
        names = ["creation", "creation-with-upload"] if self.creates else []
        return ",".join(names + ["termination"] * self.terminates)


class Creation(msgspec.Struct, frozen=True):
    """A POST that was understood. `metadata` is the header as it was sent."""

    length: int
    metadata: str
    fields: dict[str, bytes]
    with_upload: bool


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
    """Reads a POST ("Creation", "Creation With Upload").

    Raises `LengthRequired`, `LengthInvalid`, `TooLarge`, `MetadataInvalid`; `ContentTypeWrong`
    when there is a body of another type.
    """
    check_version(headers)
    text = headers.get("Upload-Length")
    if text is None:
        raise LengthRequired
    if not _NUMBER.fullmatch(text):
        raise LengthInvalid
    length = int(text)
    judge_length(length, capabilities.max_size)
    header = headers.get("Upload-Metadata", "")
    fields = metadata(header)
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    has_body = headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers
    if has_body and content_type != CONTENT_TYPE:
        raise ContentTypeWrong(f"{content_type or 'none'}, not {CONTENT_TYPE}")
    return Creation(length, header, fields, has_body)


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


def text_of(fields: Mapping[str, bytes], key: str) -> str:
    """A metadata value as text; bytes that are not UTF-8 raise `MetadataInvalid`."""
    try:
        return fields.get(key, b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise MetadataInvalid(f"the value of {key!r} is not UTF-8") from error


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
    return headers


def created(location: str, state: UploadState) -> dict[str, str]:
    """201 to POST."""
    return {
        "Tus-Resumable": VERSION,
        "Location": location,
        "Upload-Offset": str(state.offset),
    }


def standing(state: UploadState, metadata_header: str) -> dict[str, str]:
    """200 to HEAD."""
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(state.offset),
        "Upload-Length": str(state.length),
        "Cache-Control": "no-store",
    }
    if metadata_header:
        headers["Upload-Metadata"] = metadata_header
    return headers


def appended(state: UploadState) -> dict[str, str]:
    """204 to PATCH."""
    return {"Tus-Resumable": VERSION, "Upload-Offset": str(state.offset)}


def refused(offset: object = None) -> dict[str, str]:
    """Any error: the version, and where the upload is if that is the news."""
    headers = {"Tus-Resumable": VERSION, "Tus-Version": VERSION}
    if isinstance(offset, int):
        headers["Upload-Offset"] = str(offset)
    return headers
