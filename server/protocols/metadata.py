"""Changes when: what a client may say of what it uploads does.

The same for every way to upload: keys and values come in as bytes, and are judged here. What is
not known is kept as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from server.errors import DigestInvalid, MetadataInvalid, WindowInvalid
from server.protocols.resumable import (
    is_deceptive,
    judge_filename,
    judge_outputs,
    judge_title,
    title_of,
)
from server.settings import OUTPUTS, OutputKind

_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_LINES = frozenset("\n\r\t")
_OURS = frozenset({"filename", "title", "outputs", "sha256", "assembly", "start", "size", "access"})

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a video besides what it is called and who may see it."""

    description: Annotated[str, msgspec.Meta(max_length=5000)] = ""
    tags: Annotated[tuple[Word, ...], msgspec.Meta(max_length=50)] = ()
    list: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """The list that it belongs to."""
    priority: Literal["low", "normal", "high"] = "normal"
    fields: dict[str, str] = {}
    """Everything else that is text, as it was sent."""


class Window(msgspec.Struct, frozen=True):
    """Where an upload belongs in a source that its owner calls `assembly`."""

    assembly: str
    start: int
    size: int | None
    """Bytes of the whole source, if they were told."""


class Metadata(msgspec.Struct, frozen=True):
    """All that was said."""

    filename: str
    title: str
    outputs: list[OutputKind] | None
    access: Literal["private", "public"]
    details: Details
    promised: str | None
    """SHA-256 of the whole in hexadecimal."""
    window: Window | None


def read(fields: Mapping[str, bytes]) -> Metadata:
    """Raises `FilenameInvalid`, `MetadataInvalid`, `DigestInvalid`, `WindowInvalid`."""
    filename = judge_filename(text_of(fields, "filename"))
    access = text_of(fields, "access") or "private"
    if access not in ("private", "public"):
        raise MetadataInvalid("access is private or public")
    promised = text_of(fields, "sha256").lower() or None
    if promised is not None and not _DIGEST.fullmatch(promised):
        raise DigestInvalid("sha256 has 64 hexadecimal digits")
    return Metadata(
        filename=filename,
        title=judge_title(text_of(fields, "title")) or title_of(filename),
        outputs=judge_outputs(text_of(fields, "outputs"), OUTPUTS),
        access="public" if access == "public" else "private",
        details=_details(fields),
        promised=promised,
        window=_window(fields),
    )


def text_of(fields: Mapping[str, bytes], key: str) -> str:
    """A value as text; bytes that are not UTF-8 raise `MetadataInvalid`."""
    try:
        return fields.get(key, b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise MetadataInvalid(f"the value of {key!r} is not UTF-8") from error


def _details(fields: Mapping[str, bytes]) -> Details:
    found: dict[str, object] = {}
    for key in ("description", "list", "priority", "tags"):
        text = text_of(fields, key).strip()
        if any(is_deceptive(char) and char not in _LINES for char in text):
            raise MetadataInvalid(f"the value of {key!r} has control characters in it")
        if text:
            found[key] = _tags(text) if key == "tags" else text
    known = _OURS.union(Details.__struct_fields__)
    rest = {key: value for key, value in fields.items() if key not in known}
    found["fields"] = {key: value.decode() for key, value in rest.items() if _is_text(value)}
    try:
        return msgspec.convert(found, Details)
    except msgspec.ValidationError as error:
        raise MetadataInvalid(str(error)) from error


def _tags(text: str) -> list[str]:
    """Words with commas between them, each once."""
    return list(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _window(fields: Mapping[str, bytes]) -> Window | None:
    if "assembly" not in fields:
        return None
    assembly = text_of(fields, "assembly")
    if not _ID.fullmatch(assembly):
        raise WindowInvalid("assembly has 32 hexadecimal digits")
    start = _number(fields, "start")
    if start is None:
        raise WindowInvalid("start is missing")
    return Window(assembly, start, _number(fields, "size"))


def _number(fields: Mapping[str, bytes], key: str) -> int | None:
    text = text_of(fields, key)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise WindowInvalid(f"{key} must be a whole number of bytes")
    return int(text)
