"""Processes are killed at points that differ from run to run; what comes out must not."""

from __future__ import annotations

import os
import random
import signal
from functools import partial
from pathlib import Path

import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.presentation import Presentation
from tests.support.server import LIVE, Server, until

TIMES = tuple(n / 25 for n in range(100)) + tuple(6.7 + n / 20 for n in range(400))
CLIP = Clip(seconds=26, times=TIMES, options={"movflags": "faststart"}, width=640, height=360)
SLOW = {"media_preset": "medium", "media_ladder": "360,240,180"}


def media_processes(server: Server) -> list[int]:
    forkserver = server.descendants()[:1]
    return [pid for pid in server.descendants() if pid not in forkserver]


def pieces(server: Server) -> int:
    """Files that media processes have made so far, published or not."""
    return len(list((server.data / "editions").rglob("*.m4s")))


def live(server: Server, video_id: str) -> bool:
    return server.video(video_id)["state"] in LIVE


def test_a_killed_media_process_is_replaced(tmp_path: Path, clips: Clips) -> None:
    """Killed each time something new is published; no cut is lost, none is made twice."""
    server = Server(tmp_path / "data", **SLOW).start()
    try:
        video_id = server.upload(clips("crash.mp4", CLIP))
        for _ in range(4):
            before = pieces(server)
            until(partial(_more_or_over, server, video_id, before))
            for pid in media_processes(server):
                os.kill(pid, signal.SIGKILL)
        video = server.finished(video_id)
        assert video["state"] == "completed", video
        made = Presentation(server, video)
        assert made.faults() == []
        assert 26 < made.tracks[0].seconds < 27
        epochs = {uri.split(".")[2] for track in made.tracks for uri in track.uris}
        assert len(epochs) > 1
        children = server.descendants()
        assert children
    finally:
        server.end()
    until(lambda: _all_gone(children))


def test_a_killed_server_goes_on_by_itself(tmp_path: Path, clips: Clips) -> None:
    """Killed in mid-upload and in mid-job, several times; the client goes on from HEAD."""
    server = Server(tmp_path / "data", **SLOW).start()
    chance = random.Random()
    try:
        data = clips("crash.mp4", CLIP).read_bytes()
        created = server.create(len(data))
        url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
        while (at := server.offset(url)) < len(data):
            size = chance.randrange(1, len(data) // 2)
            assert server.patch(url, at, data[at : at + size]).status_code == 204
            children = server.descendants()
            server.kill()
            until(partial(_all_gone, children))
            server.start()
            assert server.offset(url) == min(len(data), at + size)
        for _ in range(2):
            until(lambda: server.video(video_id)["playback"])
            server.kill()
            server.start()
        video = server.finished(video_id)
        assert video["state"] == "completed", video
        made = Presentation(server, video)
        assert made.faults() == []
        assert 26 < made.tracks[0].seconds < 27
        assert requests.get(url, timeout=60).content == data
        recorded = {uri for track in made.tracks for uri in track.uris}
        on_disk = {p.name for p in (server.data / "editions").rglob("*.m4s")}
        assert recorded <= on_disk
    finally:
        server.end()


def test_a_job_that_always_crashes_ends(tmp_path: Path, clips: Clips) -> None:
    """Three attempts without a new cut, then it is over: no endless retry."""
    server = Server(tmp_path / "data", **SLOW).start()
    try:
        data = clips("crash.mp4", CLIP).read_bytes()
        created = server.create(len(data), body=data[:20_000])
        video_id = created.headers["Reelrace-Video-Id"]
        _strike(server, signal.SIGSEGV, 3)
        video = server.finished(video_id)
        assert (video["state"], video["error"]["code"]) == ("failed", "crashed")
        assert video["attempts"] == 3
    finally:
        server.end()


def test_a_file_is_not_blamed_for_what_others_kill(tmp_path: Path, clips: Clips) -> None:
    server = Server(tmp_path / "data", **SLOW).start()
    try:
        data = clips("crash.mp4", CLIP).read_bytes()
        created = server.create(len(data), body=data[:20_000])
        _strike(server, signal.SIGKILL, 4)
        server.patch(created.headers["Location"], 20_000, data[20_000:])
        assert server.finished(created.headers["Reelrace-Video-Id"])["state"] == "completed"
    finally:
        server.end()


def _strike(server: Server, number: signal.Signals, times: int) -> None:
    for _ in range(times):
        for pid in until(lambda: media_processes(server)):
            os.kill(pid, number)
        until(lambda: not media_processes(server))


def _more_or_over(server: Server, video_id: str, before: int) -> bool:
    return pieces(server) > before + 4 or not live(server, video_id)


def _all_gone(pids: list[int]) -> bool:
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"
