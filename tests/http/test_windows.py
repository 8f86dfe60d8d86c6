"""Many uploads write into one source: windows, parts and lengths that are told later."""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from storage.model import new_id
from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.contract import Contract
from tests.support.rufh import ask, files
from tests.support.rufh import said as ietf
from tests.support.server import OCTETS, TUS, Server, until

CHECK = Contract().check
DATA = b"".join(hashlib.sha256(b"w%d" % n).digest() for n in range(40_000))


def said(**fields: str) -> dict[str, str]:
    """Upload-Metadata."""
    pairs = (f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in fields.items())
    return {"Upload-Metadata": ",".join(pairs)}


def post(server: Server, headers: Mapping[str, str], body: bytes = b"") -> requests.Response:
    sent = {**TUS, **server.session, **(OCTETS if body else {}), **headers}
    return CHECK(requests.post(urljoin(server.url, "files/"), headers=sent, data=body, timeout=60))


def window(
    server: Server, assembly: str, start: int, length: int, **fields: str
) -> requests.Response:
    headers = {"Upload-Length": str(length), "Upload-Concat": "partial"}
    return post(server, headers | said(assembly=assembly, start=str(start), **fields))


def part(server: Server, data: bytes, sent: int | None = None) -> str:
    headers = {"Upload-Length": str(len(data)), "Upload-Concat": "partial"}
    url: str = post(server, headers).headers["Location"]
    if sent != 0:
        assert CHECK(server.patch(url, 0, data[:sent])).status_code == 204
    return url


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def sources(server: Server) -> int:
    return sum(1 for path in (server.data / "sources").rglob("*") if path.is_file())


def test_an_mp4_plays_that_came_head_tail_and_middle(server: Server, clips: Clips) -> None:
    """Its index is at the end: with that there, what follows the head plays as it comes."""
    data = clips("windows.mp4", Clip(seconds=20)).read_bytes()
    size, head, tail = len(data), 4096, len(data) - data.rindex(b"moov") + 4
    assembly, digest = new_id(), hashlib.sha256(data).hexdigest()
    about = {"filename": "w.mp4", "size": str(size), "sha256": digest}
    spans = [(0, head), (size - tail, tail), (head, size - tail - head)]
    made = [window(server, assembly, start, length, **about) for start, length in spans]
    assert {answer.status_code for answer in made} == {201}
    (video,) = {answer.headers["Reelrace-Video-Id"] for answer in made}
    urls = [answer.headers["Location"] for answer in made]
    for url, (start, length) in list(zip(urls, spans, strict=True))[:2]:
        assert CHECK(server.patch(url, 0, data[start : start + length])).status_code == 204
    start, length = spans[2]
    most = length * 9 // 10
    server.patch(urls[2], 0, data[start : start + most])
    assert server.playable(video)["progress"]["stages"]["receiving"]["bytes"] < size
    server.patch(urls[2], most, data[start + most : start + length])
    ordered = " ".join(urls[n] for n in (0, 2, 1))
    final = post(server, {"Upload-Concat": f"final;{ordered}"})
    assert final.headers["Upload-Offset"] == str(size)
    assert final.headers["Reelrace-Video-Id"] == video
    assert CHECK(requests.get(final.headers["Location"], timeout=60)).content == data
    assert sources(server) == 1
    ended = server.finished(video)
    assert (ended["state"], ended["duration"], ended["error"]) == ("completed", 20, None)


def test_a_source_ends_with_its_last_window_even_if_nothing_is_joined(server: Server) -> None:
    assembly = new_id()
    about = {"filename": "a.txt", "size": "2000"}
    second = window(server, assembly, 1200, 800, **about)
    first = window(server, assembly, 0, 1200, **about)
    server.patch(second.headers["Location"], 0, DATA[1200:2000])
    server.patch(first.headers["Location"], 0, DATA[:1200])
    assert CHECK(requests.get(first.headers["Location"], timeout=60)).content == DATA[:1200]
    assert CHECK(requests.get(second.headers["Location"], timeout=60)).content == DATA[1200:2000]
    ended = server.finished(first.headers["Reelrace-Video-Id"])
    assert ended["error"]["code"] == "not_media"  # the job had all there is


def test_windows_that_do_not_fit_are_refused(shared_server: Server) -> None:
    server, assembly = shared_server, new_id()
    first = window(server, assembly, 100, 200, size="1000")
    again = window(server, assembly, 100, 200, size="1000")
    assert again.headers["Location"] == first.headers["Location"]
    for start, length, error in (
        (0, 101, "window_overlap"),
        (299, 10, "window_overlap"),
        (150, 10, "window_overlap"),
        (0, 1000, "window_overlap"),
        (900, 101, "window_invalid"),
    ):
        assert code(window(server, assembly, start, length))[1] == error, (start, length)
    assert code(window(server, assembly, 0, 10, size="999")) == (400, "window_invalid")
    assert code(window(server, "x", 0, 10)) == (400, "window_invalid")
    assert code(post(server, {"Upload-Length": "5"} | said(assembly=new_id()))) == (
        400,
        "window_invalid",
    )
    rest = [window(server, assembly, 0, 100), window(server, assembly, 300, 700)]
    assert [answer.status_code for answer in rest] == [201, 201]
    urls = [answer.headers["Location"] for answer in (rest[0], first, rest[1])]
    wrong = post(server, {"Upload-Concat": f"final;{urls[1]} {urls[0]} {urls[2]}"})
    assert code(wrong) == (400, "concatenation_invalid")
    some = post(server, {"Upload-Concat": f"final;{urls[0]} {urls[1]}"})
    assert code(some) == (400, "concatenation_invalid")


@pytest.mark.parametrize("complete", [None, "?0", "?1"])
def test_a_window_that_is_begun_again_is_not_written_behind_itself(
    server: Server, complete: str | None
) -> None:
    """Bytes came that no row could tell of, as when the disk is full. Then the first ones come once
    more, by tus or by the IETF's protocol."""
    about = said(assembly=new_id(), start="0", size="9000")
    tus = {"Upload-Length": "5000", "Upload-Concat": "partial"} | about
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        rows.execute(
            "create trigger full before update of mark on uploads"
            " begin select raise(abort, 'full'); end"
        )
    assert post(server, tus, DATA[:1000]).status_code == 500
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        rows.execute("drop trigger full")
    if complete is None:
        again = post(server, tus, DATA[:2000])
        url, offset = again.headers["Location"], again.headers["Upload-Offset"]
    else:
        told = ietf(Upload_Complete=complete, Upload_Length=5000) | about | server.session
        answer = ask("POST", files(server), told, DATA[: 5000 if complete == "?1" else 2000])
        assert (answer.status_code, answer.headers["Upload-Complete"]) == (201, "?0")
        url, offset = answer.headers["Location"], answer.headers["Upload-Offset"]
    assert offset == "1000"
    assert requests.get(url, timeout=60).content == DATA[:1000]
    assert server.patch(url, 1000, DATA[1000:5000]).status_code == 204
    assert requests.get(url, timeout=60).content == DATA[:5000]


def test_an_assembly_is_its_owners_alone(shared_server: Server) -> None:
    assembly = new_id()
    mine = window(shared_server, assembly, 0, 100)
    headers = {"Upload-Length": "100", "X-User-Session": "another-" + "y" * 32}
    theirs = post(shared_server, headers | said(assembly=assembly, start="0"))
    assert theirs.status_code == 201
    assert theirs.headers["Reelrace-Video-Id"] != mine.headers["Reelrace-Video-Id"]


def test_parts_are_copied_to_where_they_belong(server: Server, clips: Clips) -> None:
    data = clips("parts.mp4", Clip(seconds=4)).read_bytes()
    third = len(data) // 3
    pieces = [data[:third], data[third : 2 * third], data[2 * third :]]
    urls = [part(server, piece) for piece in pieces]
    for url in urls:
        assert "Reelrace-Video-Id" not in CHECK(server.head(url)).headers
    final = post(server, {"Upload-Concat": f"final;{' '.join(urls)}"} | said(filename="p.mp4"))
    url = final.headers["Location"]
    assert final.headers["Upload-Offset"] == str(len(data))
    assert CHECK(requests.get(url, timeout=60)).content == data
    assert code(CHECK(server.patch(url, len(data), b"x"))) == (403, "final_upload")
    assert server.finished(final.headers["Reelrace-Video-Id"])["state"] == "completed"
    for gone in urls:
        assert CHECK(requests.delete(gone, headers=TUS, timeout=60)).status_code == 204
    assert CHECK(requests.get(url, timeout=60)).content == data
    until(lambda: sources(server) == 1)


def test_parts_that_are_not_whole_yet_are_joined_when_they_are(server: Server) -> None:
    first, second = part(server, DATA[:500_000]), part(server, DATA[500_000:], sent=300_000)
    third = part(server, DATA[:500_000])
    paths = [urlsplit(url).path for url in (first, second, third)]
    final = post(server, {"Upload-Concat": f"final;{' '.join(paths)}"})
    url, whole = final.headers["Location"], DATA + DATA[:500_000]
    assert "Upload-Offset" not in CHECK(server.head(url)).headers
    assert server.head(url).headers["Upload-Length"] == str(len(whole))
    server.kill()
    server.start()
    assert server.patch(second, 300_000, DATA[800_000:]).status_code == 204
    until(lambda: "Upload-Offset" in server.head(url).headers)
    assert requests.get(url, timeout=60).content == whole


def test_a_part_is_named_once(shared_server: Server) -> None:
    url = part(shared_server, b"abc")
    twice = post(shared_server, {"Upload-Concat": f"final;{url} {urlsplit(url).path}"})
    assert code(twice) == (400, "concatenation_invalid")


def test_windows_are_joined_once_however_often_it_is_asked_for(server: Server) -> None:
    """The answer may have been lost."""
    assembly = new_id()
    made = [window(server, assembly, start, 500, size="1000") for start in (0, 500)]
    urls = [answer.headers["Location"] for answer in made]
    concat = {"Upload-Concat": f"final;{' '.join(urls)}"}
    early = [post(server, concat) for _ in range(2)]
    for number, url in enumerate(urls):
        server.patch(url, 0, DATA[number * 500 : number * 500 + 500])
    late = [post(server, concat) for _ in range(2)]
    assert {answer.status_code for answer in early + late} == {201}
    assert len({answer.headers["Location"] for answer in early + late}) == 1
    assert [answer.headers.get("Upload-Offset") for answer in late] == ["1000"] * 2


def test_parts_are_joined_only_if_the_disk_has_room_for_all_of_it(server: Server) -> None:
    """It is seen before anything is copied: these parts have no bytes yet."""
    disk = os.statvfs(server.data)
    free = disk.f_bavail * disk.f_frsize
    headers = {"Upload-Length": str(free * 2 // 3), "Upload-Concat": "partial"}
    urls = [post(server, headers).headers["Location"] for _ in range(2)]
    both = post(server, {"Upload-Concat": f"final;{' '.join(urls)}"})
    assert code(both) == (507, "disk_full")
    for url in urls:  # what may never come keeps nobody from joining
        assert post(server, {"Upload-Concat": f"final;{url}"}).status_code == 201


def test_a_length_that_is_told_later(shared_server: Server) -> None:
    server = shared_server
    made = post(server, {"Upload-Defer-Length": "1"}, DATA[:1000])
    url = made.headers["Location"]
    assert CHECK(server.head(url)).headers["Upload-Defer-Length"] == "1"
    assert CHECK(server.patch(url, 1000, DATA[1000:2000])).status_code == 204
    early = CHECK(server.patch(url, 2000, b"", **{"Upload-Length": "1999"}))
    assert code(early) == (409, "length_fixed")
    told = CHECK(server.patch(url, 2000, DATA[2000:2500], **{"Upload-Length": "3000"}))
    assert told.status_code == 204
    changed = CHECK(server.patch(url, 2500, b"", **{"Upload-Length": "3001"}))
    assert code(changed) == (409, "length_fixed")
    assert CHECK(server.patch(url, 2500, DATA[2500:3000])).status_code == 204
    assert requests.get(url, timeout=60).content == DATA[:3000]
    assert server.finished(made.headers["Reelrace-Video-Id"])["error"]["code"] == "not_media"


def test_the_size_of_a_video_whose_length_is_not_known(shared_server: Server) -> None:
    made = post(shared_server, {"Upload-Defer-Length": "1"}, DATA[:1000])
    video = shared_server.video(made.headers["Reelrace-Video-Id"])
    assert video["size"] == 0
    assert video["progress"]["stages"]["receiving"]["bytes"] == 1000


def test_deleting_a_window_of_a_whole_source_leaves_the_video(server: Server) -> None:
    assembly = new_id()
    made = [window(server, assembly, start, 500, size="1000") for start in (0, 500)]
    urls = [answer.headers["Location"] for answer in made]
    for number, url in enumerate(urls):
        server.patch(url, 0, DATA[number * 500 : number * 500 + 500])
    video = made[0].headers["Reelrace-Video-Id"]
    server.finished(video)
    assert requests.delete(urls[0], headers=TUS, timeout=60).status_code == 204
    assert CHECK(server.head(urls[0])).status_code == 404
    assert server.head(urls[1]).status_code == 200
    assert server.get(f"api/videos/{video}").status_code == 200


def test_what_is_said_of_a_file(shared_server: Server, tmp_path: Path) -> None:
    server = shared_server
    for fields, error in (
        ({"priority": "now"}, "metadata_invalid"),
        ({"description": "x" * 5001}, "metadata_invalid"),
        ({"tags": ",".join(map(str, range(51)))}, "metadata_invalid"),
        ({"tags": "a\u202eb"}, "metadata_invalid"),
        ({"access": "everybody"}, "metadata_invalid"),
        ({"sha256": "abc"}, "digest_invalid"),
    ):
        assert code(post(server, {"Upload-Length": "5"} | said(**fields))) == (400, error)
    fields = {"description": "two\nlines", "tags": "a, b,a", "priority": "low", "access": "public"}
    made = post(server, {"Upload-Length": "5"} | said(**fields, machineModel="7"))
    assert made.status_code == 201
