"""Changes when: in which parts, and in which order, a file is sent does.

An MP4 or MOV whose index is behind its pictures is sent as windows: what leads to the index first,
then the index, then the rest. So it plays while that arrives. Boxes: ISO/IEC 14496-12, 4.2.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

_FIRST = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx"}
"""An MP4 or a MOV begins with one of these."""
_GLANCE = 256
"""Boxes that are looked at. Real files have fewer than 20 before their index."""
_HEADER = 16
"""Bytes of a box's size and kind, and of the large size that some have."""
_HEAD = 1 << 16
"""Bytes that a reader wants of a beginning."""
_CLOSE = 1 << 16
"""What lies this close together is sent together."""


class Stretch(NamedTuple):
    """Bytes `[start, end)` of a file."""

    start: int
    end: int


def route_of(path: Path) -> list[Stretch]:
    """The stretches of a file, in the order in which they are best sent; one if it needs no order.

    The same file has the same ones, so that who goes on with it knows where.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        needed = _needed(file, size)
    if not needed:
        return [Stretch(0, size)]
    first = _joined([Stretch(0, _HEAD), *needed], size)
    starts = [0, *(stretch.end for stretch in first)]
    ends = [*(stretch.start for stretch in first), size]
    gaps = map(Stretch, starts, ends)
    return [*first, *(gap for gap in gaps if gap.start < gap.end)]


def _needed(file: BinaryIO, size: int) -> list[Stretch]:
    """An index that is behind the pictures, and the headers that must be read to find it."""
    passed: list[Stretch] = []
    media, at = False, 0
    for number in range(_GLANCE):
        file.seek(at)
        header = file.read(_HEADER)
        end = _end(header, at, size)
        kind = header[4:8]
        if end is None or kind == b"moof" or (not number and kind not in _FIRST):
            break
        if kind == b"moov":
            return [*passed, Stretch(at, end)] if media else []
        media |= kind == b"mdat"
        passed.append(Stretch(at, min(end, at + _HEADER)))
        at = end
    return []


def _end(header: bytes, start: int, size: int) -> int | None:
    """Where a box ends; None if there is none, or it reaches beyond the file."""
    if len(header) < 8:
        return None
    length = int.from_bytes(header[:4], "big")
    least = 8
    if length == 1:
        if len(header) < _HEADER:
            return None
        (length,), least = struct.unpack_from(">Q", header, 8), _HEADER
    end = start + length if length else size
    return end if start + least <= end <= size else None


def _joined(stretches: list[Stretch], size: int) -> list[Stretch]:
    """In order, those that are close to each other as one; a little at the end is taken along."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1].end + _CLOSE:
            found[-1] = Stretch(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Stretch(start, end))
    return [Stretch(start, size if size - end <= _CLOSE else end) for start, end in found]
