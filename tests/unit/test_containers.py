from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.job_errors import Encrypted, Limits, Truncated
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
    containers.wanted(read_at)
    containers.ends_early(read_at, len(data))


def test_wants_the_first_bytes_and_the_index_of_an_mp4() -> None:
    assert containers.wanted(reader(b"x" * 100, Ranges())) == (0, 8)
    matroska = reader(b"\x1a\x45\xdf\xa3" * 5, Ranges([(0, 10)]))
    assert containers.wanted(matroska) == containers.NOTHING
    data, index = FTYP + MDAT + MOOV, len(FTYP + MDAT)
    head = Ranges([(0, 200)])
    assert containers.wanted(reader(data, head)) == (index, index + 8)
    head.add(index, index + 8)
    assert containers.wanted(reader(data, head)) == containers.NOTHING
    index_first = reader(FTYP + MOOV + MDAT, Ranges([(0, 60)]))
    assert containers.wanted(index_first) == containers.NOTHING


def test_wants_the_whole_header_of_a_large_box() -> None:
    data = FTYP + struct.pack(">I4sQ", 1, b"mdat", 500) + bytes(1000)
    there = Ranges([(0, len(FTYP) + 8)])
    assert containers.wanted(reader(data, there)) == (12, 28)
    there.add(0, 28)
    assert containers.wanted(reader(data, there)) == (512, 520)


def test_what_cannot_be_told_at_a_glance_wants_all_of_it() -> None:
    """Nonsense, and more boxes than any real file has before its index."""
    data, looks = FTYP + box(b"free") * 100_000, 0

    def read_at(offset: int, size: int) -> bytes | None:
        nonlocal looks
        looks += 1
        return data[offset : offset + size]

    start, end = containers.wanted(read_at)
    assert start == 0
    assert end > len(data)
    assert looks < 1000
    assert containers.wanted(reader(FTYP + struct.pack(">I4s", 3, b"mdat") + bytes(50)))[0] == 0
    with pytest.raises(Limits):
        containers.mp4(reader(data + MOOV))


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
