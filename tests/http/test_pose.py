"""Poses of a person, by a real server with a real pose process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest
import requests

from server.protocols.pose import MODELS, Pose
from tests.support.contract import Contract
from tests.support.people import swaying
from tests.support.presentation import Presentation
from tests.support.rotation import rotated
from tests.support.server import LIVE, Server, until

CONTRACT = Contract()
SECONDS = 7
TIMES = tuple(n / 20 for n in range(20 * SECONDS))
LITE = {"media_pose_model": "lite"}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("person") / "astronaut.mkv"
    return swaying(path, TIMES, container="matroska", keyframe_every=30)


@pytest.fixture(scope="module")
def posing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that looks for poses, and makes renditions beside."""
    data = tmp_path_factory.mktemp("posing") / "data"
    found = Server(data, media_outputs="renditions,pose", **LITE).start()
    yield found
    found.end()


@pytest.fixture(scope="module")
def done(posing: Server, person: Path) -> dict[str, Any]:
    video = posing.finished(posing.upload(person))
    assert (video["state"], video["warnings"]) == ("completed", [])
    return video


def frames(server: Server, video: dict[str, Any], query: str = "") -> list[Pose]:
    answer = CONTRACT.check(server.get(f"api/videos/{video['id']}/pose.ndjson{query}"))
    assert answer.status_code == 200, answer.text
    return [msgspec.json.decode(line, type=Pose) for line in answer.content.splitlines()]


def events(answer: requests.Response) -> list[dict[str, str]]:
    """The events of a stream that has ended."""
    parts = [part for part in answer.text.split("\n\n") if part and not part.startswith(":")]
    return [dict(line.split(": ", 1) for line in part.split("\n")) for part in parts]


def test_everybody_is_found_at_the_right_time(posing: Server, done: dict[str, Any]) -> None:
    found = frames(posing, done)
    assert [frame.index for frame in found] == list(range(len(TIMES)))
    assert [frame.time for frame in found] == list(TIMES)
    assert sum(len(frame.people) == 1 for frame in found) > 0.9 * len(found)
    noses = [frame.people[0].landmarks[0] for frame in found if frame.people]
    assert all(0.2 < x < 0.8 and 0 < y < 0.5 and sure > 0.9 for x, y, _, sure in noses)
    assert max(x for x, *_ in noses) - min(x for x, *_ in noses) > 0.15  # it sways
    assert done["pose"] == {
        "model": "lite",
        "sha256": MODELS["lite"],
        "rate": 30,
        "frames": len(TIMES),
        "seconds": done["playback"]["seconds"],
        "ndjson": f"/api/videos/{done['id']}/pose.ndjson",
        "stream": f"/api/videos/{done['id']}/pose/stream",
    }
    stage = done["progress"]["stages"]["pose"]
    assert (stage["percent"], stage["frames"]) == (100, len(TIMES))


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("?from=3&to=7", 3, 7),
        ("?from=39&to=42", 39, 42),  # on both sides of a cut
        ("?start=1&end=2.05", 20, 41),
        ("?start=3.95&end=4.0000001", 79, 81),
        ("?from=30&start=1&to=90&end=2", 30, 40),
        ("?start=6.95", 139, 140),
        ("?from=1000", 0, 0),
        ("?start=99999", 0, 0),
        ("?to=0", 0, 0),
        ("?start=2&end=1", 0, 0),
    ],
)
def test_a_range_of_them(
    posing: Server, done: dict[str, Any], query: str, first: int, last: int
) -> None:
    found = frames(posing, done, query)
    assert [frame.index for frame in found] == list(range(first, last))


@pytest.mark.parametrize(
    "query", ["?from=x", "?to=-1", "?start=1e3", "?end=nan", "?start=-1", "?from=" + "9" * 16]
)
def test_nonsense_is_refused(posing: Server, done: dict[str, Any], query: str) -> None:
    answer = CONTRACT.check(posing.get(f"api/videos/{done['id']}/pose.ndjson{query}"))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_the_stream_goes_on_where_it_was_and_ends(posing: Server, done: dict[str, Any]) -> None:
    path = f"api/videos/{done['id']}/pose/stream"
    whole = posing.get(path)
    assert CONTRACT.check(whole).headers["Content-Type"] == "text/event-stream"
    retry, *rest, last = events(whole)
    assert set(retry) == {"retry"}
    assert [int(event["id"]) for event in rest] == list(range(len(TIMES)))
    assert {event["event"] for event in rest} == {"frame"}
    assert msgspec.json.decode(rest[7]["data"], type=Pose) == frames(posing, done)[7]
    assert last == {"event": "end", "data": f'{{"frames":{len(TIMES)}}}'}
    again = events(posing.get(path, **{"Last-Event-ID": "136"}))
    assert [event.get("id") for event in again[1:]] == ["137", "138", "139", None]
    assert events(posing.get(f"{path}?from=139"))[1]["id"] == "139"
    assert CONTRACT.check(posing.get(path, **{"Last-Event-ID": "139"})).status_code == 204
    assert len(events(posing.get(path, **{"Last-Event-ID": "what"}))) == len(TIMES) + 2
    assert posing.get(f"{path}?from=x").status_code == 400


def test_another_edition_begins_anew(posing: Server, person: Path, tmp_path: Path) -> None:
    """A file whose end is missing is worked on again: its frames are those of another edition."""
    data = person.read_bytes()
    cut_off = tmp_path / "cut off.mkv"
    cut_off.write_bytes(data[: len(data) * 6 // 10])
    video = posing.finished(posing.upload(cut_off))
    assert (video["state"], video["error"]["code"]) == ("partial", "truncated")
    count = video["pose"]["frames"]
    assert count > 10
    path = f"api/videos/{video['id']}/pose/stream"
    first = events(posing.get(path))
    assert [event.get("id") for event in first[1:]] == [*map(str, range(count)), None]
    answer = requests.post(
        urljoin(posing.url, f"api/videos/{video['id']}/retry"), headers=posing.session, timeout=60
    )
    assert answer.status_code == 202
    again = events(CONTRACT.check(posing.get(path, **{"Last-Event-ID": str(count - 1)})))
    kinds = CONTRACT.part("pose")["Kinds"]
    assert {event["event"] for event in again[1:]} == set(kinds)
    for event in again[1:]:
        assert not CONTRACT.fault(kinds[event["event"]], msgspec.json.decode(event["data"]))
    assert again[1] == {"id": "1:", "event": "reset", "data": "{}"}
    ids = [event.get("id") for event in again[2:]]
    assert ids == [*(f"1:{n}" for n in range(count)), None]
    assert again[-1]["event"] == "end"
    assert posing.get(path, **{"Last-Event-ID": f"1:{count - 1}"}).status_code == 204
    rest = events(posing.get(path, **{"Last-Event-ID": f"1:{count - 2}"}))
    assert rest[1]["id"] == f"1:{count - 1}"


def test_what_is_anothers_is_not_there(posing: Server, done: dict[str, Any]) -> None:
    for name in ("pose.ndjson", "pose/stream"):
        url = urljoin(posing.url, f"api/videos/{done['id']}/{name}")
        assert CONTRACT.check(requests.get(url, timeout=60)).status_code == 404
        head = requests.head(url, headers=posing.session, timeout=60)
        assert CONTRACT.check(head).status_code == 200
        unknown = posing.get(f"api/videos/{'0' * 32}/{name}")
        assert CONTRACT.check(unknown).status_code == 404


def test_they_come_while_the_file_does(posing: Server, person: Path) -> None:
    """The stream is there before anything else, and has frames before the file is whole."""
    data = person.read_bytes()
    created = posing.create(len(data), body=data[: len(data) // 2])
    video_id, url = created.headers["Reelrace-Video-Id"], created.headers["Location"]
    lines: list[str] = []

    def follow() -> None:
        stream = urljoin(posing.url, f"api/videos/{video_id}/pose/stream")
        with requests.get(stream, headers=posing.session, stream=True, timeout=60) as answer:
            lines.extend(line.decode() for line in answer.iter_lines())

    listening = threading.Thread(target=follow)
    listening.start()
    video = until(lambda: (v := posing.video(video_id))["pose"] and v)
    assert video["state"] == "active"
    assert 0 < len(frames(posing, video)) < len(TIMES)
    assert posing.patch(url, len(data) // 2, data[len(data) // 2 :]).status_code == 204
    posing.finished(video_id)
    listening.join(timeout=60)
    assert [line for line in lines if line.startswith("id")] == [
        f"id: {n}" for n in range(len(TIMES))
    ]
    assert "event: end" in lines


def test_people_are_found_upright(posing: Server, tmp_path: Path) -> None:
    """A phone that was held upright says so beside its pictures, which lie on their side."""
    lying = swaying(tmp_path / "lying.mp4", TIMES[:20], turned=90)
    video = posing.finished(posing.upload(rotated(lying, tmp_path / "upright.mp4", 90)))
    assert (video["state"], video["pose"]["frames"]) == ("completed", 20)
    people = [frame.people[0] for frame in frames(posing, video) if frame.people]
    assert len(people) > 15
    for person in people:
        nose, left, right = (person.landmarks[n] for n in (0, 11, 12))
        assert nose[1] < min(left[1], right[1])  # the head is above the shoulders


def test_nothing_but_poses(tmp_path: Path, person: Path) -> None:
    server = Server(tmp_path / "data", media_outputs="pose", **LITE).start()
    try:
        video = server.finished(server.upload(person))
        assert (video["state"], video["playback"]) == ("completed", None)
        assert len(frames(server, video)) == len(TIMES)
    finally:
        server.end()


def children(server: Server, library: str) -> list[int]:
    """Processes that have a library loaded and were made by a fork server."""
    servers = {pid for pid in server.descendants() if library in maps(pid)}
    return [pid for pid in servers if parent(pid) in servers]


def maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


@pytest.mark.parametrize("library", ["libmediapipe", "libavcodec"])
def test_a_killed_process_is_replaced_and_nothing_is_missing(
    tmp_path: Path, person: Path, library: str
) -> None:
    server = Server(tmp_path / "data", media_outputs="renditions,pose", **LITE).start()
    try:
        data = person.read_bytes()
        created = server.create(len(data), body=data[: len(data) * 3 // 4])
        video_id = created.headers["Reelrace-Video-Id"]
        until(lambda: server.video(video_id)["pose"])
        for pid in until(lambda: children(server, library)):
            os.kill(pid, signal.SIGKILL)
        server.patch(created.headers["Location"], len(data) * 3 // 4, data[len(data) * 3 // 4 :])
        video = server.finished(video_id)
        assert (video["state"], video["warnings"], video["attempts"]) == ("completed", [], 1)
        found = frames(server, video)
        assert [(frame.index, frame.time) for frame in found] == list(enumerate(TIMES))
        assert sum(len(frame.people) == 1 for frame in found) > 0.9 * len(found)
        assert Presentation(server, video).faults() == []
    finally:
        server.end()


def test_poses_that_always_break_down_are_given_up(tmp_path: Path, person: Path) -> None:
    """All else is made; the job is partial, as of the poses there is nothing."""
    server = Server(tmp_path / "data", media_outputs="renditions,pose", **LITE).start()
    over = threading.Event()

    def strike() -> None:
        while not over.wait(0.05):
            for pid in children(server, "libmediapipe"):
                os.kill(pid, signal.SIGKILL)

    striking = threading.Thread(target=strike)
    striking.start()
    try:
        video_id = server.upload(person)
        video = server.finished(video_id, 240)
        assert video["state"] not in LIVE
        assert (video["state"], video["error"]["code"]) == ("partial", "pose_failed")
        assert [warning["code"] for warning in video["warnings"]] == ["pose_missing"]
        assert frames(server, video) == []
        assert Presentation(server, video).faults() == []
    finally:
        over.set()
        striking.join()
        server.end()
