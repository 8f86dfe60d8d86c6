"""The IETF's resumable uploads, cut off: sections of draft ...-resumable-upload-12."""

from __future__ import annotations

import hashlib
import socket
import struct
from pathlib import Path

import pytest

from tests.support.raw import Wire
from tests.support.rufh import (
    DATA,
    VERSIONS,
    appending,
    ask,
    begin,
    patch,
    received,
    said,
    standing,
    stored,
    video_of,
)
from tests.support.server import TUS, Server, until

MANY = b"".join(hashlib.sha512(b"%d" % n).digest() for n in range(1 << 14)) * 40
"""40 MiB."""


def newest(server: Server) -> str:
    """The id of the video that was made last."""
    found: str = server.get("api/videos?limit=1").json()["videos"][0]["id"]
    return found


@VERSIONS
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_cut_upload_goes_on(shared_server: Server, version: int, how: str) -> None:
    """Sections 3.1, 4.2.2, 4.3 and 4.4."""
    with Wire(shared_server.url) as wire:
        told = said(version, Upload_Complete="?1", Content_Length=len(DATA))
        wire.begin("POST", "/files/", told | shared_server.session)
        wire.send(DATA[:300_001])
        url = wire.answer().headers["Location"]
        video = newest(shared_server)
        until(lambda: received(shared_server, video) == 300_001)
        if how == "reset":
            reset = struct.pack("ii", 1, 0)
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert standing(url, version) == (300_001, "?0")
    with Wire(url) as wire:
        wire.begin("PATCH", url, appending(300_001, len(DATA) - 300_001, version))
        wire.send(DATA[300_001:500_000])
        until(lambda: received(shared_server, video) == 500_000)
    assert standing(url, version) == (500_000, "?0")
    rest = patch(url, 500_000, DATA[500_000:], "?1", version)
    assert (rest.status_code, rest.headers["Upload-Complete"]) == (201, "?1")
    assert stored(url) == DATA


@VERSIONS
def test_head_ends_whoever_was_writing(shared_server: Server, version: int) -> None:
    """Sections 4.3 and 4.6: the offset must hold."""
    url = begin(shared_server, len(DATA), version)
    video = video_of(url)
    with Wire(url) as wire:
        wire.begin("PATCH", url, appending(0, len(DATA), version))
        wire.send(DATA[:300_000])
        until(lambda: received(shared_server, video) == 300_000)
        assert standing(url, version) == (300_000, "?0")
        ended = wire.answer()
        assert (ended.status_code, ended.headers["Upload-Complete"]) == (409, "?0")
        assert ended.json()["type"] == "about:blank"
    assert patch(url, 300_000, DATA[300_000:], "?1", version).status_code == 201
    assert stored(url) == DATA


def test_a_new_patch_ends_an_active_one(shared_server: Server) -> None:
    """Section 4.6, the recommended way: who sends again has given up on the first."""
    url = begin(shared_server, len(DATA))
    video = video_of(url)
    with Wire(url) as wire:
        wire.begin("PATCH", url, appending(0, len(DATA)))
        wire.send(DATA[:300_000])
        until(lambda: received(shared_server, video) == 300_000)
        assert patch(url, 300_000, DATA[300_000:], "?1").status_code == 201
        assert wire.answer().status_code == 409
    assert stored(url) == DATA


def test_progress_is_what_is_on_the_disk(server: Server) -> None:
    """Sections 4.1.1, 4.2.2 and 5: each offset is one that a fall does not take back."""
    told = said(9, Upload_Complete="?1", Content_Length=len(MANY)) | server.session
    with Wire(server.url) as wire:
        wire.begin("POST", "/files/", told)
        wire.send(MANY[:-1])
        url = wire.answer().headers["Location"]
        progress = wire.answer()
        assert progress.status_code == 104
        assert dict(progress.headers).keys() == {"Upload-Draft-Interop-Version", "Upload-Offset"}
        acknowledged = int(progress.headers["Upload-Offset"])
        assert 0 < acknowledged < len(MANY)
        server.kill()
    server.start()
    at, complete = standing(url)
    assert (at >= acknowledged, complete) == (True, "?0")
    rest = patch(url, at, MANY[at:], "?1")
    assert rest.status_code == 201
    assert hashlib.sha256(stored(url)).digest() == hashlib.sha256(MANY).digest()


@VERSIONS
def test_progress_of_an_append(shared_server: Server, version: int) -> None:
    """Section 4.4.2: without Location; it rises, and the final answer is the last."""
    url = begin(shared_server, len(MANY), version)
    with Wire(url) as wire:
        wire.begin("PATCH", url, appending(0, len(MANY), version))
        wire.send(MANY)
        *interim, final = wire.answers()
        assert final.status_code == 201
        wire.begin("HEAD", url, said(version))  # the connection is fit for more
        assert wire.answer(of_head=True).status_code == 204
    assert interim
    assert {answer.status_code for answer in interim} == {104}
    assert all("Location" not in answer.headers for answer in interim)
    offsets = [int(answer.headers["Upload-Offset"]) for answer in interim]
    assert offsets == sorted(set(offsets))
    assert offsets[-1] <= len(MANY)


def test_completeness_outlives_a_fall(server: Server) -> None:
    """Section 4.1.2."""
    whole, all_there = begin(server, 5), begin(server, 5)
    assert patch(whole, 0, b"abcde", "?1").status_code == 201
    assert patch(all_there, 0, b"abcde", "?0").status_code == 204
    server.kill()
    server.start()
    assert standing(whole) == (5, "?1")
    assert standing(all_there) == (5, "?0")
    assert patch(all_there, 5, b"", "?1").status_code == 201


def test_a_body_that_falls_silent(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", body_timeout=1).start()
    try:
        url = begin(server, 1000)
        with Wire(url) as wire:
            wire.begin("PATCH", url, appending(0, 1000))
            wire.send(bytes(300))
            answer = wire.answer()
            assert (answer.status_code, answer.json()["code"]) == (408, "body_timeout")
            assert answer.headers["Upload-Complete"] == "?0"
            assert wire.closed()
        assert standing(url) == (300, "?0")
    finally:
        server.end()


def test_what_one_protocol_began_the_other_goes_on_with(shared_server: Server) -> None:
    """They are the same uploads."""
    url = shared_server.create(len(DATA)).headers["Location"]
    assert shared_server.patch(url, 0, DATA[:1000]).status_code == 204
    assert standing(url) == (1000, "?0")
    assert patch(url, 1000, DATA[1000:2000], "?0").status_code == 204
    assert ask("HEAD", url, TUS).headers["Upload-Offset"] == "2000"
    assert shared_server.patch(url, 2000, DATA[2000:]).status_code == 204
    assert patch(url, len(DATA), b"", "?1").status_code == 201
    assert stored(url) == DATA
