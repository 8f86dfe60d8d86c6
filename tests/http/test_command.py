"""`reelrace upload` and `reelrace serve`, as people type them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import ROOT, Server, free_port, until

SHORT = Clip(seconds=2, audio=False)
FAST = Clip(seconds=4, options={"movflags": "faststart"})


class Typed:
    """A command, run with a home of its own."""

    def __init__(self, home: Path, *arguments: object, **environment: str) -> None:
        self.home = home
        known = {k: v for k, v in os.environ.items() if not k.startswith("REELRACE_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server", *map(str, arguments)],
            cwd=ROOT,
            env={**known, "XDG_CONFIG_HOME": str(home), "COLUMNS": "200", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ends(self) -> tuple[int, str, str]:
        """Its status, and what it wrote to both outputs."""
        said, complained = self._process.communicate(timeout=90)
        return self._process.returncode, said, complained

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=20)


def upload(server: Server, home: Path, *arguments: object) -> Typed:
    return Typed(home, "upload", "--url", server.url, *arguments)


def test_a_video_is_uploaded_and_watched(
    shared_server: Server, clips: Clips, tmp_path: Path
) -> None:
    path = clips("typed.mp4", SHORT)
    status, said, told = upload(shared_server, tmp_path, path, "--watch").ends()
    assert status == 0, told
    video_id, state, name = said.split()
    assert (len(video_id), state, name) == (32, "completed", "typed.mp4")
    assert told.index(f"typed.mp4: is video {video_id}") < told.index("plays since")
    assert f"/{video_id}/index.m3u8" in told


def test_what_is_not_whole_is_no_success(
    shared_server: Server, clips: Clips, tmp_path: Path
) -> None:
    data = clips("fast-typed.mp4", FAST).read_bytes()
    (tmp_path / "half.mp4").write_bytes(data[: len(data) * 6 // 10])
    (tmp_path / "notes.mp4").write_text("no video\n" * 100)
    ends = {"half.mp4": ("partial", "truncated"), "notes.mp4": ("failed", "not_media")}
    for name, (state, code) in ends.items():
        status, said, told = upload(shared_server, tmp_path, tmp_path / name, "--watch").ends()
        assert status == 1
        assert said.split()[1:] == [state, name]
        assert f"({code})" in told
        assert "Traceback" not in told


def test_an_upload_outlasts_its_server(tmp_path: Path, clips: Clips) -> None:
    path = clips("outlasting.mp4", Clip(seconds=20, options={"movflags": "faststart"}))
    server = Server(tmp_path / "data").start()
    try:
        slow = path.stat().st_size // 4
        typed = upload(server, tmp_path, path, "--watch", "--rate", slow)
        unfinished = tmp_path / "reelrace" / "unfinished.json"
        until(lambda: unfinished.exists() and "/files/" in unfinished.read_text(), what="begun")
        server.kill()
        server.start()
        status, said, told = typed.ends()
        assert (status, said.split()[1]) == (0, "completed"), told
    finally:
        server.end()


def test_an_upload_goes_on_when_the_file_is_given_again(tmp_path: Path, clips: Clips) -> None:
    path = clips("again.mp4", Clip(seconds=20, options={"movflags": "faststart"}))
    server = Server(tmp_path / "data").start()
    try:
        slow = path.stat().st_size // 20
        first = upload(server, tmp_path, path, "--rate", slow)
        until(lambda: any(mark.stat().st_size for mark in server.data.glob("marks/*/*")))
        first.kill()
        status, said, _ = upload(server, tmp_path, path, "--watch").ends()
        assert (status, said.split()[1]) == (0, "completed")
        assert len(list(server.data.glob("sources/*/*"))) == 1
    finally:
        server.end()


def test_a_file_with_its_index_at_its_end_plays_early_and_is_gone_on_with(
    tmp_path: Path, clips: Clips
) -> None:
    """Head, index and rest are windows of one source; who goes on declares them again."""
    path = clips("late.mp4", Clip(seconds=30, width=640, height=360))
    size = path.stat().st_size
    server = Server(tmp_path / "data").start()
    try:
        secret = tmp_path / "reelrace" / "session"
        secret.parent.mkdir()
        secret.write_text(server.secret)
        first = upload(server, tmp_path, path, "--rate", size // 12)

        def plays() -> dict[str, Any] | None:
            found = server.get("api/videos").json()["videos"]
            return found[0] if found and found[0]["playback"] else None

        video = until(plays)
        assert video["progress"]["stages"]["receiving"]["bytes"] < size / 2
        first.kill()
        status, said, told = upload(server, tmp_path, path, "--watch").ends()
        assert (status, said.split()[:2]) == (0, [video["id"], "completed"]), told
        (source,) = server.data.glob("sources/*/*")
        assert source.read_bytes() == path.read_bytes()
        assert json.loads((tmp_path / "reelrace" / "unfinished.json").read_text())["_default"] == {}
    finally:
        server.end()


def test_what_was_deleted_meanwhile_begins_anew(tmp_path: Path, clips: Clips) -> None:
    path = clips("late.mp4", Clip(seconds=30, width=640, height=360))
    server = Server(tmp_path / "data").start()
    try:
        secret = tmp_path / "reelrace" / "session"
        secret.parent.mkdir()
        secret.write_text(server.secret)
        first = upload(server, tmp_path, path, "--rate", path.stat().st_size // 30)
        until(lambda: any(mark.stat().st_size for mark in server.data.glob("marks/*/*")))
        first.kill()
        (old,) = (video["id"] for video in server.get("api/videos").json()["videos"])
        gone = requests.delete(f"{server.url}api/videos/{old}", headers=server.session, timeout=60)
        assert gone.status_code == 204
        status, said, told = upload(server, tmp_path, path, "--watch").ends()
        assert (status, said.split()[1]) == (0, "completed"), told
        assert said.split()[0] != old
    finally:
        server.end()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("foo", "is no address of a server"),
        ("", "is no address of a server"),
        ("ftp://127.0.0.1/", "is no address of a server"),
        ("http://127.0.0.1:99999/", "is no address of a server"),
        ("http://[::1/", "is no address of a server"),
    ],
)
def test_what_is_no_address(url: str, sentence: str, tmp_path: Path, clips: Clips) -> None:
    path = clips("typed.mp4", SHORT)
    status, _, told = Typed(tmp_path, "upload", "--url", url, path).ends()
    assert status == 2
    assert sentence in told


def test_nobody_answers(tmp_path: Path, clips: Clips) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    path = clips("typed.mp4", SHORT)
    status, _, told = Typed(tmp_path, "upload", "--url", url, path).ends()
    assert status == 1
    assert f"No server answers at {url}. Is it running?" in told


def test_somebody_else_answers(shared_server: Server, tmp_path: Path, clips: Clips) -> None:
    path = clips("typed.mp4", SHORT)
    url = f"{shared_server.url}api/"
    status, _, told = Typed(tmp_path, "upload", "--url", url, path).ends()
    assert status == 1
    assert f"There is no Reelrace at {url}" in told


def test_what_is_no_file(shared_server: Server, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = list(shared_server.data.glob("sources/*/*"))
    for path in (tmp_path / "pipe", Path(os.devnull), tmp_path):
        status, _, told = upload(shared_server, tmp_path, path).ends()
        assert status == 2
        assert "Traceback" not in told
    assert list(shared_server.data.glob("sources/*/*")) == before


def test_a_folder_that_cannot_be_used(shared_server: Server, tmp_path: Path, clips: Clips) -> None:
    (tmp_path / "file").touch()
    path = clips("typed.mp4", SHORT)
    status, _, told = upload(shared_server, tmp_path / "file", path).ends()
    assert status == 1
    assert "cannot be used: Not a directory" in told


@pytest.mark.parametrize("damage", ["junk", "[]", '{"_default": '])
def test_a_damaged_memory_is_set_aside(
    shared_server: Server, tmp_path: Path, clips: Clips, damage: str
) -> None:
    (tmp_path / "reelrace").mkdir()
    (tmp_path / "reelrace" / "unfinished.json").write_text(damage)
    path = clips("typed.mp4", SHORT)
    status, _, told = upload(shared_server, tmp_path, path).ends()
    assert status == 0, told
    assert "was damaged" in told
    assert (tmp_path / "reelrace" / "unfinished.damaged").read_text() == damage


def serve(tmp_path: Path, *arguments: object, **environment: str) -> tuple[int, str]:
    status, _, told = Typed(tmp_path, "serve", *arguments, **environment).ends()
    assert "Traceback" not in told
    return status, told


def test_a_server_that_cannot_start_says_why(shared_server: Server, tmp_path: Path) -> None:
    data = ("--data-dir", tmp_path / "data")
    status, told = serve(tmp_path, "--host", "nonsense..x", *data)
    assert (status, "'nonsense..x' is no name of a host" in told) == (1, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, told = serve(tmp_path, "--port", port, *data, REELRACE_PROT="1")
        assert (status, f"port {port} on 127.0.0.1 is taken" in told) == (1, True)
        assert "REELRACE_PROT" in told  # it was meant to be something
    (tmp_path / "file").touch()
    status, told = serve(tmp_path, "--data-dir", tmp_path / "file")
    assert (status, f"{tmp_path / 'file'} is not a directory" in told) == (1, True)
    status, told = serve(tmp_path, "--port", 0, "--data-dir", shared_server.data)
    assert (status, f"data directory. It is {shared_server.data}" in told) == (1, True)
