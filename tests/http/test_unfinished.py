"""Whoever comes back finds what they had begun, and where to go on."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urljoin

import requests

from storage.model import new_id
from tests.http.test_windows import post, said, window
from tests.support.contract import Contract
from tests.support.server import Server, until

CHECK = Contract().check


def answered(server: Server, **headers: str) -> dict[str, Any]:
    url = urljoin(server.url, "api/uploads")
    answer = CHECK(requests.get(url, headers={**server.session, **headers}, timeout=60))
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def listed(server: Server, **headers: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answered(server, **headers)["uploads"]
    return found


def test_what_lacks_bytes_is_listed_with_where_to_go_on(server: Server) -> None:
    assert listed(server) == []
    plain = post(server, {"Upload-Length": "100"} | said(filename="a.mp4", note="x"), b"y" * 40)
    assembly = new_id()
    about = {"filename": "b.mp4", "size": "1000"}
    tail = window(server, assembly, 900, 100, **about)
    head = window(server, assembly, 0, 300, **about)
    server.patch(tail.headers["Location"], 0, b"t" * 100)
    server.patch(head.headers["Location"], 0, b"h" * 200)
    second, first = listed(server)
    assert second["video"] == head.headers["Reelrace-Video-Id"]
    assert (second["size"], second["received"]) == (1000, 300)
    assert second["assembly"] == assembly
    assert second["metadata"]["filename"] == "b.mp4"
    assert second["windows"] == [
        {"url": head.headers["Location"], "start": 0, "length": 300, "offset": 200},
        {"url": tail.headers["Location"], "start": 900, "length": 100, "offset": 100},
    ]
    assert first["video"] == plain.headers["Reelrace-Video-Id"]
    assert first["metadata"] == {"filename": "a.mp4", "note": "x"}
    assert first["assembly"] is None
    assert first["windows"] == [
        {"url": plain.headers["Location"], "start": 0, "length": 100, "offset": 40}
    ]
    assert first["expires_at"] > first["created_at"]
    server.kill()
    server.start()
    assert listed(server) == [second, first]


def test_nobody_else_sees_it(shared_server: Server) -> None:
    post(shared_server, {"Upload-Length": "100"} | said(filename="a.mp4"))
    assert listed(shared_server)
    assert listed(shared_server, **{"X-User-Session": "another-" + "y" * 32}) == []


def test_what_is_whole_deleted_or_unlike_is_not_listed(server: Server) -> None:
    whole = server.create(5, body=b"12345")
    deleted = server.create(9, body=b"12345")
    later = post(server, {"Upload-Defer-Length": "1"} | said(filename="later.mp4"), b"123")
    part = post(server, {"Upload-Length": "9", "Upload-Concat": "partial"})
    bare = post(server, {"Upload-Length": "9", "Upload-Metadata": "filename YS5tcDQ=,odd /w=="})
    assert CHECK(server.get("api/uploads")).status_code == 200
    video = deleted.headers["Reelrace-Video-Id"]
    url = urljoin(server.url, f"api/videos/{video}")
    assert requests.delete(url, headers=server.session, timeout=60).status_code == 204
    useless = server.create(9_000_000, body=b"this is only text" * 200_000)
    until(lambda: server.video(useless.headers["Reelrace-Video-Id"])["state"] == "failed")
    found = listed(server)
    assert [one["windows"][0]["url"] for one in found] == [
        answer.headers["Location"] for answer in (bare, part, later)
    ]
    assert found[0]["metadata"] == {"filename": "a.mp4"}
    assert found[1]["video"] is None
    assert (found[2]["size"], found[2]["windows"][0]["length"]) == (None, None)
    assert whole.status_code == 201


def test_an_answer_has_so_many_windows_and_says_if_there_are_more(server: Server) -> None:
    """The newest are told of, each with all of its windows."""
    made = []
    for _ in range(3):
        assembly = new_id()
        made.append(window(server, assembly, 0, 1, size="1000000").headers["Reelrace-Video-Id"])
        assert post(
            server, {"Upload-Length": "1"} | said(assembly=assembly, start="5", size="1000000")
        )
    assert not answered(server)["more"]
    with sqlite3.connect(server.data / "reelrace.sqlite3") as rows:
        rows.execute(
            """insert into uploads (id, source_id, video_id, start, length, mark, boot, metadata,
                 created_at, updated_at, kind)
               with recursive n(n) as (select 1 union all select n + 1 from n where n < 4500)
               select lower(hex(randomblob(16))), source_id, video_id, 10 + 2 * n, 1, 0, boot, '',
                 created_at + 1, updated_at, kind from uploads, n where start = 0"""
        )
    found = server.get("api/uploads").json()  # too long to be held against the contract quickly
    assert found["more"]
    assert [one["video"] for one in found["uploads"]] == made[:0:-1]
    assert [len(one["windows"]) for one in found["uploads"]] == [4502] * 2
