"""What a real server answers is what `server/openapi.yaml` says."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.contract import Contract
from tests.support.server import LIVE, OCTETS, TUS, Server, until
from tests.support.streams import Stream

CONTRACT = Contract()
Headers = Mapping[str, str]
NONE: Headers = {}
FAST = Clip(options={"movflags": "faststart"})
TWENTY = Clip(seconds=20, options={"movflags": "faststart"})
TEXT = b"this is only text, whatever its name says\n" * 20
IDS = ("{upload}", "{video}", "{edition}", "{job}")
UNKNOWN = dict.fromkeys(IDS, "0" * 32) | {"{name}": "v180.m3u8"}


def ask(
    server: Server, method: str, path: str, headers: Headers = NONE, body: bytes = b""
) -> requests.Response:
    """An answer that was held against the contract."""
    url = urljoin(server.url, path)
    return CONTRACT.check(
        requests.request(method, url, headers=dict(headers), data=body, timeout=60)
    )


def video(server: Server, answer: requests.Response, *states: str) -> dict[str, Any]:
    """The video of a new upload once it is in one of these states; every answer is checked."""
    path = f"api/videos/{CONTRACT.check(answer).headers['Reelrace-Video-Id']}"

    def seen() -> dict[str, Any] | None:
        ask(server, "HEAD", path, server.session)
        found: dict[str, Any] = ask(server, "GET", path, server.session).json()
        return found if found["state"] in states else None

    found: dict[str, Any] = until(seen)
    return found


def playable(server: Server, answer: requests.Response) -> dict[str, Any]:
    """The same once something plays."""
    found: dict[str, Any] = until(lambda: (v := video(server, answer, "active"))["playback"] and v)
    return found


def ended(server: Server, data: bytes) -> dict[str, Any]:
    return video(server, server.create(len(data), body=data), "completed", "partial", "failed")


def test_videos_in_every_state(server: Server, clips: Clips) -> None:
    plain, fast = clips("plain.mp4", Clip()).read_bytes(), clips("fast.mp4", FAST).read_bytes()
    arriving = clips("twenty.mp4", TWENTY).read_bytes()
    some = len(arriving) // 2
    created = server.create(len(plain), "moov last.mp4", body=plain[: len(plain) // 2])
    assert video(server, created, *LIVE)["state"] == "created"
    active = server.create(len(arriving), body=arriving[:some])
    growing = playable(server, active)
    assert growing["playback"]["growing"]
    assert ended(server, fast)["state"] == "completed"
    assert ended(server, fast[: len(fast) * 6 // 10])["state"] == "partial"
    assert ended(server, TEXT)["state"] == "failed"
    assert ended(server, b"")["error"]["code"] == "empty"
    page = ask(server, "GET", "api/videos?limit=2", server.session).json()
    assert page["videos"][1]["error"]
    listed = ask(server, "GET", "api/videos", server.session).json()["videos"]
    assert {v["state"] for v in listed} == {"created", "active", "completed", "partial", "failed"}
    older = ask(server, "GET", f"api/videos?before={page['next']}", server.session).json()
    assert [v["id"] for v in page["videos"] + older["videos"]] == [v["id"] for v in listed]
    url = active.headers["Location"]
    CONTRACT.check(server.patch(url, some, arriving[some:]))
    assert video(server, active, "completed")["duration"] == 20
    assert ask(server, "GET", "api/videos?limit=x", server.session).status_code == 400
    path = f"api/videos/{growing['id']}"
    assert ask(server, "DELETE", path, server.session).status_code == 204
    for method in ("GET", "HEAD", "DELETE"):
        assert ask(server, method, path, server.session).status_code == 404


def test_events(server: Server, clips: Clips) -> None:
    """Every kind of them, and the answers that are no stream."""
    kinds = CONTRACT.part("events")["Kinds"]
    with Stream(server) as stream:
        failed = server.create(len(TEXT), body=TEXT).headers["Reelrace-Video-Id"]
        server.finished(server.upload(clips("fast.mp4", FAST)))
        path = f"api/videos/{failed}"
        assert ask(server, "POST", f"{path}/retry", server.session).status_code == 202
        assert server.finished(failed)["state"] == "failed"
        job = f"api/jobs/{server.video(failed)['job']}/stream"
        assert ask(server, "HEAD", job, server.session).status_code == 200
        ended = ask(server, "GET", job, server.session)
        (number,) = re.findall(r"^id: (\d+)$", ended.text, re.MULTILINE)
        last = {**server.session, "Last-Event-ID": number}
        assert ask(server, "GET", job, last).status_code == 204
        assert ask(server, "GET", "api/events?video=x", server.session).status_code == 404
        many = "&".join(f"video={n:032x}" for n in range(101))
        assert ask(server, "GET", f"api/events?{many}", server.session).status_code == 400
        assert ask(server, "HEAD", "api/events").status_code == 200
        assert ask(server, "DELETE", path, server.session).status_code == 204
        events = list(stream.until(lambda told: told.kind == "removed"))
        server.stop()
        events += stream.rest()
    assert {told.kind for told in events} == set(kinds)
    for told in events:
        assert not (fault := CONTRACT.fault(kinds[told.kind], told.data)), f"{told}: {fault}"
        assert (told.number is None) == (told.kind in ("progress", "bye"))


def test_streams_that_are_refused(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", streams_per_owner=1, max_streams=2).start()
    try:
        poses = {}
        for session in ("x" * 40, "y" * 40):
            created = server.create(10, body=b"", **{"X-User-Session": session})
            poses[session] = f"api/videos/{created.headers['Reelrace-Video-Id']}/pose/stream"
        mine, other = ({"X-User-Session": session} for session in poses)
        paths = list(poses.values())
        with Stream(server, headers=mine):
            assert ask(server, "GET", "api/events", mine).status_code == 429
            assert ask(server, "GET", paths[0], mine).status_code == 429
            with Stream(server, headers={"X-User-Session": "z" * 40}):
                assert ask(server, "GET", "api/events").status_code == 503
                assert ask(server, "GET", paths[1], other).status_code == 503
    finally:
        server.end()


def test_work_that_cannot_be_done_again(shared_server: Server) -> None:
    for body in (b"", b"x"):
        created = shared_server.create(len(body) * 5, body=body)
        path = f"api/videos/{created.headers['Reelrace-Video-Id']}/retry"
        assert ask(shared_server, "POST", path, shared_server.session).status_code == 409
        assert ask(shared_server, "POST", path).status_code == 404


def test_an_upload_from_first_to_last(shared_server: Server) -> None:
    server, data = shared_server, bytes(1000)
    assert ask(server, "OPTIONS", "files/").status_code == 204
    new = CONTRACT.check(server.create(len(data), body=data[:400]))
    url = new.headers["Location"]
    patch = {**TUS, **OCTETS}
    for headers, body, status in (
        ({**patch, "Upload-Offset": "300"}, b"x", 409),
        ({**patch, "Upload-Offset": "400"}, bytes(601), 413),
        (patch, b"x", 400),
        ({**TUS, "Upload-Offset": "400", "Content-Type": "text/plain"}, b"x", 415),
        ({**patch, "Upload-Offset": "400", "Content-Encoding": "gzip"}, b"x", 415),
        ({**OCTETS, "Upload-Offset": "400"}, b"x", 412),
        ({**patch, "Upload-Offset": "400"}, data[:100], 204),
    ):
        assert ask(server, "PATCH", url, headers, body).status_code == status
    assert ask(server, "HEAD", url, TUS).headers["Upload-Offset"] == "500"
    assert ask(server, "HEAD", url).status_code == 412
    assert len(ask(server, "GET", url).content) == 500
    over = {**patch, "Upload-Offset": "500", "X-HTTP-Method-Override": "PATCH"}
    assert ask(server, "POST", url, over, data[500:]).status_code == 204
    for method in ("GET", "POST"):
        meant = {"X-HTTP-Method-Override": "GET"} if method == "POST" else {}
        whole = ask(server, method, url, meant)
        assert whole.content == data
        for asked, status in (
            ({"Range": "bytes=1-9"}, 206),
            ({"Range": "bytes=5000-"}, 416),
            ({"If-None-Match": whole.headers["ETag"]}, 304),
            ({"If-Match": '"other"'}, 412),
        ):
            assert ask(server, method, url, {**asked, **meant}).status_code == status
    head = {**TUS, "X-HTTP-Method-Override": "HEAD"}
    assert ask(server, "POST", url, head).headers["Upload-Offset"] == "1000"
    assert ask(server, "POST", url, TUS).status_code == 405
    assert ask(server, "DELETE", url, TUS).status_code == 204
    for method in ("HEAD", "GET", "DELETE", "PATCH"):
        gone = ask(server, method, url, {**patch, "Upload-Offset": "0"})
        assert gone.status_code == 404


@pytest.mark.parametrize("path", ["files/", "files"])
def test_creations_that_are_refused(shared_server: Server, path: str) -> None:
    for headers, body, status in (
        ({"Upload-Length": "5"}, b"", 412),
        (TUS, b"", 400),
        ({**TUS, "Upload-Length": "-5"}, b"", 400),
        ({**TUS, "Upload-Length": str(1 << 50)}, b"", 413),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "a #"}, b"", 400),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "filename Li4="}, b"", 400),
        ({**TUS, "Upload-Length": "5", "Content-Type": "text/plain"}, b"12345", 415),
        ({**TUS, **OCTETS, "Upload-Length": "5", "Content-Encoding": "br"}, b"12345", 415),
        ({**TUS, **OCTETS, "Upload-Length": "5"}, b"123456", 413),
        ({**TUS, **OCTETS, "Upload-Length": "5"}, b"12345", 201),
    ):
        assert ask(shared_server, "POST", path, headers, body).status_code == status


def test_a_body_that_falls_silent(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", body_timeout=1).start()
    try:
        url = server.create(1000).headers["Location"]
        assert checked(begun(url, 0), url) == 408
    finally:
        server.end()


def test_bodies_that_the_server_ends(server: Server) -> None:
    """For HEAD, and for its own end."""
    created = server.create(1000)
    url = created.headers["Location"]

    def there() -> int:
        found: int = video(server, created, *LIVE)["progress"]["stages"]["receiving"]["bytes"]
        return found

    writing = begun(url, 0)
    until(lambda: there() == 300)
    assert ask(server, "HEAD", url, TUS).headers["Upload-Offset"] == "300"
    assert checked(writing, url) == 409
    writing = begun(url, 300)
    until(lambda: there() == 600)
    os.kill(server.pid, signal.SIGTERM)
    assert checked(writing, url) == 503
    server.kill()  # it would take its time


def begun(url: str, offset: int) -> http.client.HTTPConnection:
    """A PATCH that lacks its last byte."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.putrequest("PATCH", parts.path)
    said = {**TUS, **OCTETS, "Upload-Offset": str(offset), "Content-Length": "301"}
    for name, value in said.items():
        connection.putheader(name, value)
    connection.endheaders(bytes(300))
    return connection


def checked(connection: http.client.HTTPConnection, url: str) -> int:
    """The status of the answer, held against the contract; its connection is closed."""
    with contextlib.closing(connection), connection.getresponse() as answer:
        headers = dict(answer.getheaders())
        path = urlsplit(url).path
        CONTRACT.check_parts("PATCH", path, answer.status, headers, answer.read())
        return answer.status


@pytest.mark.parametrize("share", [1, 2])
def test_playback(server: Server, clips: Clips, share: int) -> None:
    """Of a video that has ended, and of one that grows."""
    data = clips("twenty.mp4", TWENTY).read_bytes()
    answer = server.create(len(data), body=data[: len(data) // share])
    playing = playable(server, answer) if share > 1 else video(server, answer, "completed")
    index = playing["playback"]["hls"]
    addresses = list(media(server, index))
    addresses += list(pictures(server, playing))
    kinds = {"index", "playlist", "init", "segment", "list"}
    assert {kind for kind, _ in addresses} == kinds
    for kind, path in addresses:
        for method in ("GET", "HEAD"):
            for coding in ("gzip", "identity"):
                got = ask(server, method, path, {"Accept-Encoding": coding})
                assert got.status_code == 200
        assert ask(server, "OPTIONS", path, {"Origin": "https://a.example"}).status_code == 204
        if kind == "segment":
            assert ask(server, "GET", path, {"Range": "bytes=0-9"}).status_code == 206
            assert ask(server, "GET", path, {"Range": "bytes=99999999-"}).status_code == 416
            assert ask(server, "GET", path, {"If-Match": '"other"'}).status_code == 412
        if kind == "segment" or (share == 1 and kind != "init"):
            tag = ask(server, "GET", path).headers["ETag"]
            assert ask(server, "GET", path, {"If-None-Match": tag}).status_code == 304
        elsewhere = path.replace(playing["id"], "0" * 32)
        assert ask(server, "GET", elsewhere).json()["code"] == "not_found"
        ungranted = path.replace("/v/", "/v/x")
        assert ask(server, "GET", ungranted).json()["code"] == "grant_invalid"


def media(server: Server, index: str) -> Iterator[tuple[str, str]]:
    """The multivariant playlist, all media playlists, and an init segment and a segment of each."""
    yield "index", index
    for uri in re.findall(
        r'(?:^|URI=")([^\s"#]+\.m3u8)', ask(server, "GET", index).text, re.MULTILINE
    ):
        path = urljoin(index, uri)
        yield "playlist", path
        text = ask(server, "GET", path).text
        yield "init", urljoin(path, re.findall(r'MAP:URI="([^"]+)"', text)[0])
        for segment in re.findall(r"^[^#].*m4s$", text, re.MULTILINE)[:1]:  # keyframes come later
            yield "segment", urljoin(path, segment)


def pictures(server: Server, video: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The poster, the lists of pictures, and a picture of each."""
    yield "segment", video["poster"]
    for path in (video["thumbnails"], video["storyboard"]):
        yield "list", path
        names = re.findall(r"^(\S+\.jpg)", ask(server, "GET", path).text, re.MULTILINE)
        yield "segment", urljoin(path, names[0])


def test_page_and_health(shared_server: Server) -> None:
    for method in ("GET", "HEAD"):
        assert ask(shared_server, method, "healthz").status_code == 200
        assert ask(shared_server, method, "").status_code == 200
        assert ask(shared_server, method, "assets/nothing").status_code == 404
    page = ask(shared_server, "GET", "").text
    for asset in re.findall(r'"/(assets/[^"]+)"', page):
        for coding in ("gzip", "identity"):
            assert ask(shared_server, "GET", asset, {"Accept-Encoding": coding}).status_code == 200


def test_sessions_and_hosts_are_judged_everywhere(shared_server: Server) -> None:
    foreign = {**shared_server.cookie(), "Origin": "https://evil.example"}
    assert len(CONTRACT.routes()) > 20
    for method, template in sorted(CONTRACT.routes()):
        path = template.replace("{grant}", "x")
        for name, value in UNKNOWN.items():
            path = path.replace(name, value)
        answer = ask(shared_server, method, path, {"X-User-Session": "short"})
        assert answer.status_code == 400
        if method in ("POST", "PATCH", "DELETE"):
            assert ask(shared_server, method, path, foreign).status_code == 403
        assert ask(shared_server, method, path, {"Host": "evil.example"}).status_code == 421
