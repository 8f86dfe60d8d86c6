"""Changes when: how tests start and talk to a real server does."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

ROOT = Path(__file__).resolve().parent.parent.parent
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}
LIVE = ("created", "waiting", "active")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def until(condition: Callable[[], object], seconds: float = 60, what: str = "") -> Any:
    """Waits for something to become true; the limit is there to end a test that hangs."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what or "it did not come true"
        time.sleep(0.01)
    return found


class Server:
    """A server process on a free loopback port, with a data directory of its own."""

    def __init__(self, data: Path, **settings: object) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.secret = "test-session-" + "x" * 32
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("REELRACE_")},
            "REELRACE_MEDIA_PRESET": "ultrafast",
            "REELRACE_MEDIA_LADDER": "180,120",
            "REELRACE_MEDIA_OUTPUTS": "renditions,thumbnails,storyboard",
            **{f"REELRACE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._log = data.parent / f"{data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    # --- the process -------------------------------------------------------------------------

    @property
    def command(self) -> list[str]:
        """How it is started."""
        where = ["--port", str(self.port), "--data-dir", str(self.data)]
        return [sys.executable, "-m", "server", "serve", *where]

    def start(self) -> Server:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        until(self._ready, what=f"the server did not start: {self.log()[-2000:]}")
        return self

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL: nothing is put in order."""
        return self._end(signal.SIGKILL)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def descendants(self) -> list[int]:
        """Processes that descend from the server."""
        found, todo = [], [self.pid]
        while todo:
            for task in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
                children = [int(pid) for pid in _read(task).split()]
                found += children
                todo += children
        return found

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-3000:]
        try:
            return requests.get(urljoin(self.url, "healthz"), timeout=5).ok
        except requests.RequestException:
            return False

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=60)

    # --- its API -----------------------------------------------------------------------------

    @property
    def session(self) -> dict[str, str]:
        return {"X-User-Session": self.secret}

    def cookie(self, **headers: str) -> dict[str, str]:
        """A session of a browser's, as new as one gets it."""
        answer = requests.get(urljoin(self.url, "api/videos"), headers=headers, timeout=60)
        return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    def create(
        self, length: int, name: str = "a.mp4", body: bytes = b"", **headers: str
    ) -> requests.Response:
        """POST /files/"""
        meta = f"filename {base64.b64encode(name.encode()).decode()}"
        sent = {**TUS, **self.session, "Upload-Length": str(length), "Upload-Metadata": meta}
        return requests.post(
            urljoin(self.url, "files/"),
            headers={**sent, **(OCTETS if body else {}), **headers},
            data=body,
            timeout=60,
        )

    def patch(self, url: str, offset: int, data: bytes, **headers: str) -> requests.Response:
        sent = {**TUS, **OCTETS, "Upload-Offset": str(offset), **headers}
        return requests.patch(url, headers=sent, data=data, timeout=120)

    def head(self, url: str) -> requests.Response:
        return requests.head(url, headers=TUS, timeout=60)

    def offset(self, url: str) -> int:
        return int(self.head(url).headers["Upload-Offset"])

    def upload(self, path: Path, name: str | None = None) -> str:
        """Uploads a whole file; the video's id."""
        data = path.read_bytes()
        answer = self.create(len(data), name or path.name)
        assert answer.status_code == 201, answer.text
        sent = self.patch(answer.headers["Location"], 0, data)
        assert sent.status_code == 204, sent.text
        return answer.headers["Reelrace-Video-Id"]

    def get(self, path: str, **headers: str) -> requests.Response:
        sent = {**self.session, **headers}
        return requests.get(urljoin(self.url, path), headers=sent, timeout=60)

    def video(self, video_id: str) -> dict[str, Any]:
        answer = self.get(f"api/videos/{video_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, video_id: str, seconds: float = 90) -> dict[str, Any]:
        """The video once its job has ended."""
        found: dict[str, Any] = until(
            lambda: (v := self.video(video_id))["state"] not in LIVE and v,
            seconds,
            f"still {self.video(video_id)['state']}: {self.log()[-2000:]}",
        )
        return found

    def playable(self, video_id: str) -> dict[str, Any]:
        """The video once there is something to play."""
        found: dict[str, Any] = until(lambda: (v := self.video(video_id))["playback"] and v)
        return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
