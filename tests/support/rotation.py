"""Changes when: how a test makes a clip that is to be shown turned does."""

from __future__ import annotations

import struct
from pathlib import Path

from server.pipeline.containers import boxes

ONE = 0x10000
MATRICES = {
    90: (0, ONE, -ONE, 0),
    180: (-ONE, 0, 0, -ONE),
    270: (0, -ONE, ONE, 0),
}


def rotated(path: Path, target: Path, degrees: int) -> Path:
    """A copy of an MP4 that is to be shown turned clockwise by `degrees`."""
    data = bytearray(path.read_bytes())
    a, b, c, d = MATRICES[degrees]
    for kind, body in _video_headers(bytes(data)):
        assert kind == b"tkhd"
        struct.pack_into(">9i", data, body + 40, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    target.write_bytes(data)
    return target


def _video_headers(data: bytes) -> list[tuple[bytes, int]]:
    def read_at(offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    found = []
    for moov in boxes(read_at, 0, None):
        if moov.kind == b"moov":
            for trak in boxes(read_at, moov.body, moov.end):
                if trak.kind == b"trak":
                    found += [
                        (box.kind, box.body)
                        for box in boxes(read_at, trak.body, trak.end)
                        if box.kind == b"tkhd"
                    ]
    return found
