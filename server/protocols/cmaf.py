"""Changes when: how samples are wrapped into CMAF boxes does (ISO/IEC 14496-12 and 23000-19).

One track a file: an init segment (`ftyp`, `moov`), and segments made of fragments (`moof`,
`mdat`). Presentation starts at zero: one `elst` entry hides the constant offset between
composition and decode times (video), or the encoder's priming (audio).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from server.protocols.codecs import AudioTrack, VideoTrack

SYNC = 0x0200_0000
"""Sample flags: depends on no other sample."""
NOT_SYNC = 0x0101_0000
Buffer = bytes | memoryview
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class Sample(NamedTuple):
    """One coded picture. `duration` and `offset` (composition minus decode time) are ticks."""

    data: Buffer
    size: int
    duration: int
    offset: int
    sync: bool


# --- init segment --------------------------------------------------------------------------


def init_segment(track: VideoTrack | AudioTrack, timescale: int, media_time: int) -> bytes:
    """`ftyp` and `moov` of a one-track file whose presentation starts at `media_time` ticks."""
    video = isinstance(track, VideoTrack)
    width, height = (track.width, track.height) if isinstance(track, VideoTrack) else (0, 0)
    tkhd = _full(
        b"tkhd",
        0,
        7,
        struct.pack(">5I8x2hH2x", 0, 0, 1, 0, 0, 0, 0, 0 if video else 0x100),
        _MATRIX,
        struct.pack(">2I", width << 16, height << 16),
    )
    elst = _full(b"elst", 0, 0, struct.pack(">IIiI", 1, 0, media_time, 0x10000))
    mdhd = _full(b"mdhd", 0, 0, struct.pack(">4IH2x", 0, 0, timescale, 0, _language(track)))
    hdlr = _full(b"hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"vide" if video else b"soun"))
    header = _full(b"vmhd", 0, 1, bytes(8)) if video else _full(b"smhd", 0, 0, bytes(4))
    dinf = _box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1)))
    entry = _avc1(track) if isinstance(track, VideoTrack) else _mp4a(track)
    stbl = _box(
        b"stbl",
        _full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        _full(b"stts", 0, 0, bytes(4)),
        _full(b"stsc", 0, 0, bytes(4)),
        _full(b"stsz", 0, 0, bytes(8)),
        _full(b"stco", 0, 0, bytes(4)),
    )
    mdia = _box(b"mdia", mdhd, hdlr, _box(b"minf", header, dinf, stbl))
    mvhd = _full(
        b"mvhd",
        0,
        0,
        struct.pack(">4IIH10x", 0, 0, timescale, 0, 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", 2),
    )
    trex = _full(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, 0))
    trak = _box(b"trak", tkhd, _box(b"edts", elst), mdia)
    return _box(b"ftyp", b"iso6", bytes(4), b"iso6cmfcmp41") + _box(
        b"moov", mvhd, trak, _box(b"mvex", trex)
    )


def _avc1(track: VideoTrack) -> bytes:
    colour = b""
    if track.colour:
        primaries, transfer, matrix, full = track.colour
        colour = _box(b"colr", b"nclx", struct.pack(">3HB", primaries, transfer, matrix, full << 7))
    return _box(
        b"avc1",
        struct.pack(">6xH16x2H", 1, track.width, track.height),
        struct.pack(">2I4xH32xHh", 0x480000, 0x480000, 1, 0x18, -1),
        _box(b"avcC", track.configuration),
        _box(b"pasp", struct.pack(">2I", 1, 1)),
        colour,
    )


def _mp4a(track: AudioTrack) -> bytes:
    """With an `esds` (ISO/IEC 14496-1, 7.2.6.5): AAC, AudioSpecificConfig inside."""
    specific = _descriptor(5, track.configuration)
    config = _descriptor(4, struct.pack(">BBxH2I", 0x40, 0x15, 0, 0, track.bit_rate), specific)
    es = _descriptor(3, struct.pack(">HB", 1, 0), config, _descriptor(6, b"\x02"))
    return _box(
        b"mp4a",
        struct.pack(">6xH8x2H4xI", 1, track.channels, 16, track.sample_rate << 16),
        _full(b"esds", 0, 0, es),
    )


def _descriptor(tag: int, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return struct.pack(">BB", tag, len(body)) + body  # all of ours are shorter than 128


def _language(track: VideoTrack | AudioTrack) -> int:
    """Three letters of ISO 639-2/T in five bits each (14496-12, 8.4.2.3)."""
    code = track.language if isinstance(track, AudioTrack) else "und"
    a, b, c = (ord(letter) - 0x60 for letter in code)
    return a << 10 | b << 5 | c


# --- segments ------------------------------------------------------------------------------


def segment_type() -> bytes:
    """`styp` of a segment."""
    return _box(b"styp", b"msdh", bytes(4), b"msdhcmfs")


def video_fragment(sequence: int, decode_time: int, samples: Sequence[Sample]) -> list[Buffer]:
    """`moof` and `mdat` as buffers to be written one after the other; no sample is copied."""
    fields = [
        field
        for s in samples
        for field in (s.duration, s.size, SYNC if s.sync else NOT_SYNC, s.offset & 0xFFFFFFFF)
    ]
    trun_flags = 0x000F01  # data offset; duration, size, flags, composition offset a sample
    table = struct.pack(f">{len(fields)}I", *fields)
    traf = (
        _full(b"tfhd", 0, 0x020000, struct.pack(">I", 1)),
        _full(b"tfdt", 1, 0, struct.pack(">Q", decode_time)),
    )
    return _fragment(sequence, traf, 1, trun_flags, table, samples)


def audio_fragment(
    sequence: int, decode_time: int, samples: Sequence[Sample], duration: int
) -> list[Buffer]:
    """The same for samples that all last `duration` ticks and depend on nothing."""
    table = struct.pack(f">{len(samples)}I", *(s.size for s in samples))
    traf = (
        _full(b"tfhd", 0, 0x020028, struct.pack(">3I", 1, duration, SYNC)),
        _full(b"tfdt", 1, 0, struct.pack(">Q", decode_time)),
    )
    return _fragment(sequence, traf, 0, 0x000201, table, samples)


def _fragment(
    sequence: int,
    traf: tuple[bytes, ...],
    version: int,
    flags: int,
    table: bytes,
    samples: Sequence[Sample],
) -> list[Buffer]:
    mfhd = _full(b"mfhd", 0, 0, struct.pack(">I", sequence))
    # moof + mfhd + traf + its boxes + trun's header, count and data offset, then the table
    size = 8 + len(mfhd) + 8 + sum(map(len, traf)) + 20 + len(table)
    trun = _full(b"trun", version, flags, struct.pack(">Ii", len(samples), size + 8), table)
    moof = _box(b"moof", mfhd, _box(b"traf", *traf, trun))
    total = sum(s.size for s in samples)
    return [moof + struct.pack(">I4s", 8 + total, b"mdat"), *(s.data for s in samples)]


def _box(kind: bytes, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *payload)
