"""Changes when: what can be told of a file from its outermost structure does.

Pure: only box and element headers are looked at, through a callback that reads a few bytes.
Answers three questions: is this worth opening now, how must it be opened, is its end there?
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from server.job_errors import Encrypted, Limits, Truncated

ReadAt = Callable[[int, int], bytes | None]
"""`read_at(offset, size)`: the bytes (fewer at the end of the file), or None if not there yet."""

FIRST = (0, 8)
"""`[start, end)` of the bytes with which it can be decided how to look at a file."""
NOTHING = (0, 0)
_EVERYTHING = (0, 1 << 62)
_GLANCE = 256
"""Outermost boxes that are looked at while a file still arrives. Real ones have fewer than 20
before their index, or begin with it; looking at more is left to a confined process."""
_BOXES_LIMIT = 1 << 16
"""Outermost boxes before the index that even a confined process looks at."""
_MP4_FIRST = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx"}
_ENCRYPTED = {b"encv", b"enca"}
_SAMPLES_LIMIT = 20_000_000
_INDEX_LIMIT = 1 << 28
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = 0x18538067


class Missing(Exception):
    """A header that is needed has not arrived: `[start, end)`."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(start, end)
        self.start = start
        self.end = end


class Box(NamedTuple):
    """A box of an MP4: where it starts, where its body does, and where it ends."""

    kind: bytes
    start: int
    body: int
    end: int | None
    """None: up to the end of the file."""


class Mp4(NamedTuple):
    """How an MP4 or MOV must be read."""

    fragmented: bool
    index_first: bool
    """`moov` lies before the media data."""
    media_end: int | None
    """Where the first `mdat` ends."""


def is_mp4(head: bytes) -> bool:
    """Whether the first bytes are those of an MP4 or MOV."""
    return len(head) >= 8 and head[4:8] in _MP4_FIRST


def wanted(read_at: ReadAt) -> tuple[int, int]:
    """`[start, end)` that must arrive before a demuxer could make something of what is there.

    `NOTHING` if it could now. Everything can be tried with its first bytes, except an MP4 whose
    index lies at the end. What cannot be told at a glance is tried once all of it is there.
    """
    head = read_at(*FIRST)
    if head is None:
        return FIRST
    if not is_mp4(head):
        return NOTHING
    try:
        for box in islice(boxes(read_at, 0, None), _GLANCE):
            if box.kind in (b"moov", b"moof"):
                return NOTHING
    except Missing as missing:
        return missing.start, missing.end
    return _EVERYTHING


def mp4(read_at: ReadAt) -> Mp4 | None:
    """Finds the index of an MP4; None if there is none.

    Raises `Missing`, and what can be told already: `Limits`, `Encrypted`, `Truncated`.
    """
    media_end: int | None = None
    media_seen = False
    for number, box in enumerate(boxes(read_at, 0, None)):
        if number == _BOXES_LIMIT:
            raise Limits(f"more than {number} boxes before its index")
        if box.kind == b"mdat":
            if not media_seen:
                media_end, media_seen = box.end, True
        elif box.kind == b"moov":
            if (box.end or box.body) - box.start > _INDEX_LIMIT:
                raise Limits(f"an index of {(box.end or box.body) - box.start} bytes")
            fragmented = _inspect_index(read_at, box)
            if media_seen:
                return Mp4(fragmented, False, media_end)
            if fragmented:
                return Mp4(True, True, None)
            return Mp4(False, True, _first_media_end(read_at, box))
    return None


def _first_media_end(read_at: ReadAt, index: Box) -> int | None:
    if index.end is not None:
        for box in boxes(read_at, index.end, None):
            if box.kind == b"mdat":
                return box.end
    raise Truncated("it has no media data (mdat)")


def _inspect_index(read_at: ReadAt, moov: Box) -> bool:
    """Whether the movie is fragmented. Refuses what could never be held or decoded."""
    fragmented = False
    samples = 0
    for box in boxes(read_at, moov.body, moov.end):
        fragmented |= box.kind == b"mvex"
        if box.kind != b"trak":
            continue
        for table in _descend(read_at, box, (b"mdia", b"minf", b"stbl")):
            for part in boxes(read_at, table.body, table.end):
                if part.kind in (b"stsz", b"stz2"):
                    samples += int.from_bytes(read_at(part.body + 8, 4) or b"", "big")
                elif part.kind == b"stsd" and (read_at(part.body + 12, 4) or b"") in _ENCRYPTED:
                    raise Encrypted
    if samples > _SAMPLES_LIMIT:
        raise Limits(f"{samples} samples")
    return fragmented


def _descend(read_at: ReadAt, box: Box, path: tuple[bytes, ...]) -> Iterator[Box]:
    for child in boxes(read_at, box.body, box.end):
        if child.kind == path[0]:
            if len(path) == 1:
                yield child
            else:
                yield from _descend(read_at, child, path[1:])


def boxes(read_at: ReadAt, start: int, end: int | None) -> Iterator[Box]:
    """The boxes of one level (ISO/IEC 14496-12, 4.2). Raises `Missing`; ends at nonsense."""
    while end is None or start + 8 <= end:
        whole = read_at(start, 16)
        header = whole if whole is not None else read_at(start, 8)
        if header is None:
            raise Missing(start, start + 8)
        if len(header) < 8:
            return
        size, kind = struct.unpack_from(">I4s", header)
        body = start + 8
        if size == 1:
            if whole is None:
                raise Missing(start, start + 16)
            if len(header) < 16:
                return
            size, body = struct.unpack_from(">Q", header, 8)[0], start + 16
        if size == 0:
            yield Box(kind, start, body, end)
            return
        if start + size < body:
            return
        yield Box(kind, start, body, start + size)
        start += size


def ends_early(read_at: ReadAt, length: int) -> bool:
    """Whether a complete file of `length` bytes says that it should be longer.

    Known of fragmented MP4, Matroska and RIFF. Of an MP4 with a sample table only the table
    tells: the size of its `mdat` is often a little wrong. Other containers cannot tell.
    """
    head = read_at(0, 64) or b""
    if is_mp4(head):
        return any(
            box.kind in (b"moof", b"mdat") and (box.end or 0) > length
            for box in boxes(read_at, 0, None)
        )
    if head[:4] == _EBML:
        return (_matroska_end(head) or 0) > length
    if head[:4] in (b"RIFF", b"RF64") and len(head) >= 8:
        size = int.from_bytes(head[4:8], "little")
        return size < 0xFFFFFFFF - 8 and size + 8 > length
    return False


def _matroska_end(head: bytes) -> int | None:
    """Where the segment of a Matroska file ends, if it says so (RFC 8794)."""
    try:
        _, position = _vint(head, 0, keep_marker=True)
        size, position = _vint(head, position)
        if size is None:
            return None
        kind, position = _vint(head, position + size, keep_marker=True)
        size, position = _vint(head, position)
    except IndexError:
        return None
    return position + size if kind == _SEGMENT and size is not None else None


def _vint(data: bytes, position: int, *, keep_marker: bool = False) -> tuple[int | None, int]:
    """A variable-size integer; None for an unknown size (all bits set)."""
    first = data[position]
    width = 9 - first.bit_length()
    if not 1 <= width <= 8:
        raise IndexError
    if position + width > len(data):
        raise IndexError
    value = int.from_bytes(data[position : position + width], "big")
    if keep_marker:
        return value, position + width
    value &= (1 << 7 * width) - 1
    unknown = value == (1 << 7 * width) - 1
    return (None if unknown else value), position + width
