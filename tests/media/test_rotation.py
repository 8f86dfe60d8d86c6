"""Rotation is a display matrix in the track header, written here by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from server.jobs.processes import MediaProcesses
from server.pipeline.containers import boxes
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip

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


@pytest.mark.parametrize("degrees", MATRICES)
def test_pictures_are_turned_as_players_would(
    processes: MediaProcesses, clips: Clips, tmp_path: Path, degrees: int
) -> None:
    """The bar across the top of the pattern must lie where a player would show it."""
    plain = clips("bar.mp4", Clip(seconds=1, audio=False))
    path = rotated(plain, tmp_path / "turned.mp4", degrees)
    made = media.run(processes, path)
    quarter = degrees % 180 != 0
    assert (made.settled.width, made.settled.height) == ((180, 320) if quarter else (320, 180))
    shown = media.picture(made.file(made.names("video")[0]), 6).astype(float)
    upright = media.picture(str(plain), 6)
    differences = {}
    for turn in (0, 90, 180, 270):
        candidate = np.rot90(upright, k=-turn // 90).astype(float)
        if candidate.shape == shown.shape:
            differences[turn] = float(np.abs(shown - candidate).mean())
    assert min(differences, key=differences.__getitem__) == degrees
    assert differences[degrees] < 12
    assert all(other > 20 for turn, other in differences.items() if turn != degrees)
