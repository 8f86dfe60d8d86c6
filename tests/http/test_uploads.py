from __future__ import annotations

import base64
import hashlib
import select
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.support.server import OCTETS, TUS, Server, until

DATA = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(40_000))


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    return socket.create_connection((parts.hostname, parts.port or 80))


def begin_patch(url: str, offset: int, declared: int, more: str = "") -> socket.socket:
    """A PATCH whose body is still to come."""
    sock = connect(url)
    sock.sendall(
        f"PATCH {urlsplit(url).path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"
        f"{more}Content-Length: {declared}\r\n\r\n".encode()
    )
    return sock


def received(server: Server, video_id: str) -> int:
    found: int = server.video(video_id)["progress"]["stages"]["receiving"]["bytes"]
    return found


def stored(url: str) -> bytes:
    answer = requests.get(url, timeout=60)
    assert answer.status_code == 200
    return answer.content


def test_in_pieces(shared_server: Server) -> None:
    created = shared_server.create(len(DATA))
    url = created.headers["Location"]
    assert created.headers["Upload-Offset"] == "0"
    assert url.startswith(shared_server.url)
    assert len(created.headers["Reelrace-Video-Id"]) == 32
    assert created.headers["Reelrace-Video-Id"] not in url
    at = 0
    for size in (1, 70_001, 400_000, len(DATA)):
        part = DATA[at : at + size]
        answer = shared_server.patch(url, at, part)
        at += len(part)
        assert answer.status_code == 204
        assert answer.headers["Upload-Offset"] == str(at)
        assert shared_server.offset(url) == at
        assert stored(url) == DATA[:at]
    assert stored(url) == DATA


def test_with_the_first_bytes_in_the_creation(shared_server: Server) -> None:
    created = shared_server.create(len(DATA), body=DATA[:100_000])
    assert created.status_code == 201
    assert created.headers["Upload-Offset"] == "100000"
    url = created.headers["Location"]
    assert shared_server.patch(url, 100_000, DATA[100_000:]).status_code == 204
    assert stored(url) == DATA


def test_a_refused_patch_changes_nothing(shared_server: Server) -> None:
    url = shared_server.create(1000).headers["Location"]
    shared_server.patch(url, 0, DATA[:500])
    for offset, body, status, code in (
        (0, b"x", 409, "offset_mismatch"),
        (600, b"x", 409, "offset_mismatch"),
        (500, bytes(501), 413, "body_too_long"),
    ):
        answer = shared_server.patch(url, offset, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["title"]
        assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert shared_server.patch(url, 0, b"x").headers["Upload-Offset"] == "500"
    typed = shared_server.patch(url, 500, b"x", **{"Content-Type": "text/plain"})
    assert (typed.status_code, typed.json()["code"]) == (415, "content_type_wrong")
    encoded = shared_server.patch(url, 500, b"x", **{"Content-Encoding": "gzip"})
    assert (encoded.status_code, encoded.json()["code"]) == (415, "encoding_refused")
    assert shared_server.offset(url) == 500
    assert stored(url) == DATA[:500]


def test_a_chunked_body_longer_than_declared_is_never_stored(shared_server: Server) -> None:
    url = shared_server.create(1000).headers["Location"]
    answer = requests.patch(
        url,
        headers={**TUS, **OCTETS, "Upload-Offset": "0"},
        data=iter([DATA[:600], DATA[600:1200]]),
        timeout=60,
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_long")
    assert shared_server.offset(url) <= 1000
    assert stored(url) == DATA[: shared_server.offset(url)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../etc/passwd", "filename_invalid"),
        ("a\nb.mp4", "filename_invalid"),
        ("a" * 300, "filename_invalid"),
    ],
)
def test_bad_names_have_a_code(shared_server: Server, name: str, code: str) -> None:
    answer = shared_server.create(10, name)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_other_refusals_have_codes(shared_server: Server) -> None:
    def post(**headers: str) -> tuple[int, str]:
        answer = requests.post(urljoin(shared_server.url, "files/"), headers=headers, timeout=60)
        return answer.status_code, answer.json()["code"]

    assert post(**TUS) == (400, "length_required")
    assert post(**TUS, **{"Upload-Length": "-1"}) == (400, "length_invalid")
    assert post(**TUS, **{"Upload-Length": str(1 << 41)}) == (413, "too_large")
    assert post(**TUS, **{"Upload-Length": "1", "Upload-Metadata": "a #"}) == (
        400,
        "metadata_invalid",
    )
    assert post(**{"Upload-Length": "1"}) == (412, "tus_version_unsupported")
    short = {**TUS, "Upload-Length": "1", "X-User-Session": "short"}
    assert post(**short) == (400, "session_invalid")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_lost_connection_keeps_what_came(shared_server: Server, how: str) -> None:
    created = shared_server.create(len(DATA))
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    sock = begin_patch(url, 0, len(DATA))
    sock.sendall(DATA[:700_001])
    until(lambda: received(shared_server, video) == 700_001)
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    assert shared_server.offset(url) == 700_001
    assert shared_server.patch(url, 700_001, DATA[700_001:]).status_code == 204
    assert stored(url) == DATA


def test_head_ends_whoever_was_writing(shared_server: Server) -> None:
    created = shared_server.create(len(DATA))
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    with begin_patch(url, 0, len(DATA)) as sock:
        sock.sendall(DATA[:300_000])
        until(lambda: received(shared_server, video) == 300_000)
        assert shared_server.offset(url) == 300_000
        assert sock.recv(100).startswith(b"HTTP/1.1 409")
    assert shared_server.patch(url, 300_000, DATA[300_000:]).status_code == 204
    assert stored(url) == DATA


def test_a_new_patch_takes_over_from_a_stalled_one(server: Server) -> None:
    created = server.create(len(DATA))
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    with begin_patch(url, 0, len(DATA)) as sock:
        sock.sendall(DATA[:300_000])
        until(lambda: received(server, video) == 300_000)
        assert server.patch(url, 300_000, DATA[300_000:]).status_code == 204
    assert stored(url) == DATA


def test_of_racing_patches_one_wins_and_the_others_learn_the_offset(
    shared_server: Server,
) -> None:
    for _ in range(5):
        url = shared_server.create(50_000).headers["Location"]
        bodies = [bytes([n]) * 50_000 for n in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda body, u=url: shared_server.patch(u, 0, body), bodies))
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [204] + [409] * 5
        assert stored(url) == bodies[statuses.index(204)]


def test_an_active_writer_is_not_disturbed(shared_server: Server) -> None:
    created = shared_server.create(len(DATA))
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    with begin_patch(url, 0, len(DATA)) as sock:
        sock.sendall(DATA[:200_000])
        until(lambda: received(shared_server, video) == 200_000)
        answer = shared_server.patch(url, 0, DATA)
        assert answer.status_code == 409
        sock.sendall(DATA[200_000:])
        assert sock.recv(100).startswith(b"HTTP/1.1 204")
    assert stored(url) == DATA


def test_delete(shared_server: Server) -> None:
    created = shared_server.create(1000, body=DATA[:400])
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    assert requests.delete(url, headers=TUS, timeout=60).status_code == 204
    for answer in (shared_server.head(url), shared_server.patch(url, 400, b"x")):
        assert answer.status_code == 404
        assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert requests.get(url, timeout=60).status_code == 404
    assert shared_server.get(f"api/videos/{video}").status_code == 404


def test_delete_while_bytes_arrive(shared_server: Server) -> None:
    created = shared_server.create(len(DATA))
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    with begin_patch(url, 0, len(DATA)) as sock:
        sock.sendall(DATA[:300_000])
        until(lambda: received(shared_server, video) == 300_000)
        assert requests.delete(url, headers=TUS, timeout=60).status_code == 204
    assert shared_server.head(url).status_code == 404


def test_method_override(shared_server: Server) -> None:
    url = shared_server.create(10).headers["Location"]
    headers = {**TUS, **OCTETS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert requests.post(url, headers=headers, data=b"12345", timeout=60).status_code == 204
    assert shared_server.offset(url) == 5
    headers = {**TUS, "X-HTTP-Method-Override": "DELETE"}
    assert requests.post(url, headers=headers, timeout=60).status_code == 204
    assert requests.post(url, headers=TUS, timeout=60).status_code == 405


def test_a_body_that_stops_is_given_up_and_kept(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", body_timeout=1).start()
    try:
        url = server.create(1000).headers["Location"]
        with begin_patch(url, 0, 1000) as sock:
            sock.sendall(DATA[:300])
            answer = sock.recv(10_000)
            assert answer.startswith(b"HTTP/1.1 408")
        assert server.offset(url) == 300
    finally:
        server.end()


def test_a_body_that_drips_is_given_up_too(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", body_timeout=1).start()
    try:
        url = server.create(1000).headers["Location"]
        sent = 0
        with begin_patch(url, 0, 1000) as sock:
            while not select.select([sock], [], [], 0.1)[0]:
                sock.sendall(DATA[sent : sent + 1])
                sent += 1
            assert sock.recv(10_000).startswith(b"HTTP/1.1 408")
        assert 0 < server.offset(url) <= sent
    finally:
        server.end()


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"GET /hea"])
def test_connections_that_say_too_little_are_closed(tmp_path: Path, first: bytes) -> None:
    server = Server(tmp_path / "data", connection_timeout=1).start()
    try:
        with connect(server.url) as sock:
            sock.sendall(first)
            sock.settimeout(30)
            assert sock.recv(100) == b""
        with connect(server.url) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sock.settimeout(30)
            while sock.recv(1000):
                pass
    finally:
        server.end()


def test_sigterm_keeps_every_byte(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        created = server.create(len(DATA))
        url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
        with begin_patch(url, 0, len(DATA)) as sock:
            sock.sendall(DATA[:600_000])
            until(lambda: received(server, video) == 600_000)
            assert server.stop() == 0
        server.start()
        assert server.offset(url) == 600_000
        assert server.patch(url, 600_000, DATA[600_000:]).status_code == 204
        assert stored(url) == DATA
    finally:
        server.end()


def test_sigkill_keeps_what_had_been_written(tmp_path: Path) -> None:
    """The same-boot rule, with the acknowledged part certain and the rest as far as it came."""
    server = Server(tmp_path / "data").start()
    try:
        created = server.create(len(DATA), body=DATA[:100_000])
        url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
        with begin_patch(url, 100_000, len(DATA) - 100_000) as sock:
            sock.sendall(DATA[100_000:900_000])
            until(lambda: received(server, video) == 900_000)
            server.kill()
        server.start()
        assert server.offset(url) == 900_000
        assert server.patch(url, 900_000, DATA[900_000:]).status_code == 204
        assert stored(url) == DATA
    finally:
        server.end()


def test_cors(shared_server: Server) -> None:
    files = urljoin(shared_server.url, "files/")
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(files, headers=asked, timeout=60)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "Upload-Offset" in answer.headers["Access-Control-Allow-Headers"]
    created = shared_server.create(5, Origin="https://app.example")
    assert "Reelrace-Video-Id" in created.headers["Access-Control-Expose-Headers"]


def test_many_uploads_at_once(shared_server: Server) -> None:
    def one(number: int) -> bool:
        data = hashlib.sha256(b"%d" % number).digest() * 5000
        url = shared_server.create(len(data)).headers["Location"]
        for at in range(0, len(data), 50_000):
            assert shared_server.patch(url, at, data[at : at + 50_000]).status_code == 204
        return stored(url) == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(24)))


def test_metadata_comes_back_as_it_was(shared_server: Server) -> None:
    meta = f"filename {base64.b64encode('słońce.mp4'.encode()).decode()},x-any MQ==,flag"
    created = shared_server.create(5, "", b"", **{"Upload-Metadata": meta})
    assert shared_server.head(created.headers["Location"]).headers["Upload-Metadata"] == meta
    video = shared_server.video(created.headers["Reelrace-Video-Id"])
    assert (video["filename"], video["title"]) == ("słońce.mp4", "słońce")
