"""Changes when: how our command talks to a server does.

Uploads go through tuspy; the few other requests are plain. Knows nothing of the server's
insides: it would work against one on another machine.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader.uploader import Uploader

_LARGEST = 8 << 20
_SMALLEST = 16 << 10
_RETRIES = 20
_RETRY_DELAY = 2
_TIMEOUT = 30


class ServerSaid(Exception):
    """The server refused; what it said is the argument."""


def config_folder() -> Path:
    """Where the session and the unfinished uploads are remembered."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    folder = Path(base) / "reelrace"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def session_secret() -> str:
    """This user's session: made once, readable by nobody else."""
    path = config_folder() / "session"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text("ascii").strip()


class Client:
    """One server, as one user."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url if url.endswith("/") else url + "/"
        self._headers = {"X-User-Session": secret}
        self._unfinished = FileStorage(  # type: ignore[no-untyped-call]
            str(config_folder() / "unfinished.json")
        )

    def video(self, video_id: str) -> dict[str, Any]:
        """What the server says of a video. Raises `ServerSaid`."""
        answer = requests.get(
            urljoin(self.url, f"api/videos/{video_id}"), headers=self._headers, timeout=_TIMEOUT
        )
        _check(answer)
        found: dict[str, Any] = answer.json()
        return found

    def upload(
        self,
        path: Path,
        *,
        rate: int | None,
        on_created: Callable[[str, int], None],
        on_progress: Callable[[int], None],
    ) -> str:
        """Uploads a file, or goes on with it if it was begun earlier; the video's id.

        `rate` bytes a second at most. `on_created(video_id, offset)`, then `on_progress(offset)`
        after every chunk.
        """
        key = self._key(path)
        location, video_id = self._resumable(key) or self._create(path)
        self._unfinished.set_item(key, location)
        chunk = min(_LARGEST, max(_SMALLEST, rate // 4)) if rate else _LARGEST
        uploader = Uploader(
            file_path=str(path),
            url=location,
            client=TusClient(urljoin(self.url, "files/"), headers=dict(self._headers)),
            chunk_size=chunk,
            retries=_RETRIES,
            retry_delay=_RETRY_DELAY,
        )
        on_created(video_id, uploader.offset)
        begun, offset = time.monotonic(), uploader.offset
        while uploader.offset < path.stat().st_size:
            uploader.upload_chunk()  # type: ignore[no-untyped-call]
            on_progress(uploader.offset)
            if rate:
                due = begun + (uploader.offset - offset) / rate
                time.sleep(max(0.0, due - time.monotonic()))
        self._unfinished.remove_item(key)
        return video_id

    def _create(self, path: Path) -> tuple[str, str]:
        name = b64encode(path.name.encode("utf-8", "replace")).decode()
        answer = requests.post(
            urljoin(self.url, "files/"),
            headers={
                **self._headers,
                "Tus-Resumable": "1.0.0",
                "Upload-Length": str(path.stat().st_size),
                "Upload-Metadata": f"filename {name}",
            },
            timeout=_TIMEOUT,
        )
        _check(answer)
        return answer.headers["Location"], answer.headers["Reelrace-Video-Id"]

    def _resumable(self, key: str) -> tuple[str, str] | None:
        """An upload of this very file that was begun and not ended."""
        location = self._unfinished.get_item(key)
        if location is None:
            return None
        answer = requests.head(location, headers={"Tus-Resumable": "1.0.0"}, timeout=_TIMEOUT)
        video_id = answer.headers.get("Reelrace-Video-Id")
        if not answer.ok or video_id is None:
            self._unfinished.remove_item(key)
            return None
        return location, video_id

    def _key(self, path: Path) -> str:
        stat = path.stat()
        facts = (self.url, path.resolve(), stat.st_size, stat.st_mtime_ns)
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def _check(answer: requests.Response) -> None:
    if answer.ok:
        return
    try:
        problem = answer.json()
        text = f"{problem['title']} ({problem['code']})"
    except (ValueError, KeyError):
        text = f"the server answered {answer.status_code}"
    raise ServerSaid(text)


Trouble = (ServerSaid, TusCommunicationError, requests.RequestException)
"""What a call may raise when the server cannot be reached or refuses."""
