"""Rotation is a display matrix in the track header, written here by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from server.jobs.processes import MediaProcesses
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip
from tests.support.rotation import MATRICES, rotated


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
