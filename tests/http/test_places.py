"""Who is worked on, when not all can be."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import Server, until

TWENTY = Clip(seconds=20, options={"movflags": "faststart"})
SHORT = Clip(seconds=2)


def test_all_that_arrives_plays_at_the_same_time(tmp_path: Path, clips: Clips) -> None:
    """Uploads that wait for bytes take no place from each other, nor from what is there."""
    server = Server(tmp_path / "data", jobs=1, jobs_growing=2, park_after=60).start()
    try:
        data = clips("twenty.mp4", TWENTY).read_bytes()
        half = len(data) // 2
        created = [server.create(len(data), body=data[:half]) for _ in range(2)]
        videos = [answer.headers["Reelrace-Video-Id"] for answer in created]
        for video_id in videos:
            server.playable(video_id)
        assert server.finished(server.upload(clips("short.mp4", SHORT)))["state"] == "completed"
        assert [server.video(video_id)["state"] for video_id in videos] == ["active"] * 2
    finally:
        server.end()


def test_an_upload_that_pauses_lets_others_go_first(tmp_path: Path, clips: Clips) -> None:
    """Once others wait for its place, it is given up soon."""
    settings = {"park_after": 60, "park_after_crowded": 1, "jobs_growing": 1}
    server = Server(tmp_path / "data", **settings).start()
    try:
        data = clips("twenty.mp4", TWENTY).read_bytes()
        half = len(data) // 2
        created = server.create(len(data), body=data[:half])
        url, paused = created.headers["Location"], created.headers["Reelrace-Video-Id"]
        server.playable(paused)
        other = server.create(len(data), body=data[:half]).headers["Reelrace-Video-Id"]
        server.playable(other)
        video = until(lambda: (v := server.video(paused))["state"] == "created" and v)
        assert video["playback"]["growing"]
        assert server.patch(url, half, data[half:]).status_code == 204
        video = server.finished(paused)
        assert (video["state"], video["attempts"]) == ("completed", 0)
    finally:
        server.end()
