"""What ended early is worked on again; what could be seen of it stays until there is better."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import Server, until
from tests.support.streams import Stream, numbers, progress, state

CLIP = Clip(seconds=20, options={"movflags": "faststart"})
OTHER = {"X-User-Session": "somebody-else-" + "z" * 32}


def retry(server: Server, video_id: str, **headers: str) -> requests.Response:
    url = urljoin(server.url, f"api/videos/{video_id}/retry")
    return requests.post(url, headers={**server.session, **headers}, timeout=60)


def truncated(server: Server, clips: Clips) -> dict[str, Any]:
    """A video that ended partial, because its file is cut off."""
    data = clips("again.mp4", CLIP).read_bytes()
    data = data[: len(data) * 6 // 10]
    created = server.create(len(data), body=data)
    video = server.finished(created.headers["Reelrace-Video-Id"])
    assert (video["state"], video["error"]["code"]) == ("partial", "truncated")
    return video


def segments(server: Server, video: dict[str, Any]) -> set[str]:
    """The editions that its multivariant playlist points to."""
    text = server.get(video["playback"]["hls"]).text
    return {line.split("/")[0] for line in text.splitlines() if line.endswith(".m3u8")}


def test_what_crashed_is_worked_on_again(tmp_path: Path, clips: Clips) -> None:
    server = Server(tmp_path / "data").start()
    try:
        data = clips("again.mp4", CLIP).read_bytes()
        created = server.create(len(data), body=data[:20_000])
        video_id = created.headers["Reelrace-Video-Id"]
        for _ in range(3):
            for pid in until(lambda: server.descendants()[1:]):
                os.kill(pid, signal.SIGSEGV)
            until(lambda: not server.descendants()[1:])
        assert server.finished(video_id)["error"]["code"] == "crashed"
        with Stream(server) as stream:
            stream.next()
            assert retry(server, video_id, **OTHER).status_code == 404
            again = retry(server, video_id)
            assert again.status_code == 202
            assert again.json()["error"] is None
            assert again.json()["attempts"] == 0
            assert retry(server, video_id).status_code == 409
            server.patch(created.headers["Location"], 20_000, data[20_000:])
            events = list(stream.until(progress(state="completed")))
        states = [told.data["state"] for told in events if told.kind == "state"]
        assert states[:3] == ["created", "waiting", "active"]
        assert states[-1] == "completed"
        found = numbers(events)
        assert found == list(range(found[0], found[0] + len(found)))
        assert retry(server, video_id).status_code == 409
    finally:
        server.end()


def test_what_could_be_seen_stays_until_there_is_better(server: Server, clips: Clips) -> None:
    """And is erased some time after that."""
    video = truncated(server, clips)
    video_id = video["id"]
    before = segments(server, video)
    with Stream(server, f"api/events?video={video_id}") as stream:
        stream.next()
        shown = retry(server, video_id).json()
        assert shown["playback"]["seconds"] == video["playback"]["seconds"]
        assert shown["progress"]["stages"]["encoding"]["media_seconds"] == 0
        for told in stream.until(state("partial")):
            if told.kind == "progress":
                assert told.data["playback"]["seconds"] > 0
        last = next(stream.until(progress(state="partial")))
    after = segments(server, last.data)
    assert after != before
    assert last.data["playback"]["seconds"] == video["playback"]["seconds"]
    assert last.data["error"]["code"] == "truncated"


def test_what_could_be_seen_stays_if_nothing_better_comes(server: Server, clips: Clips) -> None:
    video = truncated(server, clips)
    (source,) = [path for path in (server.data / "sources").rglob("*") if path.is_file()]
    kept = source.read_bytes()
    source.write_bytes(bytes(len(kept)))
    assert retry(server, video["id"]).status_code == 202
    again = server.finished(video["id"])
    assert (again["state"], again["error"]["code"]) == ("partial", "not_media")
    assert segments(server, again) == segments(server, video)
    source.write_bytes(kept)
    assert retry(server, video["id"]).status_code == 202
    assert server.finished(video["id"])["error"]["code"] == "truncated"
    source.unlink()
    assert retry(server, video["id"]).status_code == 409


def test_it_goes_on_after_a_fall(server: Server, clips: Clips) -> None:
    """Whatever of it has happened when the server is killed."""
    video = truncated(server, clips)
    for _ in range(3):
        assert retry(server, video["id"]).status_code == 202
        server.kill()
        server.start()
        again = server.finished(video["id"])
        assert (again["state"], again["error"]["code"]) == ("partial", "truncated")
        assert server.get(again["playback"]["hls"]).status_code == 200
    server.stop()
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        assert rows.execute("select count(*) from procrastinate_jobs").fetchone() == (0,)
