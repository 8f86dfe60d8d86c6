"""Digests of bodies and of whole files: nothing wrong is ever kept, and nothing twice."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from pathlib import Path

import google_crc32c
import pytest
import requests

from storage.model import new_id
from tests.conftest import Clips
from tests.http.test_uploads import begin_patch, stored
from tests.http.test_windows import CHECK, code, post, said, sources, window
from tests.support.clips import Clip
from tests.support.server import TUS, Server, until

DATA = b"".join(hashlib.sha256(b"d%d" % n).digest() for n in range(40_000))
FAST = Clip(seconds=4, options={"movflags": "faststart"})


def checksum(algorithm: str, data: bytes) -> dict[str, str]:
    if algorithm == "crc32c":
        digest = google_crc32c.value(data).to_bytes(4, "big")
    else:
        digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


def digest_of(server: Server, video: str) -> str | None:
    """The SHA-256 that is kept of a video's source."""
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        found: tuple[str | None] = rows.execute(
            "select digest from sources where id = (select source_id from videos where id = ?)",
            (video,),
        ).fetchone()
    return found[0]


def promised(server: Server, data: bytes, **fields: str) -> requests.Response:
    digest = hashlib.sha256(data).hexdigest()
    return post(server, {"Upload-Length": str(len(data))} | said(sha256=digest, **fields))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5", "crc32c"])
def test_a_body_counts_only_if_it_is_what_was_said(shared_server: Server, algorithm: str) -> None:
    server = shared_server
    url = server.create(len(DATA)).headers["Location"]
    right, wrong = checksum(algorithm, DATA[:500_000]), checksum(algorithm, DATA[1:])
    refused = CHECK(server.patch(url, 0, DATA[:500_000], **wrong))
    assert code(refused) == (460, "checksum_mismatch")
    assert (server.offset(url), stored(url)) == (0, b"")
    assert CHECK(server.patch(url, 0, DATA[:500_000], **right)).status_code == 204
    rest = checksum(algorithm, DATA[500_000:])
    assert server.patch(url, 500_000, DATA[500_000:], **rest).status_code == 204
    assert stored(url) == DATA


def test_what_was_not_right_takes_no_room_and_is_never_seen(server: Server) -> None:
    url = post(server, {"Upload-Defer-Length": "1"}).headers["Location"]
    server.patch(url, 0, DATA[:1000])
    wrong = checksum("sha1", b"")
    head = f"Upload-Checksum: {wrong['Upload-Checksum']}\r\n"
    assert server.patch(url, 1000, DATA[1000:], **wrong).status_code == 460
    (path,) = (p for p in (server.data / "sources").rglob("*") if p.is_file())
    assert path.stat().st_size == 1000
    with begin_patch(url, 1000, 500_000, head) as sock:
        sock.sendall(DATA[1000:400_000])
        until(lambda: path.stat().st_size > 300_000)
    until(lambda: path.stat().st_size == 1000)  # whose client has gone
    with begin_patch(url, 1000, 500_000, head) as sock:
        sock.sendall(DATA[1000:400_000])
        until(lambda: path.stat().st_size > 300_000)
        server.kill()
    server.start()
    assert path.stat().st_size == 1000
    assert server.patch(url, 1000, b"", **{"Upload-Length": "1000"}).status_code == 204
    assert stored(url) == DATA[:1000]


def test_what_was_not_right_of_a_window_leaves_what_others_wrote(server: Server) -> None:
    assembly, half = new_id(), 1 << 20
    urls = [
        window(server, assembly, start, half, size=str(2 * half)).headers["Location"]
        for start in (0, half)
    ]
    assert server.patch(urls[1], 0, DATA[:half]).status_code == 204
    assert server.patch(urls[0], 0, DATA[1 : half + 1], **checksum("md5", b"")).status_code == 460
    (path,) = (p for p in (server.data / "sources").rglob("*") if p.is_file())
    assert path.stat().st_size == 2 * half
    assert path.read_bytes() == bytes(half) + DATA[:half]
    assert path.stat().st_blocks * 512 <= half + (1 << 16)
    assert server.patch(urls[0], 0, DATA[:half]).status_code == 204
    assert stored(urls[0]) == stored(urls[1]) == DATA[:half]


def test_nobody_sees_a_body_before_it_has_proved_right(server: Server) -> None:
    created = server.create(len(DATA), body=DATA[:1000])
    url, video = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    sock = begin_patch(url, 1000, len(DATA) - 1000)
    sock.close()
    head = f"Upload-Checksum: {checksum('sha1', DATA[1000:])['Upload-Checksum']}\r\n"
    with begin_patch(url, 1000, len(DATA) - 1000, head) as sock:
        sock.sendall(DATA[1000:800_000])
        held = server.data / "sources"
        until(lambda: max(p.stat().st_size for p in held.rglob("*")) >= 700_000)
        there = server.video(video)["progress"]["stages"]["receiving"]["bytes"]
        assert there == 1000
        assert server.offset(url) == 1000  # and ends it
    with begin_patch(url, 1000, len(DATA) - 1000, head) as sock:
        sock.sendall(DATA[1000:800_000])
        until(lambda: max(p.stat().st_size for p in held.rglob("*")) >= 700_000)
        server.kill()
    server.start()
    assert server.offset(url) == 1000
    assert server.patch(url, 1000, DATA[1000:]).status_code == 204
    assert stored(url) == DATA
    assert until(lambda: digest_of(server, video)) == hashlib.sha256(DATA).hexdigest()


def test_other_checksums_are_refused(shared_server: Server) -> None:
    url = shared_server.create(10).headers["Location"]
    for value in ("md99 AAAA", "sha1", "sha1 ###", "SHA1 AAAA"):
        answer = CHECK(shared_server.patch(url, 0, b"x", **{"Upload-Checksum": value}))
        assert code(answer) == (400, "checksum_invalid")


def test_the_digest_of_a_file_that_came_in_pieces_and_out_of_order(server: Server) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    created = server.create(len(DATA), body=DATA[:100_000])
    url = created.headers["Location"]
    server.patch(url, 100_000, DATA[100_000:300_000])
    server.kill()
    server.start()
    server.patch(url, 300_000, DATA[300_000:])
    video = created.headers["Reelrace-Video-Id"]
    assert until(lambda: digest_of(server, video)) == digest
    assembly, size = new_id(), str(len(DATA))
    for start, end in ((900_000, len(DATA)), (0, 300_000), (300_000, 900_000)):
        made = window(server, assembly, start, end - start, size=size)
        server.patch(made.headers["Location"], 0, DATA[start:end])
    assert until(lambda: digest_of(server, made.headers["Reelrace-Video-Id"])) == digest


@pytest.mark.parametrize("setting", [True, False])
def test_another_file_than_was_promised_fails(tmp_path: Path, clips: Clips, setting: bool) -> None:
    data = clips("promised.mp4", FAST).read_bytes()
    server = Server(tmp_path / "data", digests=setting).start()
    try:
        digest = hashlib.sha256(b"something else").hexdigest()
        made = post(server, {"Upload-Length": str(len(data))} | said(sha256=digest))
        url, video = made.headers["Location"], made.headers["Reelrace-Video-Id"]
        assert server.patch(url, 0, data[:-1]).status_code == 204
        until(lambda: server.video(video)["playback"])
        assert server.patch(url, len(data) - 1, data[-1:]).status_code == 204
        ended = server.finished(video)
        assert (ended["state"], ended["error"]["code"]) == ("partial", "digest_mismatch")
        assert stored(url) == data
        assert "Upload-Expires" in CHECK(server.head(url)).headers
        retry = f"{server.url}api/videos/{video}/retry"
        assert requests.post(retry, headers=server.session, timeout=60).status_code == 409
    finally:
        server.end()


def test_a_promise_is_checked_after_a_fall_too(server: Server) -> None:
    made = promised(server, DATA)
    url = made.headers["Location"]
    server.patch(url, 0, DATA[:700_000])
    server.kill()
    server.start()
    assert server.patch(url, 700_000, DATA[700_000:]).status_code == 204
    video = made.headers["Reelrace-Video-Id"]
    assert server.finished(video)["error"]["code"] == "not_media"  # so it had ended
    assert digest_of(server, video) == hashlib.sha256(DATA).hexdigest()


def test_what_is_here_already_is_not_sent_or_made_again(server: Server, clips: Clips) -> None:
    data = clips("twice.mp4", FAST).read_bytes()
    first = promised(server, data, title="one")
    assert first.headers["Upload-Offset"] == "0"
    server.patch(first.headers["Location"], 0, data)
    one = server.finished(first.headers["Reelrace-Video-Id"])
    second = promised(server, data, title="two")
    assert second.headers["Upload-Offset"] == str(len(data))
    assert stored(second.headers["Location"]) == data
    two = server.video(second.headers["Reelrace-Video-Id"])
    assert (two["state"], two["title"], two["duration"]) == ("completed", "two", one["duration"])
    assert sources(server) == 1
    assert len(list((server.data / "editions").glob("*/*"))) == 1
    other = {"X-User-Session": "another-" + "y" * 32, "Upload-Length": str(len(data))}
    theirs = post(server, other | said(sha256=hashlib.sha256(data).hexdigest()))
    assert theirs.headers["Upload-Offset"] == "0"  # whoever has the digest has not the file
    requests.delete(theirs.headers["Location"], headers=TUS, timeout=60)
    path = f"{server.url}api/videos/{one['id']}"
    assert requests.delete(path, headers=server.session, timeout=60).status_code == 204
    until(lambda: server.head(first.headers["Location"]).status_code == 404)
    assert requests.get(f"{server.url}{two['playback']['hls'][1:]}", timeout=60).ok
    server.stop()
    server.start()
    assert stored(second.headers["Location"]) == data
    assert requests.get(f"{server.url}{two['playback']['hls'][1:]}", timeout=60).ok
    path = f"{server.url}api/videos/{two['id']}"
    assert requests.delete(path, headers=server.session, timeout=60).status_code == 204
    until(lambda: sources(server) == 0)
    until(lambda: not list((server.data / "editions").glob("*/*")))


def test_what_is_being_made_is_not_made_twice(server: Server, clips: Clips) -> None:
    """Whoever comes later waits, and has what became of it; or makes it, if the other has gone."""
    data = clips("shared.mp4", Clip(seconds=20, options={"movflags": "faststart"})).read_bytes()
    first = promised(server, data, title="first")
    server.patch(first.headers["Location"], 0, data)
    video = first.headers["Reelrace-Video-Id"]
    until(lambda: digest_of(server, video))
    later = [promised(server, data, title=str(n)) for n in range(3)]
    assert {answer.headers["Upload-Offset"] for answer in later} == {str(len(data))}
    ended = [server.finished(a.headers["Reelrace-Video-Id"]) for a in (first, *later)]
    assert {one["state"] for one in ended} == {"completed"}
    editions = {one["playback"]["hls"].split("/")[-2] for one in ended}
    assert len(editions) == 4  # addresses are each video's own
    assert len(list((server.data / "editions").glob("*/*"))) == 1
    assert sources(server) == 1


def test_who_waited_for_what_is_gone_makes_it(server: Server, clips: Clips) -> None:
    data = clips("gone.mp4", Clip(seconds=20, options={"movflags": "faststart"})).read_bytes()
    first = promised(server, data)
    server.patch(first.headers["Location"], 0, data)
    video = first.headers["Reelrace-Video-Id"]
    until(lambda: digest_of(server, video))
    second, third = (promised(server, data).headers["Reelrace-Video-Id"] for _ in range(2))
    path = f"{server.url}api/videos/{video}"
    assert requests.delete(path, headers=server.session, timeout=60).status_code == 204
    assert {server.finished(v)["state"] for v in (second, third)} == {"completed"}
    until(lambda: len(list((server.data / "editions").glob("*/*"))) == 1)


def test_what_became_of_the_same_bytes_becomes_of_them_again(server: Server) -> None:
    first = promised(server, DATA)
    server.patch(first.headers["Location"], 0, DATA)
    failed = server.finished(first.headers["Reelrace-Video-Id"])
    until(lambda: digest_of(server, failed["id"]))
    again = server.video(promised(server, DATA).headers["Reelrace-Video-Id"])
    assert again["error"] == failed["error"]
    assert again["state"] == "failed"
    retry = f"{server.url}api/videos/{again['id']}/retry"
    assert requests.post(retry, headers=server.session, timeout=60).ok
    assert server.finished(again["id"])["attempts"] == 1  # this time it was tried


def test_a_video_of_what_is_here_already_counts_like_any_other(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", quota_files=3, quota_bytes=2 * len(DATA) - 1).start()
    try:
        first = promised(server, DATA)
        server.patch(first.headers["Location"], 0, DATA)
        until(lambda: digest_of(server, first.headers["Reelrace-Video-Id"]))
        second = promised(server, DATA)  # its bytes are there only once
        assert second.headers["Upload-Offset"] == str(len(DATA))
        assert promised(server, DATA).status_code == 201
        assert code(promised(server, DATA)) == (403, "too_many_files")
        path = f"{server.url}api/videos/{second.headers['Reelrace-Video-Id']}"
        requests.delete(path, headers=server.session, timeout=60)
        until(lambda: promised(server, DATA).status_code == 201)
    finally:
        server.end()


def test_bytes_that_turn_out_to_be_here_already_are_kept_once(server: Server, clips: Clips) -> None:
    path = clips("double.mp4", FAST)
    videos = [server.upload(path) for _ in range(2)]
    for video in videos:
        assert server.finished(video)["state"] == "completed"
    until(lambda: all(digest_of(server, video) for video in videos))
    assert sources(server) == 2
    server.stop()
    server.start()
    until(lambda: sources(server) == 1)
    for video in videos:
        shown = server.video(video)
        assert requests.get(f"{server.url}{shown['playback']['hls'][1:]}", timeout=60).ok
    requests.delete(f"{server.url}api/videos/{videos[0]}", headers=server.session, timeout=60)
    shown = server.video(videos[1])
    assert requests.get(f"{server.url}{shown['playback']['hls'][1:]}", timeout=60).ok
    assert sources(server) == 1
