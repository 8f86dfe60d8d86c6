"""What watchers are told: from the first byte to the removal, over restarts and lost lines."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import Server
from tests.support.streams import Stream, numbers, progress, state

CLIP = Clip(seconds=9, options={"movflags": "faststart"})


def test_a_video_from_its_first_byte_to_its_removal(server: Server, clips: Clips) -> None:
    data = clips("told.mp4", CLIP).read_bytes()
    with Stream(server) as stream:
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        first = stream.next()
        assert first == ("snapshot", 0, {"videos": [], "next": None})
        created = server.create(len(data), body=data[: len(data) // 2])
        video_id = created.headers["Reelrace-Video-Id"]
        begun = list(stream.until(lambda told: told.kind == "cut"))
        server.patch(created.headers["Location"], len(data) // 2, data[len(data) // 2 :])
        events = begun + list(stream.until(progress(state="completed")))
        assert numbers(events) == list(range(1, len(numbers(events)) + 1))
        assert {told.data.get("video", told.data.get("id")) for told in events} == {video_id}
        kinds = [told.kind for told in events if told.number is not None]
        assert kinds[:3] == ["created", "state", "state"]
        assert kinds[-1] == "state"
        cuts = [told.data for told in events if told.kind == "cut"]
        assert [(cut["cut"], cut["start"], cut["end"]) for cut in cuts] == [
            (0, 0, 2),
            (1, 2, 4),
            (2, 4, 8),
            (3, 8, 9),
        ]
        states = [told.data for told in events if told.kind == "state"]
        assert [one["state"] for one in states] == ["waiting", "active", "completed"]
        video = server.video(video_id)
        assert {one["job"] for one in states} == {video["job"]}
        assert events[-1].data == video
        deleted = requests.delete(
            f"{server.url}api/videos/{video_id}", headers=server.session, timeout=60
        )
        assert deleted.status_code == 204
        last = list(stream.until(lambda told: told.kind == "removed"))[-1]
        assert last == ("removed", numbers(events)[-1] + 1, {"video": video_id})


def test_a_snapshot_is_what_the_list_is(server: Server) -> None:
    for _ in range(52):
        server.create(10)
    with Stream(server) as stream:
        snapshot = stream.next()
        assert snapshot.data == server.get("api/videos").json()
        assert len(snapshot.data["videos"]) == 50
        assert snapshot.data["next"]
        assert snapshot.number == 52
    ids = [video["id"] for video in snapshot.data["videos"][3:5]]
    with Stream(server, f"api/events?video={ids[0]}&video={ids[1]}&video={ids[0]}") as stream:
        told = stream.next()
        assert [video["id"] for video in told.data["videos"]] == ids
        assert (told.number, told.data["next"]) == (52, None)
    with Stream(server, f"api/events?video={ids[1]}") as stream:
        assert stream.next().number == 1


def test_a_failure_says_why(server: Server, tmp_path: Path) -> None:
    with Stream(server) as stream:
        server.create(1000, body=b"no video at all" * 66 + b"1234567890")
        failed = list(stream.until(state("failed")))[-1]
        error = failed.data["error"]
        assert error == server.video(failed.data["video"])["error"]
        assert error["code"] == "not_media"
        assert next(stream.until(progress(state="failed")))
