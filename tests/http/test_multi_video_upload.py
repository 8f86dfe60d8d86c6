"""The form upload of the document "Multi-Video Upload"."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.conftest import Clips
from tests.http.test_windows import sources
from tests.support.clips import Clip
from tests.support.contract import Contract
from tests.support.raw import Wire
from tests.support.rufh import received
from tests.support.server import Server, until

CONTRACT = Contract()
DATA = b"".join(hashlib.sha256(b"form %d" % n).digest() for n in range(60_000))
OTHER = "another-session-" + "y" * 32


def post(server: Server, parts: list[tuple[str, Any]], **headers: str) -> requests.Response:
    url = urljoin(server.url, "upload")
    return CONTRACT.check(requests.post(url, files=parts, headers=headers, timeout=60))


def owned(server: Server, session: str) -> list[str]:
    answer = requests.get(
        urljoin(server.url, "api/videos"), headers={"X-User-Session": session}, timeout=60
    )
    return [video["id"] for video in answer.json()["videos"]]


def test_a_video_from_a_form(server: Server, clips: Clips) -> None:
    data = clips("form.mp4", Clip()).read_bytes()
    answer = post(server, [("file", ("My dance.mp4", data))], **server.session)
    assert answer.status_code == 200
    told = answer.json()
    assert told["user_session"] == server.secret
    found = server.finished(told["video_id"])
    assert (found["state"], found["title"]) == ("completed", "My dance")


def test_what_is_said_before_the_file(shared_server: Server) -> None:
    parts = [("title", (None, "Waltz")), ("file", ("a.mp4", DATA))]
    told = post(shared_server, parts, **shared_server.session).json()
    assert shared_server.video(told["video_id"])["title"] == "Waltz"


@pytest.mark.parametrize("last", [True, False])
def test_the_session_comes_in_the_form(shared_server: Server, last: bool) -> None:
    parts = [("user_session", (None, OTHER)), ("file", ("a.mp4", DATA + bytes([last])))]
    answer = post(shared_server, parts[::-1] if last else parts)
    told = answer.json()
    assert told["user_session"] == OTHER
    assert "Set-Cookie" not in answer.headers
    assert told["video_id"] in owned(shared_server, OTHER)


def test_the_session_of_the_header_counts_first(shared_server: Server) -> None:
    parts = [("file", ("a.mp4", DATA)), ("user_session", (None, OTHER))]
    told = post(shared_server, parts, **shared_server.session).json()
    assert told["user_session"] == shared_server.secret
    assert told["video_id"] not in owned(shared_server, OTHER)
    assert told["video_id"] in owned(shared_server, shared_server.secret)


def test_nobody_gets_a_session(shared_server: Server) -> None:
    answer = post(shared_server, [("file", ("a.mp4", DATA))])
    told = answer.json()
    assert told["user_session"] in answer.headers["Set-Cookie"]
    assert owned(shared_server, told["user_session"]) == [told["video_id"]]


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([("other", (None, "x"))], "form_invalid"),
        ([("title", (None, "x" * 20_000)), ("file", ("a", b"a"))], "form_invalid"),
        ([("title", (None, "\u0007")), ("file", ("a", b"a"))], "metadata_invalid"),
        ([("user_session", (None, "short")), ("file", ("a", b"a"))], "session_invalid"),
        ([("f", (None, "x"))] * 70, "form_invalid"),
    ],
)
def test_forms_that_are_refused(
    shared_server: Server, parts: list[tuple[str, Any]], code: str
) -> None:
    answer = post(shared_server, parts)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data", "multipart/form-data; boundary=x"]
)
def test_what_is_no_form(shared_server: Server, kind: str) -> None:
    url = urljoin(shared_server.url, "upload")
    headers = {"Content-Type": kind}
    answer = CONTRACT.check(requests.post(url, data=b"abc\r\n", headers=headers, timeout=60))
    assert (answer.status_code, answer.json()["code"]) == (400, "form_invalid")


HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def test_a_form_without_an_end_leaves_nothing(server: Server) -> None:
    body = HEAD + DATA
    headers = {"Content-Type": "multipart/form-data; boundary=x", **server.session}
    answer = requests.post(urljoin(server.url, "upload"), data=body, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, "form_invalid")
    assert owned(server, server.secret) == []


def begin(wire: Wire, server: Server) -> None:
    """A form whose file is still to come."""
    headers = {"Content-Type": "multipart/form-data; boundary=x", **server.session}
    wire.begin("POST", "/upload", headers | {"Transfer-Encoding": "chunked"})


def nothing(server: Server) -> bool:
    return owned(server, server.secret) == [] and sources(server) == 0


@pytest.mark.parametrize("behind", [b"", b"\r\n--x\r\n"])
def test_a_form_that_breaks_off_leaves_nothing(server: Server, behind: bytes) -> None:
    """In the file, or behind it."""
    with Wire(server.url) as wire:
        begin(wire, server)
        wire.chunk(HEAD + DATA)
        wire.chunk(DATA + behind)
        (video,) = until(lambda: owned(server, server.secret))
        until(lambda: received(server, video) >= len(DATA))
    until(lambda: nothing(server))


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"quota_bytes": 1_000_000}, "quota_exceeded"),
        ({"max_upload_size": 1_000_000}, "too_large"),
        ({"body_timeout": 1}, "body_timeout"),
    ],
)
def test_a_form_that_is_ended_leaves_nothing(
    tmp_path: Path, limit: dict[str, int], code: str
) -> None:
    server = Server(tmp_path / "data", **limit).start()
    try:
        with Wire(server.url) as wire:
            begin(wire, server)
            wire.chunk(HEAD + DATA)
            assert wire.answer().json()["code"] == code
        until(lambda: nothing(server))
    finally:
        server.end()


def test_a_form_whose_length_cannot_be_recorded_leaves_nothing(server: Server) -> None:
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        rows.execute(
            "create trigger full before update of length on uploads"
            " begin select raise(abort, 'full'); end"
        )
    assert post(server, [("file", ("a.mp4", DATA))], **server.session).status_code == 500
    until(lambda: nothing(server))


@pytest.mark.parametrize(
    "rest",
    [
        b'\r\n--x\r\nContent-Disposition: form-data; name="user_session"\r\n\r\nshort\r\n--x--\r\n',
        b"\r\n--x\r\nX: " + bytes(10_000) + b"\r\n\r\n\r\n--x--\r\n",
        b"\r\n--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n\r\n--x--\r\n",
    ],
)
def test_what_is_wrong_behind_the_file(server: Server, rest: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", **server.session}
    url = urljoin(server.url, "upload")
    answer = requests.post(url, data=HEAD + b"abc" + rest, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert owned(server, server.secret) == []


def test_a_second_file_is_not_passed_over_for_ever(server: Server) -> None:
    parts = [("file", ("a.mp4", DATA)), ("file", ("b.mp4", DATA))]
    answer = post(server, parts, **server.session)
    assert (answer.status_code, answer.json()["code"]) == (400, "form_invalid")
    assert owned(server, server.secret) == []


def test_a_form_counts_once(tmp_path: Path) -> None:
    """Its length is not known before all of it is there."""
    server = Server(tmp_path / "data", quota_bytes=2 * len(DATA) - 1).start()
    try:
        assert post(server, [("file", ("a.mp4", DATA))], **server.session).status_code == 200
        again = post(server, [("file", ("a.mp4", DATA))], **server.session)
        assert (again.status_code, again.json()["code"]) == (413, "quota_exceeded")
    finally:
        server.end()


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"quota_bytes": 2 * len(DATA) - 1}, (413, "quota_exceeded")),
        ({"quota_files": 1}, (403, "too_many_files")),
    ],
)
def test_what_is_given_to_somebody_has_to_fit(
    tmp_path: Path, limit: dict[str, int], code: tuple[int, str]
) -> None:
    server = Server(tmp_path / "data", **limit).start()
    try:
        parts = [("file", ("a.mp4", DATA)), ("user_session", (None, OTHER))]
        first = post(server, parts).json()["video_id"]
        second = post(server, parts)
        assert (second.status_code, second.json()["code"]) == code
        assert owned(server, OTHER) == [first]
        until(lambda: sum(p.is_file() for p in (server.data / "sources").rglob("*")) == 1)
    finally:
        server.end()


def test_a_file_plays_its_part_while_it_arrives(server: Server) -> None:
    """It is stored as it comes, never whole in memory."""
    with Wire(server.url) as wire:
        headers = {"Content-Type": "multipart/form-data; boundary=x", **server.session}
        wire.begin("POST", "/upload", headers | {"Transfer-Encoding": "chunked"})
        wire.chunk(HEAD + DATA)
        (video,) = until(lambda: owned(server, server.secret))

        def there() -> int:
            found: int = server.video(video)["progress"]["stages"]["receiving"]["bytes"]
            return found

        wire.chunk(DATA)
        until(lambda: there() >= len(DATA))
        wire.chunk(b"\r\n--x--\r\n")
        wire.chunk(b"")
        assert wire.answer().json()["video_id"] == video
        assert there() == 2 * len(DATA)


def test_one_that_falls_silent(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", body_timeout=1).start()
    try:
        for said in (b"", b"--x\r\n", HEAD + b"abc"):
            with Wire(server.url) as wire:
                headers = {"Content-Type": "multipart/form-data; boundary=x"}
                wire.begin("POST", "/upload", headers | {"Content-Length": "1000"})
                wire.send(said)
                assert wire.answer().json()["code"] == "body_timeout"
    finally:
        server.end()
