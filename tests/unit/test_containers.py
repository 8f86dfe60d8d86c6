from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Encrypted, Limits, Truncated
from server.pipeline import containers
from storage.ranges import Ranges
from tests.conftest import Clips
from tests.support.clips import Clip


def box(kind: bytes, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def reader(data: bytes, there: Ranges | None = None) -> containers.ReadAt:
    def read_at(offset: int, size: int) -> bytes | None:
        size = max(0, min(size, len(data) - offset))
        if there is not None and not there.covers(offset, offset + size):
            return None
        return data[offset : offset + size]

    return read_at


def sample_table(samples: int, entry: bytes = b"avc1") -> bytes:
    stsd = box(b"stsd", bytes(4), struct.pack(">I", 1), struct.pack(">I4s", 16, entry), bytes(8))
    stsz = box(b"stsz", bytes(8), struct.pack(">I", samples))
    return box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", stsd, stsz))))


FTYP = box(b"ftyp", b"isom")
MDAT = box(b"mdat", bytes(1000))
MOOV = box(b"moov", sample_table(10))
FRAGMENTED = box(b"moov", sample_table(0), box(b"mvex", box(b"trex")))


def test_index_first() -> None:
    found = containers.mp4(reader(FTYP + MOOV + MDAT + box(b"free")))
    assert found == containers.Mp4(False, True, len(FTYP + MOOV + MDAT))


def test_index_last() -> None:
    found = containers.mp4(reader(FTYP + MDAT + MOOV))
    assert found is not None
    assert (found.fragmented, found.index_first) == (False, False)


def test_fragmented() -> None:
    found = containers.mp4(reader(FTYP + FRAGMENTED + box(b"moof") + MDAT))
    assert found is not None
    assert found.fragmented


def test_refusals() -> None:
    assert containers.mp4(reader(FTYP + MDAT)) is None
    with pytest.raises(Truncated):
        containers.mp4(reader(FTYP + MOOV))
    with pytest.raises(Limits):
        containers.mp4(reader(FTYP + box(b"moov", sample_table(1 << 26)) + MDAT))
    with pytest.raises(Encrypted):
        containers.mp4(reader(FTYP + box(b"moov", sample_table(5, b"encv")) + MDAT))
    with pytest.raises(Limits):
        containers.mp4(reader(FTYP + struct.pack(">I4s", 0xFFFFFFF0, b"moov") + bytes(99)))


def test_large_and_endless_boxes() -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 50) + bytes(50)
    endless = struct.pack(">I4s", 0, b"mdat") + bytes(50)
    kinds = [(b.kind, b.end) for b in containers.boxes(reader(FTYP + large + endless), 0, None)]
    assert kinds == [(b"ftyp", 12), (b"mdat", 78), (b"mdat", None)]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_stumble(data: bytes) -> None:
    read_at = reader(data)
    list(containers.boxes(read_at, 0, None))
    containers.openable(read_at, True)
    containers.ends_early(read_at, len(data))


def test_openable_with_the_first_bytes_unless_the_index_is_at_the_end() -> None:
    assert not containers.openable(reader(b"x" * 100, Ranges()), False)
    assert containers.openable(reader(b"\x1a\x45\xdf\xa3" * 5, Ranges([(0, 10)])), False)
    data = FTYP + MDAT + MOOV
    head = Ranges([(0, 200)])
    assert not containers.openable(reader(data, head), False)
    head.add(len(FTYP + MDAT), len(data))
    assert containers.openable(reader(data, head), False)
    assert containers.openable(reader(FTYP + MOOV + MDAT, Ranges([(0, 60)])), False)


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("whole.mkv", Clip(seconds=2, container="matroska")),
        ("whole.avi", Clip(seconds=2, container="avi", codec="mpeg4", audio_codec="mp3")),
        (
            "whole-fragmented.mp4",
            Clip(seconds=2, options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
        ),
    ],
)
def test_a_file_that_was_cut_off_says_so(clips: Clips, name: str, clip: Clip) -> None:
    data = clips(name, clip).read_bytes()
    assert not containers.ends_early(reader(data), len(data))
    short = data[: len(data) * 6 // 10]
    assert containers.ends_early(reader(short), len(short))


def test_something_behind_the_end_is_no_missing_end(clips: Clips, tmp_path: Path) -> None:
    del tmp_path
    data = FTYP + FRAGMENTED + box(b"moof") + MDAT + b"PK\x03\x04" + bytes(200)
    assert not containers.ends_early(reader(data), len(data))
