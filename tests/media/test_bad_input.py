"""Input that is broken or wants to break out. Each ends in a clear code, and ends."""

from __future__ import annotations

import os
import random
import signal
import struct
from pathlib import Path

import msgspec
import pytest

from server.jobs.processes import MediaProcesses
from server.pipeline.messages import Start
from server.settings import MediaSettings
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip

FAST = Clip(seconds=4, options={"movflags": "faststart"})
MATROSKA = Clip(seconds=8, container="matroska")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "text",
    [
        b"just some text\n" * 50,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 18999 RTP/AVP 96\n",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(5000),
        b"\x1b[31m" * 400,
    ],
)
def test_not_media(processes: MediaProcesses, tmp_path: Path, text: bytes) -> None:
    made = media.run(processes, write(tmp_path / "x", text))
    assert made.failed.code == "not_media"


def test_nothing_at_all(processes: MediaProcesses, tmp_path: Path) -> None:
    assert media.run(processes, write(tmp_path / "x", b"")).failed.code == "empty"


def test_cut_off_before_the_index(processes: MediaProcesses, clips: Clips, tmp_path: Path) -> None:
    data = clips("cut-off.mp4", Clip(seconds=3)).read_bytes()
    made = media.run(processes, write(tmp_path / "x.mp4", data[: len(data) * 7 // 10]))
    assert made.failed.code == "truncated"


@pytest.mark.parametrize(("name", "clip"), [("fast4.mp4", FAST), ("eight.mkv", MATROSKA)])
def test_what_is_there_of_a_truncated_file_plays(
    processes: MediaProcesses, clips: Clips, tmp_path: Path, name: str, clip: Clip
) -> None:
    data = clips(name, clip).read_bytes()
    made = media.run(processes, write(tmp_path / name, data[: len(data) * 6 // 10]))
    assert made.done.early == "truncated"
    seen = media.picture_times(made.file(made.names("video")[0]))
    assert 0.3 * clip.seconds < seen[-1] < 0.8 * clip.seconds


def test_damage_in_the_middle_is_survived_and_told(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    data = bytearray(clips("eight.mkv", MATROSKA).read_bytes())
    chance = random.Random(7)
    for _ in range(300):
        data[chance.randrange(len(data) // 3, len(data))] ^= 1 << chance.randrange(8)
    made = media.run(processes, write(tmp_path / "x.mkv", bytes(data)))
    assert made.done.cuts >= 3
    assert any(notice.code == "damaged_packets" for notice in made.done.notices)


def test_a_sample_table_that_no_memory_holds(processes: MediaProcesses, tmp_path: Path) -> None:
    def box(kind: bytes, *payload: bytes) -> bytes:
        body = b"".join(payload)
        return struct.pack(">I4s", 8 + len(body), kind) + body

    stsz = box(b"stsz", bytes(4), struct.pack(">II", 1, 1 << 26))
    trak = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", stsz))))
    bomb = box(b"ftyp", b"isom") + box(b"moov", trak) + box(b"mdat", bytes(100))
    assert media.run(processes, write(tmp_path / "x.mp4", bomb)).failed.code == "limits"


def test_pictures_larger_than_allowed(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("fast4.mp4", FAST)
    small = msgspec.structs.replace(media.SMALL, max_pixels=100 * 100)
    made = media.run(processes, path, small)
    assert made.names("video") == []
    assert [notice.code for notice in made.done.notices][:1] == ["video_dropped"]


@pytest.mark.parametrize("megabytes", [40, 60, 130, 200, 300])
def test_too_little_memory_is_called_that(
    processes: MediaProcesses, clips: Clips, megabytes: int
) -> None:
    path = clips("hd.mp4", Clip(seconds=1, width=1920, height=1080, audio=False))
    tight = MediaSettings(memory=megabytes << 20)
    made = media.run(processes, path, tight)
    assert made.failed.code == "limits"
    assert made.pieces == {}


def test_mutations_never_do_more_than_end_their_process(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    """Seeded: the same mutations every time. Whatever comes out, the process is gone after."""
    chance = random.Random(20261120)
    sources = [clips("fast4.mp4", FAST), clips("eight.mkv", MATROSKA)]
    for number in range(40):
        data = bytearray(chance.choice(sources).read_bytes())
        for _ in range(chance.choice((1, 10, 200))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        made = media.run(processes, write(tmp_path / str(number), bytes(data)))
        assert made.exit_status is not None
        assert made.outcome is not None or made.exit_status != 0


def test_ends_with_its_host(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("eight.mkv", MATROSKA)
    start = Start(settings=media.SMALL, ranges=[(0, 5000)], length=None)
    descriptor = os.open(path, os.O_RDONLY)
    process = processes.start(start, descriptor)
    os.close(descriptor)
    process.forked.result(timeout=20)
    process.close()
    assert process.exited.result(timeout=20).status in (0, 1)


def test_can_be_killed_while_it_waits(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("eight.mkv", MATROSKA)
    start = Start(settings=media.SMALL, ranges=[(0, 5000)], length=None)
    descriptor = os.open(path, os.O_RDONLY)
    process = processes.start(start, descriptor)
    os.close(descriptor)
    process.kill()
    assert process.exited.result(timeout=20).status == -signal.SIGKILL
    process.close()
