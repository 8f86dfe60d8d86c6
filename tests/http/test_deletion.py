"""What is deleted is gone: its rows, its files, and whoever was about to write into them."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import TUS, Server, until

LENGTH = 1 << 20
TRIES = 60
WRITERS = 3


def begin_patch(server: Server, path: str) -> socket.socket:
    """A PATCH whose body is still to come."""
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(
        f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        "Content-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {LENGTH}\r\n\r\n".encode()
    )
    return sock


def held(server: Server) -> list[str]:
    """Files of uploads that the server has open."""
    found = []
    for entry in os.scandir(f"/proc/{server.pid}/fd"):
        with contextlib.suppress(OSError):
            found.append(str(Path(entry.path).readlink()))
    return [path for path in found if "/sources/" in path or "/marks/" in path]


def left(server: Server) -> Iterator[str]:
    """What is left of videos: files, and rows but those of sessions and of the queue."""
    for kind in ("sources", "marks", "editions"):
        yield from (str(path) for path in (server.data / kind).rglob("*") if path.is_file())
    rows = sqlite3.connect(f"file:{server.data}/reelrace.sqlite3?mode=ro", uri=True)
    with contextlib.closing(rows):
        for table in ("sources", "uploads", "videos", "editions", "jobs"):
            yield from (f"{table}: {row}" for row in rows.execute(f"select * from {table}"))


def test_of_an_upload_and_writers_that_come_at_the_same_time(server: Server) -> None:
    """Whoever comes late is told so, and holds no file that nobody can see any more."""
    with ThreadPoolExecutor(WRITERS + 1) as pool, contextlib.ExitStack() as stack:
        for _ in range(TRIES):
            url = server.create(LENGTH).headers["Location"]
            at_once = threading.Barrier(WRITERS + 1)

            def write(
                path: str = urlsplit(url).path, at_once: threading.Barrier = at_once
            ) -> socket.socket:
                at_once.wait()
                return begin_patch(server, path)

            writers = [pool.submit(write) for _ in range(WRITERS)]
            at_once.wait()
            assert requests.delete(url, headers=TUS, timeout=60).status_code == 204
            for writer in writers:
                sock = stack.enter_context(writer.result())
                sock.settimeout(30)
                assert sock.recv(100).split()[1] in (b"404", b"409")
        until(lambda: not held(server))
        until(lambda: not list(left(server)))


def test_of_a_video_and_writers_that_come_at_the_same_time(server: Server) -> None:
    with ThreadPoolExecutor(WRITERS) as pool, contextlib.ExitStack() as stack:
        for _ in range(TRIES // 3):
            created = server.create(LENGTH)
            path = urlsplit(created.headers["Location"]).path
            video = urljoin(server.url, f"api/videos/{created.headers['Reelrace-Video-Id']}")
            writers = [pool.submit(begin_patch, server, path) for _ in range(WRITERS)]
            assert requests.delete(video, headers=server.session, timeout=60).status_code == 204
            for writer in writers:
                sock = stack.enter_context(writer.result())
                sock.settimeout(30)
                assert sock.recv(100).split()[1] in (b"404", b"409")
        until(lambda: not held(server))
        until(lambda: not list(left(server)))
        assert "Traceback" not in server.log()


def test_of_a_video_that_was_worked_on(server: Server, clips: Clips) -> None:
    clip = Clip(seconds=20, options={"movflags": "faststart"})
    data = clips("twenty.mp4", clip).read_bytes()
    ids = [server.create(len(data), body=data[: len(data) // 2]).headers["Reelrace-Video-Id"]]
    server.playable(ids[0])
    ids.append(server.upload(clips("short.mp4", Clip(seconds=2))))
    server.finished(ids[1])
    for video_id in ids:
        video = urljoin(server.url, f"api/videos/{video_id}")
        assert requests.delete(video, headers=server.session, timeout=60).status_code == 204
    until(lambda: not list(left(server)))


def test_of_an_upload_that_another_completes(server: Server) -> None:
    """Either all bytes were answered for and the video stays, or none of it is there."""
    body = bytes(LENGTH)
    for _ in range(TRIES // 3):
        created = server.create(LENGTH)
        url = created.headers["Location"]
        with ThreadPoolExecutor(1) as pool:
            patched = pool.submit(server.patch, url, 0, body)
            assert requests.delete(url, headers=TUS, timeout=60).status_code == 204
            whole = patched.result().status_code == 204
        video = server.get(f"api/videos/{created.headers['Reelrace-Video-Id']}")
        assert video.status_code == (200 if whole else 404)
