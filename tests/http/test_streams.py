"""Streams of events that break off, that are too many, too slow, or somebody else's."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import Server, until
from tests.support.streams import (
    Stream,
    Told,
    numbers,
    progress,
    raw,
    read_until,
    resumed,
    state,
)

CLIP = Clip(seconds=20, options={"movflags": "faststart"})
OTHER = {"X-User-Session": "somebody-else-" + "y" * 32}
FEW = 6
WAITING = struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 1 << 20, b"mdat")
"""Of a file that nobody begins to work on before its end is there."""


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[Server]:
    """A server with few places for streams."""
    found = Server(tmp_path / "data", streams_per_owner=FEW, max_streams=FEW + 2).start()
    yield found
    found.end()


def admitted(server: Server, headers: dict[str, str]) -> bool:
    with Stream(server, headers=headers) as stream:
        return stream.status == 200


def delete(server: Server, video_id: str) -> None:
    url = f"{server.url}api/videos/{video_id}"
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 204


def test_a_stream_goes_on_after_the_server_was_killed(server: Server, clips: Clips) -> None:
    data = clips("going-on.mp4", CLIP).read_bytes()
    half = len(data) // 2
    events: list[Told] = []
    with Stream(server) as first:
        assert first.next().kind == "snapshot"
        created = server.create(len(data), body=data[:half])
        events += first.until(lambda told: told.kind == "cut")
        server.kill()
        events += first.rest()
    server.start()
    with resumed(server, first) as second:
        told = second.next()
        assert told.kind != "snapshot"
        events.append(told)
        server.patch(created.headers["Location"], half, data[half:])
        events += second.until(lambda told: told.kind == "cut" and told.data["cut"] >= 3)
        server.stop()
        rest = list(second.rest())
        assert rest[-1].kind == "bye"
        events += rest
    server.start()
    second.last = max(filter(None, [second.last, first.last]))
    with resumed(server, second) as third:
        events += third.until(state("completed"))
    assert not [told for told in events if told.kind == "snapshot"]
    assert numbers(events) == list(range(1, len(numbers(events)) + 1))
    cuts = [told.data["cut"] for told in events if told.kind == "cut"]
    assert cuts == list(range(6))


def test_who_comes_and_goes_misses_nothing_and_gets_nothing_twice(server: Server) -> None:
    """While others make videos, and remove some of them."""
    count, chance = 40, random.Random()

    def make() -> None:
        for _ in range(count):
            created = server.create(1000)
            if chance.random() < 0.3:
                delete(server, created.headers["Reelrace-Video-Id"])

    with Stream(server) as stream:
        assert stream.next().number == 0
        maker = threading.Thread(target=make)
        maker.start()
        found: list[int] = []
        while maker.is_alive():
            with resumed(server, stream) as again:
                again.last = stream.last
                for _ in range(chance.randrange(1, 8)):
                    told = again.next()
                    assert told.kind != "snapshot"
                    found += numbers([told])
                stream.last = again.last
        maker.join()
    with Stream(server) as last:
        latest = last.next().number
    assert latest is not None
    with resumed(server, stream) as again:
        while not found or found[-1] < latest:
            found += numbers([again.next()])
    assert found == list(range(1, latest + 1))


def test_no_number_is_lost_or_given_twice_by_falls(server: Server) -> None:
    """Whoever was told that an upload is made finds it in the stream, in its place."""
    made: list[str] = []

    def make() -> None:
        with contextlib.suppress(requests.RequestException):
            while True:
                made.append(server.create(1000).headers["Reelrace-Video-Id"])

    events: list[Told] = []
    last = Stream(server)
    assert last.next().number == 0
    for _ in range(3):
        with resumed(server, last) as stream:
            maker = threading.Thread(target=make)
            maker.start()
            events += [stream.next() for _ in range(20)]
            server.kill()
            maker.join()
            events += stream.rest()
            stream.last = stream.last or last.last
            last = stream
        server.start()
    with resumed(server, last) as stream, Stream(server) as now:
        latest = now.next().number
        while latest != (numbers(events) or [0])[-1]:
            events.append(stream.next())
    assert numbers(events) == list(range(1, len(numbers(events)) + 1))
    created = {told.data["video"] for told in events if told.kind == "created"}
    assert set(made) <= created
    assert "snapshot" not in {told.kind for told in events}


@pytest.mark.parametrize("number", ["99999", "-1", "x", "1e3", "9" * 40, "1;2", "\u00b2"])
def test_a_number_that_was_never_told_gets_a_snapshot(shared_server: Server, number: str) -> None:
    headers = {"Last-Event-ID": number.encode().decode("latin-1")}
    with Stream(shared_server, headers=headers) as stream:
        assert stream.next().kind == "snapshot"


def test_who_goes_on_learns_how_it_is_now(server: Server) -> None:
    """Bytes that came while nobody watched have no number."""
    created = server.create(1 << 20, body=WAITING)
    with Stream(server) as stream:
        stream.next()
    server.patch(created.headers["Location"], len(WAITING), bytes(500 - len(WAITING)))
    with resumed(server, stream) as again:
        told = again.next()
        assert told.kind == "progress"
        assert told.data["progress"]["stages"]["receiving"]["bytes"] == 500


def arrived(stream: Stream, count: int) -> dict[str, Any]:
    """How it is told that so many bytes are there."""

    def receiving(told: Told) -> dict[str, Any]:
        found: dict[str, Any] = told.data["progress"]["stages"]["receiving"]
        return found

    events = stream.until(lambda t: t.kind == "progress" and receiving(t)["bytes"] == count)
    return receiving(list(events)[-1])


def test_a_page_does_not_show_what_is_gone_as_alive(server: Server) -> None:
    """A body broke off: soon it is told that nothing arrives, though nothing else happens."""
    created = server.create(1 << 20)
    path = re.sub(r"^https?://[^/]+", "", created.headers["Location"])
    with Stream(server) as stream, socket.create_connection(("127.0.0.1", server.port)) as sock:
        stream.next()
        sock.sendall(
            f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n"
            "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
            f"Content-Length: 10000\r\n\r\n".encode()
            + WAITING
        )
        sent, pace = len(WAITING), None
        while not pace:
            sock.sendall(bytes(500))
            sent += 500
            pace = arrived(stream, sent)["bytes_per_second"]
        sock.close()
        while pace:
            pace = arrived(stream, sent)["bytes_per_second"]
        assert pace == 0


def test_a_slow_reader_gets_every_event_and_of_states_the_newest(server: Server) -> None:
    busy = server.create(1 << 20, body=WAITING)
    busy_id = busy.headers["Reelrace-Video-Id"]
    with raw(server) as sock, Stream(server, f"api/events?video={busy_id}") as quick:
        begun = read_until(sock, b"event: snapshot")
        for _ in range(500):
            assert server.create(10).status_code == 201
        for number in range(8):
            sent = len(WAITING) + number * 100
            server.patch(busy.headers["Location"], sent, bytes(100))
            arrived(quick, sent + 100)  # whoever is quick was told of each
        received = begun + read_until(sock, b"id: 501\n")
        whole = rb'"bytes":%d,[^\n]*\n\n' % (800 + len(WAITING))
        while not re.search(whole, received):
            received += sock.recv(65536)
    text = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", received)
    found = [int(number) for number in re.findall(rb"^id: (\d+)$", text, re.MULTILINE)]
    assert found == list(range(1, 502))
    lines = text[: text.rindex(b"\n\n")].split(b"\n")  # the last event may not be whole
    states = [line for line in lines if line.startswith(b'data: {"id":')]
    told = [json.loads(line[6:]) for line in states]
    of_busy = [
        one["progress"]["stages"]["receiving"]["bytes"] for one in told if one["id"] == busy_id
    ]
    assert of_busy[-1] == 800 + len(WAITING)
    assert set(of_busy[:-1]) <= {len(WAITING), 800 + len(WAITING)}  # nothing between


def test_who_reads_nothing_is_sent_away(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", streams_per_owner=1, connection_timeout=2).start()
    try:
        with raw(server) as sock:
            read_until(sock, b"event: snapshot")
            assert not admitted(server, {})
            for _ in range(500):
                server.create(10)
            until(lambda: admitted(server, {}), 30)
    finally:
        server.end()


@pytest.mark.parametrize("politely", [True, False])
def test_nothing_is_left_of_who_is_gone(tight: Server, politely: bool) -> None:
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(raw(tight)) for _ in range(FEW)]
        for sock in socks:
            read_until(sock, b"event: snapshot")
        with Stream(tight) as refused:
            assert refused.status == 429
            assert refused.answer.headers["Retry-After"]
            assert json.loads(refused.answer.read())["code"] == "too_many_streams"
        for sock in socks:
            if not politely:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        until(lambda: admitted(tight, {}), 8)  # sooner than a heartbeat is due


def test_streams_in_all_are_bounded(tight: Server) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(FEW + 2):
            headers = {} if number < FEW else OTHER
            stream = stack.enter_context(Stream(tight, headers=headers))
            assert stream.next().kind == "snapshot"
        with Stream(tight, headers=OTHER) as refused:
            assert refused.status == 503
            assert json.loads(refused.answer.read())["code"] == "streams_full"
        assert tight.get("api/videos").status_code == 200


def test_the_stream_of_a_job_ends_with_it(server: Server, clips: Clips) -> None:
    video_id = server.upload(clips("job.mp4", Clip(seconds=4)))
    path = f"api/jobs/{server.video(video_id)['job']}/stream"
    with Stream(server, path) as stream:
        first = stream.next()
        assert [video["id"] for video in first.data["videos"]] == [video_id]
        events = list(stream.rest())
        last = events[-1] if events else first
    if events:
        assert last.kind == "progress"
        assert last.data["state"] == "completed"
        assert state("completed")([told for told in events if told.kind == "state"][-1])
    with resumed(server, stream, path) as again:
        assert again.status == 204
    with Stream(server, path) as late:
        assert late.next().data["videos"][0]["state"] == "completed"
        assert not list(late.rest())
    with Stream(server, path, {"Last-Event-ID": "1"}) as missed:
        told = list(missed.rest())
        assert state("completed")([one for one in told if one.kind == "state"][-1])
        assert told[-1].kind == "progress"
        assert "snapshot" not in {one.kind for one in told}
    with Stream(server, path, OTHER) as foreign:
        assert foreign.status == 404
    with Stream(server, f"api/jobs/{'0' * 32}/stream") as unknown:
        assert unknown.status == 404


def test_nobody_hears_of_what_belongs_to_others(server: Server) -> None:
    mine, theirs = (
        created.headers["Reelrace-Video-Id"]
        for created in (server.create(10), server.create(10, body=b"", **OTHER))
    )
    for query in (f"?video={theirs}", f"?video={mine}&video={theirs}", "?video=x", "?video="):
        with Stream(server, f"api/events{query}", {"Last-Event-ID": "1"}) as refused:
            assert refused.status == 404
    many = "&".join(f"video={n:032x}" for n in range(101))
    with Stream(server, f"api/events?{many}") as refused:
        assert refused.status == 400
    with Stream(server) as all_mine, Stream(server, f"api/events?video={mine}") as one:
        assert {v["id"] for v in all_mine.next().data["videos"]} == {mine}
        one.next()
        server.create(10, body=b"", **OTHER)
        second = server.create(10).headers["Reelrace-Video-Id"]
        delete(server, mine)
        events = list(all_mine.until(lambda told: told.kind == "removed"))
        assert {e.data.get("video", e.data.get("id")) for e in events} == {second, mine}
        assert numbers(events) == [2, 3]
        assert [(told.kind, told.number) for told in one.rest()] == [("removed", 2)]
    with resumed(server, one, f"api/events?video={mine}") as again:
        assert again.status == 204
    with Stream(server, f"api/events?video={mine}", {"Last-Event-ID": "1"}) as missed:
        assert [told.kind for told in missed.rest()] == ["removed"]
    with Stream(
        server, f"api/events?video={mine}&video={second}", {"Last-Event-ID": "2"}
    ) as others:
        assert others.next().kind == "removed"
    with Stream(server, f"api/events?video={mine}") as gone:
        assert gone.status == 404


def test_old_http_and_head(shared_server: Server) -> None:
    server = shared_server
    with raw(server, version="1.0") as sock:
        head, _, body = read_until(sock, b"event: snapshot").partition(b"\r\n\r\n")
        assert b"chunked" not in head.lower()
        assert body.startswith(b"retry: ")
        server.create(10)
        assert re.search(rb"id: \d+\nevent: created\ndata: {", read_until(sock, b"created"))
    answer = requests.head(f"{server.url}api/events", headers=server.session, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream"


def test_somebody_new_gets_a_session(shared_server: Server) -> None:
    url = f"{shared_server.url}api/events"
    with requests.get(url, stream=True, timeout=60) as answer:
        assert answer.headers["Set-Cookie"].startswith("reelrace_session=")


def test_states_come_twice_a_second_at_most(server: Server) -> None:
    created = server.create(1 << 20, body=WAITING)
    url = created.headers["Location"]
    with Stream(server) as stream:
        stream.next()
        began = time.monotonic()
        sent = len(WAITING)
        while time.monotonic() < began + 2:
            server.patch(url, sent, bytes(1000))
            sent += 1000

        def all_told(told: Told) -> bool:
            return bool(told.data["progress"]["stages"]["receiving"]["bytes"] == sent)

        events = list(stream.until(all_told))
        lasted = time.monotonic() - began
    assert 1 <= len(events) <= 2 * lasted + 2
    assert all(progress()(told) for told in events)
