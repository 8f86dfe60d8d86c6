from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import m3u8
import pytest
import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import OCTETS, TUS, Server, until

FAST = Clip(options={"movflags": "faststart"})


def fetch(server: Server, path: str, **headers: str) -> requests.Response:
    """Without a session: a grant is all that playback needs."""
    return requests.get(urljoin(server.url, path), headers=headers, timeout=60)


def test_from_bytes_to_picture(shared_server: Server, clips: Clips) -> None:
    video = shared_server.finished(shared_server.upload(clips("fast.mp4", FAST), "My dance.mp4"))
    assert video["state"] == "completed"
    assert (video["title"], video["filename"]) == ("My dance", "My dance.mp4")
    assert (video["width"], video["height"]) == (320, 180)
    assert video["error"] is None
    assert video["progress"]["percent"] == 100
    assert [r["name"] for r in video["progress"]["stages"]["encoding"]["renditions"]] == [
        "v180",
        "v120",
    ]
    url = urljoin(shared_server.url, video["playback"]["hls"])
    master = m3u8.loads(fetch(shared_server, url).text, uri=url)
    assert len(master.playlists) == 2
    for entry in [*master.playlists, *master.media, *master.iframe_playlists]:
        media = m3u8.loads(fetch(shared_server, entry.absolute_uri).text, uri=entry.absolute_uri)
        assert media.is_endlist
        assert abs(sum(segment.duration for segment in media.segments) - 10) < 0.1
        init = fetch(shared_server, media.segments[0].init_section.absolute_uri)
        assert init.status_code == 200
        for segment in media.segments:
            if segment.byterange is None:
                assert fetch(shared_server, segment.absolute_uri).status_code == 200
                continue
            size, start = map(int, segment.byterange.split("@"))
            ranged = {"Range": f"bytes={start}-{start + size - 1}"}
            part = fetch(shared_server, segment.absolute_uri, **ranged)
            assert part.status_code == 206
            assert len(part.content) == size


def test_plays_while_it_uploads(server: Server, clips: Clips) -> None:
    """Nothing that was announced changes: the playlist only grows, to its end."""
    clip = Clip(seconds=20, options={"movflags": "faststart"})
    data = clips("twenty.mp4", clip).read_bytes()
    created = server.create(len(data), body=data[: len(data) // 3])
    url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    video = server.playable(video_id)
    assert video["state"] == "active"
    assert video["playback"]["growing"]
    assert video["progress"]["stages"]["receiving"]["percent"] < 35
    master_url = urljoin(server.url, video["playback"]["hls"])
    master = m3u8.loads(fetch(server, master_url).text, uri=master_url)
    media_url = master.playlists[0].absolute_uri
    seen: list[list[str]] = []

    def lines() -> list[str]:
        text = fetch(server, media_url).text
        return [line for line in text.splitlines() if line.endswith(".m4s")]

    at = len(data) // 3
    while at < len(data):
        seen.append(lines())
        part = data[at : at + len(data) // 5]
        assert server.patch(url, at, part).status_code == 204
        at += len(part)
    server.finished(video_id)
    until(lambda: "#EXT-X-ENDLIST" in fetch(server, media_url).text)
    seen.append(lines())
    for before, after in pairwise(seen):
        assert after[: len(before)] == before
    assert len(seen[0]) >= 1
    assert len(seen[-1]) == 6


def test_tells_how_far_it_is_while_bytes_trickle_in(server: Server, clips: Clips) -> None:
    clip = Clip(seconds=20, options={"movflags": "faststart"})
    data = clips("twenty.mp4", clip).read_bytes()
    half = len(data) // 2
    created = server.create(len(data), body=data[:half])
    url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    seen = threading.Event()

    def trickle() -> Iterator[bytes]:
        for at in range(half, len(data), 500):
            yield data[at : at + 500]
            seen.wait(0.01)

    def told() -> bool:
        encoding = server.video(video_id)["progress"]["stages"]["encoding"]
        return bool(encoding["percent"] and encoding["renditions"][0]["media_seconds"])

    with ThreadPoolExecutor(1) as pool:
        headers = {**TUS, **OCTETS, "Upload-Offset": str(half)}
        sent = pool.submit(requests.patch, url, data=trickle(), headers=headers, timeout=120)
        until(told)
        assert not sent.done()
        seen.set()
        assert sent.result().status_code == 204
    video = server.finished(video_id)
    stages = video["progress"]["stages"]["encoding"]
    assert [round(rendition["media_seconds"]) for rendition in stages["renditions"]] == [20, 20]
    assert round(video["duration"]) == round(video["playback"]["seconds"]) == 20


def test_an_index_at_the_end_waits_for_it(server: Server, clips: Clips) -> None:
    data = clips("plain.mp4", Clip()).read_bytes()
    created = server.create(len(data), body=data[: len(data) // 2])
    url, video_id = created.headers["Location"], created.headers["Reelrace-Video-Id"]
    assert server.video(video_id)["state"] == "created"
    server.patch(url, len(data) // 2, data[len(data) // 2 :])
    assert server.finished(video_id)["state"] == "completed"


def test_what_is_anothers_is_not_there(server: Server, clips: Clips) -> None:
    video_id = server.upload(clips("short.mp4", Clip(seconds=2)))
    server.finished(video_id)
    mine, server.secret = server.secret, "y" * 40
    assert server.get(f"api/videos/{video_id}").status_code == 404
    assert server.get("api/videos").json() == {"videos": [], "next": None}
    url = urljoin(server.url, f"api/videos/{video_id}")
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 404
    server.secret = mine
    assert [v["id"] for v in server.get("api/videos").json()["videos"]] == [video_id]


def test_a_new_visitor_gets_a_session_and_keeps_it(server: Server, clips: Clips) -> None:
    with requests.Session() as browser:
        first = browser.get(urljoin(server.url, "api/videos"), timeout=60)
        cookie = first.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        data = clips("short.mp4", Clip(seconds=2)).read_bytes()
        created = browser.post(
            urljoin(server.url, "files/"),
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Length": str(len(data)),
                "Content-Type": "application/offset+octet-stream",
            },
            data=data,
            timeout=60,
        )
        video_id = created.headers["Reelrace-Video-Id"]
        listed = browser.get(urljoin(server.url, "api/videos"), timeout=60).json()["videos"]
        assert [video["id"] for video in listed] == [video_id]
        foreign = browser.delete(
            urljoin(server.url, f"api/videos/{video_id}"),
            headers={"Origin": "https://evil.example"},
            timeout=60,
        )
        assert (foreign.status_code, foreign.json()["code"]) == (403, "origin_refused")
        own = browser.delete(
            urljoin(server.url, f"api/videos/{video_id}"),
            headers={"Origin": server.url.rstrip("/")},
            timeout=60,
        )
        assert own.status_code == 204
    secret = cookie.split("=")[1].split(";")[0]
    rows = b"".join(p.read_bytes() for p in server.data.glob("reelrace.sqlite3*"))
    assert secret.encode() not in rows
    assert secret not in server.log()


def test_delete_erases_everything(server: Server, clips: Clips) -> None:
    video_id = server.upload(clips("short.mp4", Clip(seconds=2)))
    playback = server.finished(video_id)["playback"]["hls"]
    assert fetch(server, playback).status_code == 200
    url = urljoin(server.url, f"api/videos/{video_id}")
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 204
    assert server.get(f"api/videos/{video_id}").status_code == 404
    assert fetch(server, playback).status_code == 404
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 404

    def files() -> list[Path]:
        kinds = ("sources", "marks", "editions")
        return [p for kind in kinds for p in (server.data / kind).rglob("*") if p.is_file()]

    until(lambda: not files())


def test_delete_stops_the_work(server: Server, clips: Clips) -> None:
    clip = Clip(seconds=20, options={"movflags": "faststart"})
    data = clips("twenty.mp4", clip).read_bytes()
    created = server.create(len(data), body=data[: len(data) // 2])
    video_id = created.headers["Reelrace-Video-Id"]
    server.playable(video_id)
    assert len(server.descendants()) == 2  # the fork server and the media process
    url = urljoin(server.url, f"api/videos/{video_id}")
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 204
    until(lambda: len(server.descendants()) == 1)
    assert server.head(created.headers["Location"]).status_code == 404


@pytest.mark.parametrize("change", [0, 5, -1])
def test_only_a_grant_plays(server: Server, clips: Clips, change: int) -> None:
    video_id = server.upload(clips("short.mp4", Clip(seconds=2)))
    playback = server.finished(video_id)["playback"]["hls"]
    _, v, grant, rest = playback.split("/", 3)
    wrong = grant[:change] + ("A" if grant[change] != "A" else "B")
    for path in (f"/{v}/{wrong}/{rest}", f"/{v}/public/{rest}"):
        answer = fetch(server, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "grant_invalid")


def test_playback_headers(shared_server: Server, clips: Clips) -> None:
    video = shared_server.finished(shared_server.upload(clips("short.mp4", Clip(seconds=2))))
    url = urljoin(shared_server.url, video["playback"]["hls"])
    with requests.get(url, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=60) as raw:
        assert raw.headers["Content-Encoding"] == "gzip"
        text = gzip.decompress(raw.raw.read()).decode()
    plain = fetch(shared_server, url, **{"Accept-Encoding": "identity"})
    assert plain.text == text
    assert plain.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert plain.headers["X-Content-Type-Options"] == "nosniff"
    assert plain.headers["Content-Security-Policy"] == "default-src 'none'"
    assert plain.headers["Access-Control-Allow-Origin"] == "*"
    media_url = m3u8.loads(text, uri=url).playlists[0].absolute_uri
    segment = m3u8.loads(fetch(shared_server, media_url).text, uri=media_url).segments[0]
    piece = fetch(shared_server, segment.absolute_uri)
    assert "immutable" in piece.headers["Cache-Control"]
    assert piece.headers["Content-Type"] == "video/mp4"
    for wrong in ("x.m3u8", "v180.000099.1.m4s", "v180.init.mp5", "..%2f..%2fsecret", "index.m3u8"):
        folder = segment.absolute_uri.rsplit("/", 1)[0]
        assert fetch(shared_server, f"{folder}/{wrong}").status_code == 404


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_playlist_that_is_known_is_not_sent_again(
    shared_server: Server, clips: Clips, coding: str
) -> None:
    """Packed and unpacked are two representations, each with a strong ETag of its own."""
    video = shared_server.finished(shared_server.upload(clips("short.mp4", Clip(seconds=2))))
    tags = {
        accepted: fetch(
            shared_server, video["playback"]["hls"], **{"Accept-Encoding": accepted}
        ).headers["ETag"]
        for accepted in ("gzip", "identity")
    }
    tag = tags.pop(coding)
    (other,) = tags.values()

    def status(known: str) -> int:
        headers = {"Accept-Encoding": coding, "If-None-Match": known}
        answer = fetch(shared_server, video["playback"]["hls"], **headers)
        assert (answer.headers["ETag"], answer.headers["Vary"]) == (tag, "Accept-Encoding")
        assert (answer.content == b"") == (answer.status_code == 304)
        return answer.status_code

    for known in (tag, f"W/{tag}", f'"a,b", {other} ,W/{tag}', "*", f'{tag},"x"'):
        assert status(known) == 304, known
    for unknown in (other, f"W/{other}", tag.strip('"'), '"*"', "", f'"{tag[1:-1]}x"'):
        assert status(unknown) == 200, unknown


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("text.mp4", b"this is only text, whatever its name says\n" * 20, "not_media"),
        ("empty.mp4", b"", "empty"),
    ],
)
def test_failures_say_why(shared_server: Server, name: str, data: bytes, code: str) -> None:
    created = shared_server.create(len(data), name, body=data)
    video = shared_server.finished(created.headers["Reelrace-Video-Id"])
    assert video["state"] == "failed"
    assert video["error"]["code"] == code
    assert video["error"]["message"].endswith(".")
    assert video["playback"] is None
    assert video["attempts"] <= 1


def test_a_truncated_file_is_partial_and_plays(
    shared_server: Server, clips: Clips, tmp_path: Path
) -> None:
    data = clips("fast.mp4", FAST).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) * 6 // 10])
    video = shared_server.finished(shared_server.upload(path))
    assert video["state"] == "partial"
    assert video["error"]["code"] == "truncated"
    url = urljoin(shared_server.url, video["playback"]["hls"])
    media_url = m3u8.loads(fetch(shared_server, url).text, uri=url).playlists[0].absolute_uri
    assert m3u8.loads(fetch(shared_server, media_url).text).is_endlist


def test_lists_in_pages(server: Server) -> None:
    ids = [server.create(10, f"{n}.mp4").headers["Reelrace-Video-Id"] for n in range(5)]
    first = server.get("api/videos?limit=3").json()
    rest = server.get(f"api/videos?before={first['next']}").json()
    assert sorted(v["id"] for v in first["videos"] + rest["videos"]) == sorted(ids)
    assert rest["next"] is None
    assert server.get("api/videos?limit=5").json()["next"] is None
    gone = first["videos"][-1]["id"]
    url = urljoin(server.url, f"api/videos/{gone}")
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 204
    assert server.get(f"api/videos?before={first['next']}").json() == rest
    for wrong in ("limit=many", "before=many", f"before={gone}", "before=1-2"):
        answer = server.get(f"api/videos?{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_unknown_addresses(shared_server: Server) -> None:
    for path in ("nothing", "api/videos/" + "0" * 32, "api/videos/../../etc", "files/xyz"):
        answer = shared_server.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert shared_server.get("healthz").json()["status"] == "ok"
    posted = requests.post(urljoin(shared_server.url, "healthz"), timeout=60)
    assert (posted.status_code, posted.json()["code"]) == (405, "method_not_allowed")
