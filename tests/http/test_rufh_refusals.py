"""What the IETF's resumable uploads are refused: sections of draft ...-resumable-upload-12."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.raw import Wire
from tests.support.rufh import (
    DATA,
    PARTIAL,
    PROBLEMS,
    VERSIONS,
    ask,
    begin,
    files,
    patch,
    said,
    standing,
    stored,
    video_of,
)
from tests.support.server import Server


@VERSIONS
def test_a_wrong_offset(shared_server: Server, version: int) -> None:
    """Sections 4.4.2 and 7.1."""
    url = begin(shared_server, 1000, version)
    assert patch(url, 0, DATA[:400], "?0", version).status_code == 204
    for offset in (0, 399, 401, 10**15 - 1):
        answer = patch(url, offset, b"abc", "?0", version)
        assert answer.status_code == 409
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Complete"]) == ("400", "?0")
        problem = answer.json()
        assert problem["type"] == f"{PROBLEMS}mismatching-upload-offset"
        assert (problem["expected-offset"], problem["provided-offset"]) == (400, offset)
    assert standing(url, version) == (400, "?0")


@VERSIONS
def test_a_complete_upload_takes_no_more(shared_server: Server, version: int) -> None:
    """Sections 4.4.2 and 7.2."""
    url = begin(shared_server, 5, version)
    assert patch(url, 0, b"abcde", "?1", version).status_code == 201
    empty = patch(url, 5, b"", "?1", version)
    assert (empty.status_code, empty.json()["type"]) == (400, f"{PROBLEMS}completed-upload")
    assert empty.headers["Upload-Complete"] == "?1"
    more = patch(url, 5, b"f", "?0", version)
    kind = "inconsistent-upload-length" if version == 9 else "completed-upload"
    assert (more.status_code, more.json()["type"]) == (400, PROBLEMS + kind)
    assert standing(url, version) == (5, "?1")
    assert stored(url) == b"abcde"


@VERSIONS
def test_lengths_must_fit(shared_server: Server, version: int) -> None:
    """Sections 4.1.3 and 7.3."""
    url = begin(shared_server, 10, version)
    for complete, body, more in (
        ("?1", b"abc", {}),
        ("?0", b"abc", {"Upload_Length": 11}),
        ("?0", bytes(11), {}),
        ("?1", bytes(10), {"Upload_Length": 9}),
    ):
        answer = patch(url, 0, body, complete, version, **more)
        assert answer.status_code == 400
        assert answer.json()["type"] == f"{PROBLEMS}inconsistent-upload-length"
        assert answer.headers["Upload-Complete"] == "?0"
    assert standing(url, version) == (0, "?0")
    assert patch(url, 0, bytes(10), "?1", version, Upload_Length=10).status_code == 201


@VERSIONS
def test_a_chunked_body_that_is_too_long(shared_server: Server, version: int) -> None:
    """Section 4.4.2: the upload is invalid then; until version 6 it was kept."""
    url = begin(shared_server, 1000, version)
    with Wire(url) as wire:
        told = said(version, Upload_Offset=0, Upload_Complete="?0", Content_Type=PARTIAL)
        wire.begin("PATCH", url, told | {"Transfer-Encoding": "chunked"})
        wire.chunk(bytes(600))
        wire.chunk(bytes(600))
        wire.chunk(b"")
        answer = wire.answer()
    assert (answer.status_code, answer.json()["code"]) == (400, "length_inconsistent")
    after = ask("HEAD", url, said(version))
    assert after.status_code == (204 if version == 6 else 404)


@pytest.mark.parametrize("by_tus", [True, False])
def test_a_byte_too_many_leaves_the_video_of_a_whole_upload(
    shared_server: Server, by_tus: bool
) -> None:
    """Section 4.4.2: the upload is invalid then, not what was made of it."""
    if by_tus:
        url = shared_server.create(1000, body=DATA[:1000]).headers["Location"]
    else:
        url = begin(shared_server, 1000)
        assert patch(url, 0, DATA[:1000], "?0").status_code == 204
    video = video_of(url)
    with Wire(url) as wire:
        told = said(9, Upload_Offset=1000, Upload_Complete="?0", Content_Type=PARTIAL)
        wire.begin("PATCH", url, told | {"Transfer-Encoding": "chunked"})
        wire.chunk(b"x")
        wire.chunk(b"")
        answer = wire.answer()
    assert (answer.status_code, answer.json()["code"]) == (400, "length_inconsistent")
    assert ask("HEAD", url, said()).status_code == 404
    assert shared_server.video(video)["size"] == 1000


def test_a_chunked_body_that_completes_too_early(shared_server: Server) -> None:
    """Section 4.1.3."""
    url = begin(shared_server, 1000)
    with Wire(url) as wire:
        told = said(9, Upload_Offset=0, Upload_Complete="?1", Content_Type=PARTIAL)
        wire.begin("PATCH", url, told | {"Transfer-Encoding": "chunked"})
        wire.chunk(bytes(600))
        wire.chunk(b"")
        assert wire.answer().status_code == 400
    assert standing(url) == (600, "?0")
    assert patch(url, 600, bytes(400), "?1").status_code == 201


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "application/offset+octet-stream"}, 415, "content_type_wrong"),
        ({"Content-Encoding": "br"}, 415, "encoding_refused"),
        ({"Upload-Offset": "-1"}, 400, "offset_invalid"),
        ({"Upload-Offset": "1.0"}, 400, "offset_invalid"),
        ({"Upload-Complete": "true"}, 400, "complete_invalid"),
        ({"Content-Digest": "sha-256=:x:"}, 400, "digest_field_invalid"),
    ],
)
def test_appends_that_are_refused(
    shared_server: Server, headers: dict[str, str], status: int, code: str
) -> None:
    url = begin(shared_server, 10)
    told = said(9, Upload_Offset=0, Upload_Complete="?0", Content_Type=PARTIAL)
    answer = ask("PATCH", url, told | headers, b"abc")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "content_type_wrong":
        assert answer.headers["Accept-Patch"] == PARTIAL
    assert standing(url) == (0, "?0")


def test_the_limit_is_told_and_kept(tmp_path: Path) -> None:
    """Section 4.1.4."""
    server = Server(tmp_path / "data", max_upload_size=1000).start()
    try:
        assert ask("OPTIONS", files(server), {}).headers["Upload-Limit"] == "max-size=1000"
        for told, body in (
            (said(Upload_Complete="?1"), bytes(1001)),
            (said(Upload_Complete="?0", Upload_Length=1001), b""),
            (said(Upload_Complete="?0"), bytes(1001)),
        ):
            answer = ask("POST", files(server), told, body)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert answer.headers["Upload-Limit"] == "max-size=1000"
        limit = ask("HEAD", begin(server, 1000), said()).headers["Upload-Limit"]
        assert limit.startswith("max-size=1000, max-age=")
        url = ask("POST", files(server), said(Upload_Complete="?0")).headers["Location"]
        with Wire(url) as wire:
            told = said(9, Upload_Offset=0, Upload_Complete="?0", Content_Type=PARTIAL)
            wire.begin("PATCH", url, told | {"Transfer-Encoding": "chunked"})
            wire.chunk(bytes(1001))
            wire.chunk(b"")
            answer = wire.answer()
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert answer.headers["Upload-Limit"] == "max-size=1000"
    finally:
        server.end()
