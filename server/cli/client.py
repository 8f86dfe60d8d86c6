"""Changes when: how our command talks to a server does.

Uploads go through tuspy; the few other requests are plain. A file that is best sent in another
order than it lies is several uploads, each of which says where it belongs. Knows nothing of the
server's insides: it would work against one on another machine.
"""

from __future__ import annotations

import io
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.uploader.uploader import Uploader

from server.cli.remembered import Unfinished
from server.cli.route import Stretch, route_of

_LARGEST = 8 << 20
_SMALLEST = 16 << 10
_TIMEOUT = 30
_PATIENCE = 120.0
"""Seconds for which an upload that gets no further is tried again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_ASSEMBLY = "assembly:"
"""Stands before the name of windows, where else the address of an upload is remembered."""
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


class _Part(msgspec.Struct):
    """A stretch of a file, the upload that takes it, and how much of it that has."""

    stretch: Stretch
    location: str
    offset: int

    @property
    def length(self) -> int:
        return self.stretch.end - self.stretch.start


class _Slice(io.RawIOBase):
    """A stretch of a file, as a file."""

    def __init__(self, path: Path, stretch: Stretch) -> None:
        self._file = path.open("rb")
        self._stretch = stretch
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        length = self._stretch.end - self._stretch.start
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: length}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        at = self._stretch.start + self._position
        left = max(0, self._stretch.end - at)
        self._file.seek(at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._position += len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


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
        route = route_of(path)
        video_id, parts = self._resumable(path, route) or self._create(path, route)
        sent = sum(part.offset for part in parts)
        told.created(video_id, sent)
        client = TusClient(urljoin(self.url, "files/"), headers=dict(self._headers))
        pace, tries = _Pace(rate), _Tries(told.trouble)
        for part in parts:
            with _Slice(path, part.stretch) as file:
                for grown in self._send(client, part, file, pace, tries):
                    sent += grown
                    told.progress(sent)
        self._unfinished.forget(self.url, path)

    def _send(
        self, client: TusClient, part: _Part, file: _Slice, pace: _Pace, tries: _Tries
    ) -> Iterator[int]:
        """Sends what is missing of a part; yields by how much it has grown, again and again."""
        sending: Uploader | None = None
        while part.offset < part.length:
            try:
                if sending is None:  # asks where the upload is
                    sending = Uploader(
                        file_stream=cast("IO[bytes]", file),
                        url=part.location,
                        client=client,
                        chunk_size=pace.chunk,
                    )
                else:
                    sending.upload_chunk()  # type: ignore[no-untyped-call]
            except (TusCommunicationError, requests.RequestException) as error:
                sending = None
                tries.failed(self._trouble(error))
                continue
            grown, part.offset = sending.offset - part.offset, max(part.offset, sending.offset)
            if grown > 0:
                tries.succeeded()
                yield grown
                pace.keep(grown)

    def _create(self, path: Path, route: list[Stretch]) -> tuple[str, list[_Part]]:
        """A new video, and the parts that are to be sent, in this order."""
        if len(route) == 1:
            video_id, part = self._declare(path, route[0], {})
            self._unfinished.keep(self.url, path, part.location)
            return video_id, [part]
        assembly = secrets.token_hex(16)
        made = self._declared(path, route, assembly)
        self._unfinished.keep(self.url, path, f"{_ASSEMBLY}{assembly}")
        return made

    def _declared(self, path: Path, route: list[Stretch], assembly: str) -> tuple[str, list[_Part]]:
        """Windows of one source; those that were declared before are as far as they have come."""
        size = str(path.stat().st_size)
        made = [
            self._declare(
                path, stretch, {"assembly": assembly, "start": str(stretch.start), "size": size}
            )
            for stretch in route
        ]
        return made[0][0], [part for _, part in made]

    def _declare(self, path: Path, stretch: Stretch, place: dict[str, str]) -> tuple[str, _Part]:
        said = {"filename": path.name, **place}
        pairs = (f"{k} {b64encode(v.encode('utf-8', 'replace')).decode()}" for k, v in said.items())
        headers = {
            **self._headers,
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(stretch.end - stretch.start),
            "Upload-Metadata": ",".join(pairs),
        }
        if place:
            headers["Upload-Concat"] = "partial"
        answer = self._ask("POST", urljoin(self.url, "files/"), headers)
        if answer.status_code in (404, 405):
            raise Trouble(f"There is no Reelrace at {self.url}")
        _check(answer)
        try:
            location, video_id = answer.headers["Location"], answer.headers["Reelrace-Video-Id"]
        except KeyError:
            raise Trouble(f"There is no Reelrace at {self.url}") from None
        return video_id, _Part(stretch, location, int(answer.headers.get("Upload-Offset", 0)))

    def _resumable(self, path: Path, route: list[Stretch]) -> tuple[str, list[_Part]] | None:
        """What was begun of this very file and not ended: its video, and its parts."""
        kept = self._unfinished.location(self.url, path)
        if kept is None:
            return None
        if not kept.startswith(_ASSEMBLY):
            video_id, offset = self._look(kept)
            if video_id is not None:
                whole = Stretch(0, path.stat().st_size)
                return video_id, [_Part(whole, kept, offset)]
        elif len(route) > 1:
            video_id, parts = self._declared(path, route, kept.removeprefix(_ASSEMBLY))
            if self._look(parts[0].location)[0] is not None:
                return video_id, parts
        self._unfinished.forget(self.url, path)
        return None

    def _look(self, location: str) -> tuple[str | None, int]:
        """The video of an upload, if that is still there, and its offset."""
        answer = self._ask("HEAD", location, {"Tus-Resumable": "1.0.0"})
        video_id = answer.headers.get("Reelrace-Video-Id") if answer.ok else None
        return video_id, int(answer.headers.get("Upload-Offset", 0))

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


class _Pace:
    """How fast it is sent."""

    def __init__(self, rate: int | None) -> None:
        """`rate`: bytes a second at most."""
        self._rate = rate
        self._due = time.monotonic()
        self.chunk = min(_LARGEST, max(_SMALLEST, rate // 4)) if rate else _LARGEST
        """Bytes of a request."""

    def keep(self, sent: int) -> None:
        """Waits until more may be sent after so many bytes."""
        if self._rate:
            self._due += sent / self._rate
            time.sleep(max(0.0, self._due - time.monotonic()))


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
