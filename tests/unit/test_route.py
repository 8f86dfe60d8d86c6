from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli.route import Stretch, route_of

KB = 1 << 10
HEAD = 64 * KB


def box(kind: bytes, size: int, *, large: bool = False, endless: bool = False) -> bytes:
    head = struct.pack(">I4s", 0 if endless else size, kind)
    if large:
        head = struct.pack(">I4sQ", 1, kind, size)
    return head + bytes(size - len(head))


FTYP = box(b"ftyp", 24)


def route(tmp_path: Path, data: bytes) -> list[Stretch]:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    return route_of(path)


def test_what_the_index_needs_comes_first(tmp_path: Path) -> None:
    data = FTYP + box(b"mdat", 1000 * KB) + box(b"moov", 100 * KB)
    index = len(data) - 100 * KB
    assert route(tmp_path, data) == [(0, HEAD), (index, len(data)), (HEAD, index)]


def test_headers_on_the_way_are_sent_with_it_and_what_is_behind_it_later(tmp_path: Path) -> None:
    data = FTYP + box(b"mdat", 500 * KB, large=True) + box(b"free", 300 * KB)
    data += box(b"moov", 100 * KB) + box(b"mdat", 300 * KB)
    free, index, end = 24 + 500 * KB, 24 + 800 * KB, 24 + 900 * KB
    assert route(tmp_path, data) == [
        (0, HEAD),
        (free, free + 16),
        (index, end),
        (HEAD, free),
        (free + 16, index),
        (end, len(data)),
    ]


def test_what_lies_close_is_sent_together(tmp_path: Path) -> None:
    data = FTYP + box(b"mdat", 200 * KB) + box(b"free", 8) + box(b"moov", 50 * KB)
    index, data = len(data) - 50 * KB - 8, data + box(b"free", 10 * KB)
    assert route(tmp_path, data) == [(0, HEAD), (index, len(data)), (HEAD, index)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        bytes(100 * KB),
        b"\x1a\x45\xdf\xa3" + bytes(300 * KB),
        FTYP + box(b"moov", 100 * KB) + box(b"mdat", 300 * KB),
        FTYP + box(b"mdat", 300 * KB, endless=True),
        FTYP + box(b"moof", 100 * KB) + box(b"mdat", 300 * KB) + box(b"moov", 100 * KB),
        FTYP + box(b"mdat", 60 * KB) + box(b"moov", 10 * KB),
        FTYP + struct.pack(">I4s", 1 << 30, b"mdat") + bytes(300 * KB),
        FTYP + struct.pack(">I4sQ", 1, b"mdat", 15) + bytes(300 * KB),
        FTYP + box(b"mdat", 300 * KB) + struct.pack(">I4s", 7, b"moov"),
    ],
)
def test_all_else_is_sent_as_it_lies(tmp_path: Path, data: bytes) -> None:
    assert route(tmp_path, data) == [(0, len(data))]


@given(
    st.lists(
        st.tuples(st.sampled_from([b"free", b"mdat", b"moov", b"uuid"]), st.integers(8, 200 * KB)),
        max_size=8,
    ),
    st.binary(max_size=20),
)
def test_every_byte_is_sent_once(boxes: list[tuple[bytes, int]], rest: bytes) -> None:
    data = FTYP + b"".join(box(kind, size) for kind, size in boxes) + rest
    with tempfile.TemporaryDirectory() as folder:
        found = route(Path(folder), data)
    ordered = sorted(found)
    assert ordered[0].start == 0
    assert [stretch.end for stretch in ordered] == [s.start for s in ordered[1:]] + [len(data)]
    assert all(stretch.start < stretch.end for stretch in found)
