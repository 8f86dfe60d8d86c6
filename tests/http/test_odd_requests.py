"""Requests that nobody sends by accident get answers of the same kind as others."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from base64 import b64encode
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.server import OCTETS, TUS, Server, until

ONE = "0" * 32


def ask(server: Server, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code; header values go out as Latin-1, as they are."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["code"]
    finally:
        connection.close()


@pytest.mark.parametrize(
    "origin",
    [
        "http://[",
        "http://\xff",
        "null",
        "",
        "https://evil.example",
        "https://{}",
        "{}",
        "http://{}/",
    ],
)
def test_origins_that_are_not_ours(shared_server: Server, origin: str) -> None:
    ours = urlsplit(shared_server.url).netloc
    headers = {**shared_server.cookie(), "Origin": origin.format(ours)}
    answer = ask(shared_server, "DELETE", f"/api/videos/{ONE}", headers)
    assert answer == (403, "origin_refused")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Upload-Metadata": "filename \xe9"}, (400, "metadata_invalid")),
        ({"Upload-Metadata": "\xe9 YQ=="}, (400, "metadata_invalid")),
        ({"Content-Type": "\xff", "Content-Length": "1"}, (415, "content_type_wrong")),
        ({"X-User-Session": "\xff" * 40}, (400, "session_invalid")),
    ],
)
def test_headers_that_are_no_text(
    shared_server: Server, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    asked = {**TUS, "Upload-Length": "1", **headers}
    assert ask(shared_server, "POST", "/files/", asked) == expected


@pytest.mark.parametrize("path", ["v/x/y", "v/x/not-an-id/index.m3u8", "v/", "files/x"])
def test_what_is_nowhere_is_not_found(shared_server: Server, path: str) -> None:
    answer = requests.get(shared_server.url + path, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_refusals_can_be_read_by_other_pages(shared_server: Server) -> None:
    answer = requests.get(f"{shared_server.url}v/x/{ONE}/index.m3u8", timeout=60)
    assert answer.status_code in (403, 404)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    wrong = requests.put(f"{shared_server.url}files/", timeout=60)
    assert (wrong.status_code, wrong.headers["Tus-Resumable"]) == (405, "1.0.0")
    partly = shared_server.create(10, body=b"12345").headers["Location"]
    assert requests.get(partly, timeout=60).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False)],
)
def test_gzip_is_sent_to_those_who_take_it(
    shared_server: Server, accepted: str, packed: bool
) -> None:
    page = requests.get(shared_server.url, timeout=60).text
    script = page.split('src="/', 1)[1].split('"', 1)[0]
    answer = requests.get(
        shared_server.url + script, headers={"Accept-Encoding": accepted}, timeout=60
    )
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed


def test_an_upload_that_is_whole_when_it_is_ended_keeps_its_video(shared_server: Server) -> None:
    """All bytes have come, but the body that brought them has not ended."""
    created = shared_server.create(5)
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as writer:
        writer.putrequest("PATCH", parts.path)
        asked = {**TUS, **OCTETS, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}
        for name, value in asked.items():
            writer.putheader(name, value)
        writer.endheaders(b"5\r\n12345\r\n")

        def came() -> bool:
            receiving = shared_server.video(video)["progress"]["stages"]["receiving"]
            return bool(receiving["bytes"] == 5)

        until(came)
        assert requests.delete(url, headers=TUS, timeout=60).status_code == 204
    assert shared_server.video(video)["id"] == video


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-User-Session SECRET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a\x00=SECRET\r\n\r\n",
        b"GET /SECRET HTTP/x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"SECRET" * 2000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_not_kept(server: Server, said: bytes) -> None:
    before = len(server.log())
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        sock.sendall(said)
        assert sock.recv(100).startswith(b"HTTP/1.0 400")
    lines = server.log()[before:].splitlines()
    assert len(lines) <= 1
    assert "SECRET" not in "".join(lines)


@pytest.mark.parametrize("body", [b"123456", b"1234"])
def test_what_was_uploaded_is_no_page_of_ours(shared_server: Server, body: bytes) -> None:
    """Whether it is whole or not, whatever is asked of it."""
    url = shared_server.create(6, "a.html", body=body).headers["Location"]
    for asked in ({}, {"Range": "bytes=0-1"}, {"If-Match": '"x"'}, {"Range": "bytes=99-"}):
        answer = requests.get(url, headers=asked, timeout=60)
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == "attachment"


@pytest.mark.parametrize("char", "\x00\x1b\r\u009b\u202a\u202e\u2066\u2069")
@pytest.mark.parametrize(("key", "code"), [("title", "metadata"), ("filename", "filename")])
def test_names_that_steer_what_shows_them(
    shared_server: Server, key: str, code: str, char: str
) -> None:
    meta = f"{key} {b64encode(f'a{char}b'.encode()).decode()}"
    answer = shared_server.create(1, "", b"", **{"Upload-Metadata": meta})
    assert (answer.status_code, answer.json()["code"]) == (400, f"{code}_invalid")


def test_names_in_any_script(shared_server: Server) -> None:
    """Marks of direction, as names in Arabic and Hebrew have them, turn nothing else."""
    title = "\u200f\u05e9\u05dc\u05d5\u05dd\u200e \U0001f4a9 \u30d3\u30c7\u30aa"
    meta = f"title {b64encode(title.encode()).decode()}"
    video = shared_server.create(1, "", b"", **{"Upload-Metadata": meta}).headers[
        "Reelrace-Video-Id"
    ]
    assert shared_server.video(video)["title"] == title
