"""What is not finished in time goes; nobody takes more room than they may."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.http.test_uploads import begin_patch
from tests.http.test_windows import CHECK, DATA, code, part, post, sources
from tests.support.server import TUS, Server, until


def held(server: Server) -> int:
    """Bytes that uploads whose lengths are not known count for."""
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        found: tuple[int] = rows.execute(
            "select coalesce(sum(coalesce(reserved, mark)), 0) from uploads where length is null"
        ).fetchone()
    return found[0]


def test_an_upload_that_is_not_finished_in_time_is_gone(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", uploads_kept=2).start()
    try:
        made = server.create(1000, body=DATA[:400])
        url, video = made.headers["Location"], made.headers["Reelrace-Video-Id"]
        whole = server.create(500, body=DATA[:500]).headers["Location"]
        pieces = part(server, DATA[:100])
        assert "Upload-Expires" in made.headers
        until(lambda: server.head(url).status_code == 410)
        for answer in (server.head(url), server.patch(url, 400, b"x")):
            assert CHECK(answer).status_code == 410
        assert code(requests.get(url, timeout=60)) == (410, "upload_expired")
        until(lambda: server.head(pieces).status_code == 410)
        server.stop()
        server.start()  # what is due is done then
        until(lambda: sources(server) == 1)
        for gone in (url, pieces):
            assert CHECK(server.head(gone)).status_code == 410
        assert server.get(f"api/videos/{video}").status_code == 404
        assert "Upload-Expires" not in CHECK(server.head(whole)).headers
        assert CHECK(requests.get(whole, timeout=60)).content == DATA[:500]
    finally:
        server.end()


def test_every_patch_prolongs_it(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", uploads_kept=3600).start()
    try:
        made = server.create(1000)
        first = made.headers["Upload-Expires"]
        url = made.headers["Location"]
        sent = 0

        def later() -> bool:
            nonlocal sent
            answer = server.patch(url, sent, b"x")
            sent += 1
            return answer.headers["Upload-Expires"] > first

        until(later)
    finally:
        server.end()


def test_quotas(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", quota_bytes=1000, quota_files=3).start()
    try:
        first = server.create(900)
        assert code(CHECK(server.create(101))) == (413, "quota_exceeded")
        theirs = post(server, {"Upload-Length": "101", "X-User-Session": "another-" + "y" * 32})
        assert theirs.status_code == 201
        assert server.create(50).status_code == 201
        assert server.create(10).status_code == 201
        assert code(CHECK(server.create(10))) == (403, "too_many_files")
        requests.delete(first.headers["Location"], headers=TUS, timeout=60)
        until(lambda: server.create(100).status_code == 201)
    finally:
        server.end()


def test_a_length_that_is_told_later_has_to_fit_too(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", quota_bytes=1000, max_upload_size=2000).start()
    try:
        url = post(server, {"Upload-Defer-Length": "1"}).headers["Location"]
        told = CHECK(server.patch(url, 0, b"x", **{"Upload-Length": "1001"}))
        assert code(told) == (413, "quota_exceeded")
        told = CHECK(server.patch(url, 0, b"x", **{"Upload-Length": "2001"}))
        assert code(told) == (413, "too_large")
        grown = CHECK(server.patch(url, 0, DATA[:1001]))
        assert code(grown) == (413, "quota_exceeded")
        assert server.offset(url) <= 1000
        assert server.patch(url, server.offset(url), b"x").status_code == 204
    finally:
        server.end()


def test_many_whose_lengths_are_not_known_get_no_more_than_one(tmp_path: Path) -> None:
    """They get room as they need it, each in its turn; who got none goes on when there is some."""
    server = Server(tmp_path / "data", quota_bytes=6_000_000).start()
    try:
        urls = [post(server, {"Upload-Defer-Length": "1"}).headers["Location"] for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda url: server.patch(url, 0, bytes(2_000_000)), urls))
        for answer in answers:
            assert CHECK(answer).status_code == 204 or code(answer) == (413, "quota_exceeded")
        offsets = [server.offset(url) for url in urls]
        assert sum(offsets) <= 6_000_000
        short = [url for url, offset in zip(urls, offsets, strict=True) if offset < 2_000_000]
        assert len(short) >= 5
        for url in set(urls) - {short[0]}:
            requests.delete(url, headers=TUS, timeout=60)

        def goes_on() -> bool:
            there = server.offset(short[0])
            return server.patch(short[0], there, bytes(2_000_000 - there)).status_code == 204

        until(goes_on)
        assert server.offset(short[0]) == 2_000_000
    finally:
        server.end()


def test_room_that_was_given_is_free_after_a_fall(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", quota_bytes=6_000_000).start()
    try:
        url = post(server, {"Upload-Defer-Length": "1"}).headers["Location"]
        with begin_patch(url, 0, 2_000_000) as sock:
            sock.sendall(bytes(1_000_000))
            until(lambda: (server.data / "marks").exists() and held(server) > 1_000_000)
            server.kill()
        server.start()
        there = server.offset(url)
        assert held(server) == there
        assert server.create(6_000_000 - there).status_code == 201
    finally:
        server.end()


def test_uploads_leave_some_of_the_disk_free(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    url = server.create(len(DATA)).headers["Location"]
    server.stop()
    disk = os.statvfs(tmp_path)
    full = Server(tmp_path / "data", uploads_leave_free=disk.f_blocks * disk.f_frsize)
    full.port, full.url = server.port, server.url
    full.start()
    try:
        assert code(CHECK(full.create(10))) == (507, "disk_full")
        assert code(CHECK(full.patch(url, 0, DATA))) == (507, "disk_full")
        assert full.offset(url) == 0
    finally:
        full.end()
    server.start()
    try:
        assert server.patch(url, 0, DATA).status_code == 204
    finally:
        server.end()


def test_the_rows_may_lie_on_another_disk(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", database_dir=tmp_path / "rows").start()
    try:
        url = server.create(len(DATA), body=DATA).headers["Location"]
        assert CHECK(requests.get(url, timeout=60)).content == DATA
        assert (tmp_path / "rows" / "reelrace.sqlite3").exists()
        assert not (tmp_path / "data" / "reelrace.sqlite3").exists()
    finally:
        server.end()


def test_files_and_rows_that_lost_each_other_go(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        made = server.create(1000, body=DATA[:400])
        stray = server.data / "sources" / "ab" / ("ab" + "0" * 30)
        server.kill()
        for path in (server.data / "sources").rglob("*"):
            if path.is_file():
                path.unlink()
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"nobody's")
        server.start()
        assert not stray.exists()
        assert server.head(made.headers["Location"]).status_code == 404
        video = made.headers["Reelrace-Video-Id"]
        assert server.get(f"api/videos/{video}").status_code == 404
        assert requests.get(urljoin(server.url, "healthz"), timeout=60).ok
    finally:
        server.end()
