"""The chunk upload of the document "Video Processing & Storage Pipeline"."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.contract import Contract
from tests.support.raw import Wire
from tests.support.server import Server

CONTRACT = Contract()
DATA = b"".join(hashlib.sha256(b"chunk %d" % n).digest() for n in range(20_000))
SIZE = 50_000


def post(server: Server, what: str, **how: Any) -> requests.Response:
    url = urljoin(server.url, f"api/videos/upload/{what}")
    return CONTRACT.check(requests.post(url, headers=server.session, timeout=60, **how))


def initiate(server: Server, **said: Any) -> dict[str, Any]:
    answer = post(server, "initiate", json={"size": len(DATA), "chunk_size": SIZE, **said})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def send(server: Server, upload: str, index: int, data: bytes, **more: Any) -> requests.Response:
    place = {"upload_id": upload, "index": index, **more}
    return post(server, "chunk", params=place, data=data)


def piece(index: int, data: bytes = DATA) -> bytes:
    return data[index * SIZE : (index + 1) * SIZE]


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_in_any_order_at_once_and_twice(server: Server, clips: Clips) -> None:
    data = clips("chunked.mp4", Clip(seconds=4)).read_bytes()
    said = {"title": "Training", "machineModel": "CNC-2000", "tags": ["a", "b"]}
    told = initiate(server, filename="a b.mp4", size=len(data), metadata=said)
    assert told["chunkSize"] == SIZE
    assert told["uploadId"] == told["upload_id"] != told["video_id"]
    order = [*range(-(-len(data) // SIZE))] * 2
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda n: send(server, told["upload_id"], n, piece(n, data)), order))
    again = [n for n, answer in zip(order, sent, strict=True) if answer.status_code != 200]
    for n in again:  # the same one at the same time: the later one wins
        assert send(server, told["upload_id"], n, piece(n, data)).status_code == 200
    done = post(server, "complete", json={"uploadId": told["upload_id"]})
    assert done.status_code == 200
    assert done.json()["jobId"] == done.json()["job_id"]
    found = server.finished(done.json()["video_id"])
    assert (found["id"], found["state"], found["title"]) == (
        told["video_id"],
        "completed",
        "Training",
    )


def test_complete_says_what_is_missing(shared_server: Server) -> None:
    upload = initiate(shared_server)["upload_id"]
    last = len(DATA) // SIZE
    for index in (1, last):
        assert send(shared_server, upload, index, piece(index)).status_code == 200
    answer = post(shared_server, "complete", json={"upload_id": upload})
    assert code(answer) == (409, "upload_incomplete")
    assert answer.json()["missing"] == [[0, SIZE], [2 * SIZE, last * SIZE]]
    for start, end in answer.json()["missing"]:
        for index in range(start // SIZE, end // SIZE):
            assert send(shared_server, upload, index, piece(index)).status_code == 200
    assert post(shared_server, "complete", json={"upload_id": upload}).status_code == 200
    assert send(shared_server, upload, 3, piece(3)).status_code == 200


def test_in_a_form(shared_server: Server) -> None:
    told = initiate(shared_server, size=5, chunkSize=5)
    parts = [
        ("uploadId", (None, told["uploadId"])),
        ("chunkIndex", (None, "0")),
        ("chunk", ("blob", b"abcde")),
    ]
    assert post(shared_server, "chunk", files=parts).status_code == 200
    assert post(shared_server, "complete", json={"upload_id": told["upload_id"]}).status_code == 200
    assert code(post(shared_server, "chunk", files=parts[:2])) == (400, "form_invalid")


def test_a_short_chunk_is_sent_again(shared_server: Server) -> None:
    upload = initiate(shared_server, size=100, chunk_size=60)["upload_id"]
    assert code(send(shared_server, upload, 0, bytes(20))) == (400, "chunk_invalid")
    assert send(shared_server, upload, 0, bytes(60)).status_code == 200
    assert code(send(shared_server, upload, 1, bytes(41))) == (413, "body_too_long")
    assert send(shared_server, upload, 1, bytes(40)).status_code == 200
    assert post(shared_server, "complete", json={"upload_id": upload}).status_code == 200


def test_checksums(shared_server: Server) -> None:
    upload = initiate(shared_server, size=5)["upload_id"]
    right = "sha256 " + base64.b64encode(hashlib.sha256(b"abcde").digest()).decode()
    assert code(send(shared_server, upload, 0, b"abcdf", checksum=right)) == (
        460,
        "checksum_mismatch",
    )
    assert code(send(shared_server, upload, 0, b"abcde", checksum="x")) == (400, "checksum_invalid")
    assert code(send(shared_server, upload, 0, b"abc")) == (400, "chunk_invalid")
    assert send(shared_server, upload, 0, b"abcde", checksum=right).status_code == 200


def test_a_digest_of_the_whole(shared_server: Server) -> None:
    upload = initiate(shared_server, size=5, sha256=hashlib.sha256(b"x").hexdigest())["upload_id"]
    assert send(shared_server, upload, 0, b"abcde").status_code == 200
    answer = post(shared_server, "complete", json={"upload_id": upload})
    assert code(answer) == (400, "representation_mismatch")


def test_large_files_have_large_chunks(shared_server: Server) -> None:
    told = initiate(shared_server, size=10**11, chunk_size=1)
    assert told["chunk_size"] == -(-(10**11) // 9_999)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"size": -1}, (400, "bad_request")),
        ({"size": "many"}, (400, "bad_request")),
        ({"size": 1 << 50}, (413, "too_large")),
        ({"filename": "../a"}, (400, "filename_invalid")),
        ({"metadata": [1]}, (400, "bad_request")),
        ({"metadata": {"priority": "first"}}, (400, "metadata_invalid")),
        ({"sha256": "x"}, (400, "digest_invalid")),
        ({"metadata": {"x": "y" * 70_000}}, (400, "bad_request")),
        ({"metadata": {"x": nested(900)}}, (200, None)),
    ],
)
def test_what_is_not_initiated(
    shared_server: Server, said: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = post(shared_server, "initiate", json={"size": 5, **said})
    assert (answer.status_code, answer.json().get("code")) == expected


@pytest.mark.parametrize("what", ["initiate", "complete"])
def test_what_is_nested_too_deeply(shared_server: Server, what: str) -> None:
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        deep = opening * 10_000 + b"1" + closing * 10_000
        answer = post(shared_server, what, data=b'{"size": 5, "metadata": {"x": %s}}' % deep)
        assert code(answer) == (400, "bad_request")


def test_a_chunk_that_is_sent_again_slowly(tmp_path: Path) -> None:
    """Who sends what is there already is judged like any other: by how long nothing comes."""
    server = Server(tmp_path / "data", body_timeout=3).start()
    try:
        quarter = 1 << 13
        upload = initiate(server, size=4 * quarter, chunk_size=4 * quarter)["upload_id"]
        assert send(server, upload, 0, bytes(4 * quarter)).status_code == 200
        with Wire(server.url) as wire:
            path = f"/api/videos/upload/chunk?upload_id={upload}&index=0"
            wire.sock.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: {4 * quarter}\r\n\r\n".encode()
            )
            for _ in range(4):
                time.sleep(1)
                wire.send(bytes(quarter))
            assert wire.answer().status_code == 200
    finally:
        server.end()


def test_chunks_of_nothing(shared_server: Server) -> None:
    upload = initiate(shared_server)["upload_id"]
    for place in ({"index": 10_000}, {"index": -1}, {"offset": 1}, {}):
        answer = post(shared_server, "chunk", params={"upload_id": upload, **place}, data=b"x")
        assert code(answer) == (400, "chunk_invalid")
    of_tus = shared_server.create(5).headers["Location"].rpartition("/")[2]
    for other in ("0" * 32, "x", of_tus):
        assert code(send(shared_server, other, 0, b"x")) == (404, "not_found")
        answer = post(shared_server, "complete", json={"upload_id": other})
        assert code(answer) == (404, "not_found")
    assert code(post(shared_server, "complete", data=b"[")) == (400, "bad_request")


def test_an_empty_file_is_whole_at_once(shared_server: Server) -> None:
    upload = initiate(shared_server, size=0)["upload_id"]
    assert post(shared_server, "complete", json={"upload_id": upload}).status_code == 200
