"""No file, however odd, makes work or bytes without end; what is there of it plays."""

from __future__ import annotations

import time
import wave
from pathlib import Path

import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.presentation import Presentation
from tests.support.server import Server, until

TWENTY = Clip(seconds=20, options={"movflags": "faststart"})


def ended(server: Server, path: Path) -> tuple[str, str, int, float]:
    """State, code, attempts and seconds of a video once it has ended."""
    video = server.finished(server.upload(path))
    made = Presentation(server, video)
    assert made.faults() == []
    return video["state"], video["error"]["code"], video["attempts"], made.tracks[0].seconds


def test_what_lasts_too_long_is_cut_off(tmp_path: Path, clips: Clips) -> None:
    server = Server(tmp_path / "data", max_duration=8).start()
    try:
        state, code, attempts, seconds = ended(server, clips("twenty.mp4", TWENTY))
        assert (state, code, attempts) == ("partial", "limits", 1)
        assert 11.9 < seconds < 12.1
        odd = tmp_path / "odd.wav"
        with wave.open(str(odd), "wb") as sound:
            sound.setparams((1, 1, 10, 0, "NONE", ""))
            sound.writeframes(bytes(3600 * 10))
        state, code, attempts, seconds = ended(server, odd)
        assert (state, code, attempts) == ("partial", "limits", 1)
        assert seconds < 12.1
    finally:
        server.end()


def test_what_makes_too_much_is_cut_off(tmp_path: Path) -> None:
    """Hours of silence, of a few bytes."""
    server = Server(tmp_path / "data", max_output_base=1 << 20, max_output_factor=1).start()
    try:
        odd = tmp_path / "odd.wav"
        with wave.open(str(odd), "wb") as sound:
            sound.setparams((1, 1, 100, 0, "NONE", ""))
            sound.writeframes(bytes(100 * 3600))
        state, code, attempts, seconds = ended(server, odd)
        assert (state, code, attempts) == ("partial", "limits", 1)
        assert 60 < seconds < 3600
        made = [path.stat().st_size for path in (server.data / "editions").rglob("*.m4s")]
        assert sum(made) <= (1 << 20) + odd.stat().st_size
    finally:
        server.end()


def test_a_disk_that_is_nearly_full_is_left_so(tmp_path: Path, clips: Clips) -> None:
    """The job waits, and goes on when there is room."""
    server = Server(tmp_path / "data", min_free_space=1 << 60).start()
    try:
        video_id = server.upload(clips("twenty.mp4", TWENTY))
        until(lambda: server.video(video_id)["attempts"] >= 2)
        assert not list((server.data / "editions").rglob("*.m4s"))
        assert server.video(video_id)["error"] is None
    finally:
        server.end()
    roomy = Server(tmp_path / "data").start()
    try:
        assert roomy.finished(video_id)["state"] == "completed"
    finally:
        roomy.end()


def test_a_few_bytes_now_and_then_keep_nobody_from_playing(tmp_path: Path, clips: Clips) -> None:
    settings = {"jobs_growing": 1, "park_after": 60, "park_after_crowded": 2}
    server = Server(tmp_path / "data", **settings).start()
    try:
        data = clips("twenty.mp4", TWENTY).read_bytes()
        half = len(data) // 2
        created = server.create(len(data), body=data[:half])
        url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
        server.playable(video_id)
        other = server.create(len(data), body=data[:half]).headers["Reelrace-Video-Id"]
        at = half
        end = time.monotonic() + 20
        while not server.video(other)["playback"]:
            assert time.monotonic() < end
            assert server.patch(url, at, data[at : at + 1]).status_code == 204
            at += 1
            time.sleep(0.2)
        assert server.video(video_id)["state"] == "created"
        assert requests.head(url, headers={"Tus-Resumable": "1.0.0"}, timeout=60).ok
        assert server.patch(url, at, data[at:]).status_code == 204
        assert server.finished(video_id)["state"] == "completed"
    finally:
        server.end()
