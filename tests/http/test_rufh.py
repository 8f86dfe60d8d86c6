"""The IETF's resumable uploads on real sockets: sections of draft ...-resumable-upload-12."""

from __future__ import annotations

import re

import pytest

from tests.support.raw import Wire
from tests.support.rufh import (
    CONTRACT,
    DATA,
    PARTIAL,
    PROBLEMS,
    VERSIONS,
    appending,
    ask,
    begin,
    files,
    patch,
    received,
    said,
    standing,
    stored,
    video_of,
)
from tests.support.server import Server, until

LIMIT = r"max-size=1099511627776, (max-age|expires)=6047[0-9]{2}"
"""A week, and what has passed of it."""

# --- creation ------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("path", ["files/", "files"])
def test_a_whole_upload_in_one_request(
    shared_server: Server, version: int, method: str, path: str
) -> None:
    """Sections 4.2.2 and 5, and the appendix on versions."""
    with Wire(shared_server.url) as wire:
        told = said(version, Upload_Complete="?1", Content_Length=len(DATA))
        wire.begin(method, f"/{path}", told | shared_server.session)
        wire.send(DATA)
        interim, final = wire.answers()
    assert (interim.version, interim.status_code) == ("HTTP/1.1", 104)
    assert interim.reason == "Upload Resumption Supported"
    limit = interim.headers.pop("Upload-Limit")
    assert re.fullmatch(LIMIT, limit)
    assert ("expires" in limit) == (version == 6)
    assert dict(interim.headers) == {
        "Upload-Draft-Interop-Version": str(version),
        "Location": final.headers["Location"],
    }
    assert final.status_code == 201
    assert final.headers["Upload-Complete"] == "?1"
    assert final.headers["Upload-Offset"] == str(len(DATA))
    assert final.headers["Upload-Draft-Interop-Version"] == str(version)
    assert "Tus-Resumable" not in final.headers
    CONTRACT.check_parts(method, f"/{path}", final.status_code, final.headers, final.content)
    url = final.headers["Location"]
    assert url.startswith(shared_server.url)
    assert stored(url) == DATA
    assert standing(url, version) == (len(DATA), "?1")
    assert received(shared_server, final.headers["Reelrace-Video-Id"]) == len(DATA)


def test_the_upload_is_told_before_its_bytes_come(shared_server: Server) -> None:
    """Section 4.2.2: a client may wait for it (section 12.1)."""
    with Wire(shared_server.url) as wire:
        told = said(9, Upload_Complete="?1", Content_Length=len(DATA))
        wire.begin("POST", "/files/", told | shared_server.session)
        interim = wire.answer()
        assert interim.status_code == 104
        assert standing(interim.headers["Location"]) == (0, "?0")


def test_100_comes_besides_104(shared_server: Server) -> None:
    """Section 5."""
    with Wire(shared_server.url) as wire:
        told = said(9, Upload_Complete="?1", Content_Length=3, Expect="100-continue")
        wire.begin("POST", "/files/", told)
        assert [wire.answer().status_code, wire.answer().status_code] == [100, 104]
        wire.send(b"abc")
        assert wire.answer().status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Complete": "?1"},
        {"Upload-Complete": "?1", "Upload-Draft-Interop-Version": "7"},
        {"Upload-Complete": "?1", "Upload-Draft-Interop-Version": "10"},
        {"Upload-Incomplete": "?0", "Upload-Draft-Interop-Version": "3"},
    ],
)
def test_no_104_to_another_version(shared_server: Server, headers: dict[str, str]) -> None:
    """Appendix; the upload is taken all the same (section 12.1.1)."""
    with Wire(shared_server.url) as wire:
        wire.begin("POST", "/files/", {**headers, "Content-Length": 5})
        wire.send(b"abcde")
        (final,) = wire.answers()
    assert final.status_code == 201
    assert "Upload-Draft-Interop-Version" not in final.headers
    assert stored(final.headers["Location"]) == b"abcde"


def test_no_104_to_who_speaks_an_older_http(shared_server: Server) -> None:
    """RFC 9110, section 15.2."""
    with Wire(shared_server.url) as wire:
        told = said(9, Upload_Complete="?1", Content_Length=3)
        wire.begin("POST", "/files/", told, version="1.0")
        wire.send(b"abc")
        assert [answer.status_code for answer in wire.answers()] == [201]


@VERSIONS
def test_in_parts(shared_server: Server, version: int) -> None:
    """Section 3.2; all bytes being there completes nothing (section 4.1.3)."""
    told = said(version, Upload_Complete="?0", Upload_Length=len(DATA)) | shared_server.session
    made = ask("POST", files(shared_server), told, DATA[:1000])
    assert made.status_code == 201
    assert made.headers["Upload-Complete"] == "?0"
    assert re.fullmatch(LIMIT, made.headers["Upload-Limit"])
    url, at = made.headers["Location"], 1000
    for size in (1, 0, 70_001, len(DATA)):
        part = DATA[at : at + size]
        answer = patch(url, at, part, "?0", version)
        at += len(part)
        assert answer.status_code == 204
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Complete"]) == (
            str(at),
            "?0",
        )
        assert standing(url, version) == (at, "?0")
    last = patch(url, at, b"", "?1", version)
    assert (last.status_code, last.headers["Upload-Complete"]) == (201, "?1")
    assert last.headers["Reelrace-Video-Id"] == made.headers["Reelrace-Video-Id"]
    assert standing(url, version) == (at, "?1")
    assert stored(url) == DATA


def test_nothing_is_an_upload_too(shared_server: Server) -> None:
    """Section 4.2.1."""
    made = ask("POST", files(shared_server), said(Upload_Complete="?1"))
    assert made.status_code == 201
    assert standing(made.headers["Location"]) == (0, "?1")


@VERSIONS
def test_of_unknown_length(shared_server: Server, version: int) -> None:
    """Section 4.1.3: it is known once the upload is complete."""
    told = said(version, Upload_Complete="?0") | shared_server.session
    url = ask("POST", files(shared_server), told, DATA[:1000]).headers["Location"]
    state = ask("HEAD", url, said(version))
    assert state.headers["Upload-Offset"] == "1000"
    assert "Upload-Length" not in state.headers
    assert patch(url, 1000, DATA[1000:2000], "?0", version).status_code == 204
    assert patch(url, 2000, DATA[2000:], "?1", version).status_code == 201
    assert ask("HEAD", url, said(version)).headers["Upload-Length"] == str(len(DATA))
    assert standing(url, version) == (len(DATA), "?1")
    assert stored(url) == DATA


def test_a_length_that_is_told_later_stays(shared_server: Server) -> None:
    """Section 4.1.3."""
    url = ask("POST", files(shared_server), said(Upload_Complete="?0"), b"ab").headers["Location"]
    assert patch(url, 2, b"c", "?0", Upload_Length=5).status_code == 204
    assert ask("HEAD", url, said()).headers["Upload-Length"] == "5"
    assert patch(url, 3, b"d", "?0", Upload_Length=6).json()["code"] == "length_inconsistent"
    assert patch(url, 3, b"de", "?1").status_code == 201


def test_a_stream(shared_server: Server) -> None:
    """Section 9: a chunked body tells no length, and its end completes the upload."""
    with Wire(shared_server.url) as wire:
        told = said(9, Upload_Complete="?1", Transfer_Encoding="chunked")
        wire.begin("POST", "/files/", told)
        for at in range(0, len(DATA), 100_000):
            wire.chunk(DATA[at : at + 100_000])
        wire.chunk(b"")
        final = wire.answers()[-1]
    assert (final.status_code, final.headers["Upload-Complete"]) == (201, "?1")
    assert stored(final.headers["Location"]) == DATA


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Complete": "yes"}, 400, "complete_invalid"),
        ({}, 400, "complete_invalid"),
        ({"Upload-Complete": "?1", "Upload-Length": "7"}, 400, "length_inconsistent"),
        ({"Upload-Complete": "?0", "Upload-Length": str(1 << 49)}, 413, "too_large"),
        ({"Upload-Complete": "?1", "Content-Encoding": "gzip"}, 415, "encoding_refused"),
        (
            {"Upload-Complete": "?1", "Content-Digest": "sha-256=:AA==:"},
            400,
            "digest_field_invalid",
        ),
        ({"Upload-Complete": "?1", "Repr-Digest": "=="}, 400, "digest_field_invalid"),
        (
            {"Upload-Complete": "?1", "Content-Disposition": 'inline; filename="../a"'},
            400,
            "filename_invalid",
        ),
        ({"Upload-Complete": "?1", "Upload-Metadata": "a #"}, 400, "metadata_invalid"),
    ],
)
def test_creations_that_are_refused(
    shared_server: Server, headers: dict[str, str], status: int, code: str
) -> None:
    answer = ask("POST", files(shared_server), said(9) | headers, b"abc")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Upload-Complete"] == "?0"
    if status == 413:
        assert answer.headers["Upload-Limit"] == "max-size=1099511627776"
    if code == "length_inconsistent":
        assert answer.json()["type"] == f"{PROBLEMS}inconsistent-upload-length"


def test_another_version_cannot_send_parts(shared_server: Server) -> None:
    for version in (5, 7, 10, "x"):
        for method, url in (("POST", files(shared_server)), ("PATCH", begin(shared_server, 5))):
            told = said(version, Upload_Complete="?0", Upload_Offset=0, Content_Type=PARTIAL)
            answer = ask(method, url, told, b"abc")
            assert (answer.status_code, answer.json()["code"]) == (
                412,
                "interop_version_unsupported",
            )


def test_the_name_of_the_file(shared_server: Server) -> None:
    """Section 4.2.1."""
    name = "inline; filename=\"a.mp4\"; filename*=UTF-8''Mein%20T%c3%a4nzchen.mp4"
    told = said(Upload_Complete="?0", Upload_Length=5, Content_Disposition=name)
    made = ask("POST", files(shared_server), told | shared_server.session)
    assert shared_server.video(made.headers["Reelrace-Video-Id"])["title"] == "Mein T\u00e4nzchen"


# --- ends ----------------------------------------------------------------------------------


@VERSIONS
def test_cancelled(shared_server: Server, version: int) -> None:
    """Section 4.5."""
    url = begin(shared_server, 1000, version)
    video = video_of(url)
    assert patch(url, 0, b"abc", "?0", version).status_code == 204
    gone = ask("DELETE", url, said(version))
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("HEAD", "DELETE", "GET"):
        assert ask(method, url, said(version)).status_code == 404
    assert patch(url, 3, b"d", "?0", version).status_code == 404
    assert shared_server.get(f"api/videos/{video}").status_code == 404


def test_cancelled_while_bytes_come(shared_server: Server) -> None:
    """Sections 4.5.2 and 4.6."""
    url = begin(shared_server, len(DATA))
    video = video_of(url)
    with Wire(url) as wire:
        wire.begin("PATCH", url, appending(0, len(DATA)))
        wire.send(DATA[:1000])
        until(lambda: received(shared_server, video) == 1000)
        assert ask("DELETE", url, said()).status_code == 204
        assert wire.answer().status_code == 404


def test_a_whole_one_is_cancelled_without_its_video(shared_server: Server) -> None:
    told = said(Upload_Complete="?1") | shared_server.session
    made = ask("POST", files(shared_server), told, b"abc")
    assert ask("DELETE", made.headers["Location"], said()).status_code == 204
    assert shared_server.video(made.headers["Reelrace-Video-Id"])["state"]
