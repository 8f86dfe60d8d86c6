"""Digests in the IETF's resumable uploads: section 10 of draft ...-resumable-upload-12."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.support.rufh import DATA, PROBLEMS, ask, begin, files, patch, said, standing, stored
from tests.support.server import Server, until


def written(algorithm: str, data: bytes) -> str:
    digest = hashlib.new(algorithm.replace("-", ""), data).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_of_a_body(shared_server: Server, algorithm: str) -> None:
    """Section 10.2: what is wrong is not appended."""
    url = begin(shared_server, len(DATA))
    right = written(algorithm, DATA[:1000])
    assert patch(url, 0, DATA[:1000], "?0", Content_Digest=right).status_code == 204
    wrong = patch(url, 1000, DATA[1000:2000], "?0", Content_Digest=right)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "content_mismatch")
    assert wrong.json()["type"] == f"{PROBLEMS}digest-mismatching-values"
    assert wrong.headers["Upload-Complete"] == "?0"
    assert standing(url) == (1000, "?0")
    last = written(algorithm, DATA[1000:])
    assert patch(url, 1000, DATA[1000:], "?1", Content_Digest=last).status_code == 201
    assert stored(url) == DATA


def test_of_the_first_body(shared_server: Server) -> None:
    told = said(Upload_Complete="?1", Content_Digest=written("sha-256", b"abc"))
    assert ask("POST", files(shared_server), told, b"abd").json()["code"] == "content_mismatch"
    assert ask("POST", files(shared_server), told, b"abc").status_code == 201


def test_other_algorithms_are_passed_over(shared_server: Server) -> None:
    told = said(Upload_Complete="?1", Content_Digest="md5=:AAAAAAAAAAAAAAAAAAAAAA==:")
    assert ask("POST", files(shared_server), told, b"abc").status_code == 201


def test_of_the_whole(shared_server: Server) -> None:
    """Section 10.1."""
    data = DATA[5:]  # what is here already would not be sent
    url = begin(shared_server, len(data), Repr_Digest=written("sha-256", data))
    assert patch(url, 0, data[:1000], "?0").status_code == 204
    assert patch(url, 1000, data[1000:], "?1").status_code == 201
    assert standing(url) == (len(data), "?1")


def test_of_another_whole(shared_server: Server) -> None:
    """Section 10.1: the upload has failed, and is not resumed (section 4.4.1)."""
    url = begin(shared_server, len(DATA), Repr_Digest=written("sha-256", DATA + b"x"))
    video = ask("HEAD", url, said()).headers["Reelrace-Video-Id"]
    assert patch(url, 0, DATA[:1000], "?0").status_code == 204
    answer = patch(url, 1000, DATA[1000:], "?1")
    assert (answer.status_code, answer.json()["code"]) == (400, "representation_mismatch")
    assert answer.json()["type"] == f"{PROBLEMS}digest-mismatching-values"
    assert answer.headers["Upload-Complete"] == "?1"
    found = until(lambda: (v := shared_server.video(video))["state"] == "failed" and v)
    assert found["error"]["code"] == "digest_mismatch"


def test_two_promises_that_differ(shared_server: Server) -> None:
    other = base64.b64encode(b"0" * 64).decode()
    told = said(
        Upload_Complete="?1",
        Repr_Digest=written("sha-256", b"abc"),
        Upload_Metadata=f"sha256 {other}",
    )
    answer = ask("POST", files(shared_server), told, b"abc")
    assert (answer.status_code, answer.json()["code"]) == (400, "digest_field_invalid")


def test_what_is_here_already_need_not_be_sent(shared_server: Server) -> None:
    """The answer tells that all of it is there; only to whom it belongs."""
    data = DATA[::-1]
    promise = written("sha-256", data)
    told = said(Upload_Complete="?1", Repr_Digest=promise) | shared_server.session
    first = ask("POST", files(shared_server), told, data)
    assert first.status_code == 201
    told = said(Upload_Complete="?0", Upload_Length=len(data), Repr_Digest=promise)

    def again() -> str:
        answer = ask("POST", files(shared_server), told | shared_server.session)
        return answer.headers["Upload-Offset"]

    until(lambda: again() == str(len(data)))
    stranger = ask("POST", files(shared_server), told)
    assert stranger.headers["Upload-Offset"] == "0"
