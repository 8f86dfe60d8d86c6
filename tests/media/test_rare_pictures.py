"""Where pictures are rare, what an encoder holds back is seconds: they must come all the same."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from server.jobs.processes import MediaProcesses
from server.pipeline.messages import CutEnd, Progress, Start
from server.settings import MediaSettings, Preset
from tests.conftest import Clips
from tests.support.clips import Clip


def ends_of_packets(path: Path) -> list[int]:
    """Where in its file each picture ends."""
    with av.open(str(path), "r") as container:
        packets = [p for p in container.demux(video=0) if p.size]
    return [(packet.pos or 0) + packet.size + 16 for packet in packets]


def comes(processes: MediaProcesses, path: Path, settings: MediaSettings, pictures: int) -> bool:
    """Whether the first cut is made of so many pictures; tried until all has come to rest."""
    size, there = path.stat().st_size, ends_of_packets(path)[pictures - 1]
    start = Start(settings=settings, ranges=[(0, there)], length=None, promised=size)
    descriptor = os.open(path, os.O_RDONLY)
    process = processes.start(start, descriptor)
    os.close(descriptor)
    signs: list[Progress] = []
    try:
        while len(signs) < 4:  # that say the same, half a second apart
            received = process.link.receive()
            assert received is not None
            message, payload = received
            if isinstance(message, CutEnd):
                return True
            skipped = memoryview(bytearray(payload))
            while skipped:
                skipped = skipped[process.link.read_into(skipped) :]
            if isinstance(message, Progress) and message.waiting:
                signs = [*signs, message] if message in signs else [message]
    finally:
        process.close()
    return False


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium", "slow"])
def test_the_first_cut_of_a_slow_video_comes_soon(
    processes: MediaProcesses, clips: Clips, preset: Preset
) -> None:
    """It took 11, 17, 47 and 57 pictures, when the encoder looked ahead as far as ever."""
    clip = Clip(seconds=30, fps=Fraction(1), container="matroska", audio=False, keyframe_every=5)
    path = clips("rare.mkv", clip)
    settings = MediaSettings(ladder=(180, 120), preset=preset)
    assert comes(processes, path, settings, 11)
    assert not comes(processes, path, settings, 2)  # its end is not there


def test_others_look_ahead_as_their_preset_does(processes: MediaProcesses, clips: Clips) -> None:
    clip = Clip(seconds=4, container="matroska", audio=False)
    path = clips("usual.mkv", clip)
    settings = MediaSettings(ladder=(180, 120), preset="medium")
    assert not comes(processes, path, settings, 60)
    assert comes(processes, path, settings, 99)
