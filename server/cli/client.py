"""Changes when: how our command talks to a server does.

Uploads go through tuspy; the few other requests are plain. Knows nothing of the server's
insides: it would work against one on another machine.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.uploader.uploader import Uploader

from server.cli.remembered import Unfinished

_LARGEST = 8 << 20
_SMALLEST = 16 << 10
_TIMEOUT = 30
_PATIENCE = 120.0
"""Seconds for which an upload that gets no further is tried again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_PASSING = frozenset({408, 409, 423, 425, 429})
"""Refusals that do not last; so are all from 500 on, and no answer at all."""


class Trouble(Exception):
    """It cannot be done; the argument is a sentence for people."""


class Unreachable(Trouble):
    """It may be possible later."""


class Told(msgspec.Struct, frozen=True):
    """Whom an upload tells what becomes of it."""

    created: Callable[[str, int], None]
    """`created(video_id, offset)`, once."""
    progress: Callable[[int], None]
    """`progress(offset)`, after every chunk."""
    trouble: Callable[[str], None]
    """`trouble(sentence)`: it is tried again."""


def server_url(text: str) -> str:
    """The address of a server, with a slash at its end. Raises `Trouble`."""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise Trouble(f"{text!r} is no address of a server, as http://127.0.0.1:8765/ is")
    return text if text.endswith("/") else f"{text}/"


class Client:
    """One server, as one user."""

    def __init__(self, url: str, secret: str, unfinished: Unfinished) -> None:
        """Raises `Trouble` if `url` cannot be one."""
        self.url = server_url(url)
        self._headers = {"X-User-Session": secret}
        self._unfinished = unfinished

    def video(self, video_id: str) -> dict[str, Any]:
        """What the server says of a video. Raises `Trouble`."""
        answer = self._ask("GET", urljoin(self.url, f"api/videos/{video_id}"), self._headers)
        _check(answer)
        found: dict[str, Any] = answer.json()
        return found

    def upload(self, path: Path, rate: int | None, told: Told) -> None:
        """Uploads a file, or goes on with it if it was begun earlier. Raises `Trouble`.

        `rate` bytes a second at most. Troubles that may pass are waited out for two minutes.
        """
        location, video_id, offset = self._resumable(path) or self._create(path)
        self._unfinished.keep(self.url, path, location)
        told.created(video_id, offset)
        chunk = min(_LARGEST, max(_SMALLEST, rate // 4)) if rate else _LARGEST
        client = TusClient(urljoin(self.url, "files/"), headers=dict(self._headers))
        sending: Uploader | None = None
        begun, first, size = time.monotonic(), offset, path.stat().st_size
        tries = _Tries(told.trouble)
        while offset < size:
            try:
                if sending is None:  # asks where the upload is
                    sending = Uploader(
                        file_path=str(path), url=location, client=client, chunk_size=chunk
                    )
                else:
                    sending.upload_chunk()  # type: ignore[no-untyped-call]
            except (TusCommunicationError, requests.RequestException) as error:
                sending = None
                tries.failed(self._trouble(error))
                continue
            if sending.offset > offset:
                offset = sending.offset
                tries.succeeded()
                told.progress(offset)
            if rate:
                due = begun + (offset - first) / rate
                time.sleep(max(0.0, due - time.monotonic()))
        self._unfinished.forget(self.url, path)

    def _create(self, path: Path) -> tuple[str, str, int]:
        name = b64encode(path.name.encode("utf-8", "replace")).decode()
        headers = {
            **self._headers,
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(path.stat().st_size),
            "Upload-Metadata": f"filename {name}",
        }
        answer = self._ask("POST", urljoin(self.url, "files/"), headers)
        if answer.status_code in (404, 405):
            raise Trouble(f"There is no Reelrace at {self.url}")
        _check(answer)
        try:
            return answer.headers["Location"], answer.headers["Reelrace-Video-Id"], 0
        except KeyError:
            raise Trouble(f"There is no Reelrace at {self.url}") from None

    def _resumable(self, path: Path) -> tuple[str, str, int] | None:
        """An upload of this very file that was begun and not ended: its URL, video and offset."""
        location = self._unfinished.location(self.url, path)
        if location is None:
            return None
        answer = self._ask("HEAD", location, {"Tus-Resumable": "1.0.0"})
        video_id = answer.headers.get("Reelrace-Video-Id")
        if not answer.ok or video_id is None:
            self._unfinished.forget(self.url, path)
            return None
        return location, video_id, int(answer.headers["Upload-Offset"])

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        try:
            return requests.request(method, url, headers=headers, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> Trouble:
        """What a library raised, in words."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status < 500 and status not in _PASSING:
            return Trouble(_said(status, getattr(error, "response_content", None)))
        if status:
            return Unreachable(_said(status, getattr(error, "response_content", None)))
        return Unreachable(f"No server answers at {self.url}. Is it running?")


class _Tries:
    """How long it is tried again."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    def succeeded(self) -> None:
        self._since, self._pause = None, _FIRST_PAUSE

    def failed(self, trouble: Trouble) -> None:
        """Waits; raises `trouble` if it does not pass, or has not for too long."""
        at = time.monotonic()
        self._since = self._since or at
        if not isinstance(trouble, Unreachable) or at - self._since > _PATIENCE:
            raise trouble
        self._told(str(trouble))
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


def _check(answer: requests.Response) -> None:
    if not answer.ok:
        kind = Unreachable if answer.status_code >= 500 else Trouble
        raise kind(_said(answer.status_code, answer.content))


def _said(status: int, content: bytes | str | None) -> str:
    """The sentence of a problem document, or what there is instead of one."""
    try:
        problem = msgspec.json.decode(content or b"", type=dict[str, Any])
        return f"{problem['title']} ({problem['code']})"
    except (msgspec.MsgspecError, KeyError):
        return f"the server answered {status}"
