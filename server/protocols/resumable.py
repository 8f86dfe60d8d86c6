"""Changes when: what every resumable-upload protocol has in common does.

The state of an upload as a protocol sees it, the verdict on appending to it, and what is asked
of the metadata that name a file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from server.errors import (
    BodyTooLong,
    FilenameInvalid,
    LengthFixed,
    MetadataInvalid,
    OffsetMismatch,
    TooLarge,
)

FILENAME_LIMIT = 255
"""Characters; what common file systems allow, too."""
TITLE_LIMIT = 500
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates (Unicode Annex 9, section 2): with them, what is read is not
what is there, and they reach beyond the text that they are in."""


Kind = TypeVar("Kind", bound=str)


class UploadState(msgspec.Struct, frozen=True):
    """`offset` bytes of `length` are there and acknowledged."""

    offset: int
    length: int | None
    """None until it is told."""


def judge_length(length: int, max_size: int) -> None:
    """May an upload of `length` bytes be made? Raises `TooLarge`."""
    if length > max_size:
        raise TooLarge(f"{length} bytes, at most {max_size}", max_size=max_size)


def judge_told_length(state: UploadState, length: int, max_size: int) -> None:
    """May it be told now that the upload will have `length` bytes?

    Raises `LengthFixed` if another one was told, or more have come; `TooLarge`.
    """
    if state.length is not None and state.length != length:
        raise LengthFixed(f"it is {state.length}, not {length}")
    if length < state.offset:
        raise LengthFixed(f"{state.offset} bytes have come already")
    judge_length(length, max_size)


def judge_append(state: UploadState, offset: int, body_length: int | None) -> None:
    """May `body_length` bytes (None: not declared) be appended at `offset`?

    Raises `OffsetMismatch` (a 409 in tus and in RUFH) or `BodyTooLong`.
    """
    if offset != state.offset:
        raise OffsetMismatch(f"it is at {state.offset}, not {offset}", offset=state.offset)
    if body_length is not None and state.length is not None and offset + body_length > state.length:
        raise BodyTooLong(
            f"{state.length - offset} bytes are lacking, {body_length} were sent",
            offset=state.offset,
        )


def judge_filename(name: str) -> str:
    """A client's file name, as data to show. Raises `FilenameInvalid`.

    It is never part of a path here, but it is handed on to people's machines.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if (
        len(name) > FILENAME_LIMIT
        or name in (".", "..")
        or any(char in "/\\" or is_deceptive(char) for char in name)
    ):
        raise FilenameInvalid
    return name


def judge_title(title: str) -> str:
    """A client's title, as data to show; cut if it is too long. Raises `MetadataInvalid`."""
    title = title.strip()[:TITLE_LIMIT]
    if any(map(is_deceptive, title)):
        raise MetadataInvalid("the title has control characters in it")
    return title


def judge_outputs(text: str, kinds: Sequence[Kind]) -> list[Kind] | None:
    """The kinds of outputs that a client asks for, in the order of `kinds`; None: it does not say.

    Words with commas between them. Raises `MetadataInvalid` for another word than `kinds` has.
    """
    words = {word.strip() for word in text.split(",")} - {""}
    if unknown := words.difference(kinds):
        raise MetadataInvalid(f"outputs are {', '.join(kinds)}; not {min(unknown)[:40]!r}")
    return [kind for kind in kinds if kind in words] or None


def is_deceptive(char: str) -> bool:
    """Whether `char` is there to steer what shows it: a terminal, a log, a page."""
    return char in _TURNING or unicodedata.category(char) in ("Cc", "Cs")


def title_of(filename: str) -> str:
    """What a video is called until its owner says otherwise: the name without its extension."""
    stem, dot, extension = filename.rpartition(".")
    return stem if dot and stem and 0 < len(extension) <= 5 else filename
