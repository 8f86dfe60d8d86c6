"""A job that lost its place in the queue, or whose attempt broke down, comes to an end."""

from __future__ import annotations

import resource
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import Server, until

CLIP = Clip(seconds=4, options={"movflags": "faststart"})


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data").start()
    yield server
    server.end()


@pytest.mark.parametrize("state", ["waiting", "active"])
def test_a_job_without_a_queue_entry_is_queued_again(one: Server, clips: Clips, state: str) -> None:
    data = clips("stranded.mp4", CLIP).read_bytes()
    created = one.create(len(data), body=data[:100])
    video_id = created.headers["Reelrace-Video-Id"]
    one.kill()
    with sqlite3.connect(one.data / "reelrace.sqlite3") as rows:
        rows.execute("update jobs set state = ?", (state,))
        rows.execute("delete from procrastinate_jobs")
    one.start()
    assert one.patch(created.headers["Location"], 100, data[100:]).status_code == 204
    assert one.finished(video_id)["state"] == "completed"


def test_an_attempt_that_cannot_begin_is_made_again(one: Server, clips: Clips) -> None:
    """A file stands where the folder of editions should be, for a while."""
    editions = one.data / "editions"
    shutil.rmtree(editions, ignore_errors=True)
    editions.touch()
    video_id = one.upload(clips("stranded.mp4", CLIP))
    until(lambda: one.video(video_id)["attempts"] > 0)
    editions.unlink()
    editions.mkdir()
    assert one.finished(video_id)["state"] == "completed"


def test_many_connections_do_not_stop_the_work(one: Server, clips: Clips) -> None:
    """Descriptors beyond 1,024 are too many for select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2500:
        pytest.skip("descriptors are few here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    one.kill()
    one.start()
    try:
        with ExitStack() as stack:
            for _ in range(1100):
                stack.enter_context(socket.create_connection(("127.0.0.1", one.port)))
            assert one.finished(one.upload(clips("stranded.mp4", CLIP)))["state"] == "completed"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
