"""Changes when: how tests ask for the IETF's resumable uploads does."""

from __future__ import annotations

import hashlib
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.support.contract import Contract
from tests.support.raw import Answer, exchange
from tests.support.server import Server

CONTRACT = Contract()
DATA = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(20_000))
PARTIAL = "application/partial-upload"
PROBLEMS = "https://iana.org/assignments/http-problem-types#"
VERSIONS = pytest.mark.parametrize("version", [6, 8, 9])


def said(version: object = 9, **headers: object) -> dict[str, str]:
    found = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return {"Upload-Draft-Interop-Version": str(version), **found}


def ask(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """An answer that was held against the contract."""
    found = exchange(method, url, headers, body)
    path = urlsplit(url).path
    CONTRACT.check_parts(method, path, found.status_code, found.headers, found.content)
    return found


def files(server: Server) -> str:
    return urljoin(server.url, "files/")


def begin(server: Server, length: int, version: object = 9, **headers: object) -> str:
    """The URL of a new upload without bytes."""
    told = said(version, Upload_Complete="?0", Upload_Length=length, **headers) | server.session
    answer = ask("POST", files(server), told)
    assert answer.status_code == 201, answer.content
    return answer.headers["Location"]


def patch(
    url: str, offset: int, body: bytes, complete: str, version: object = 9, **headers: object
) -> Answer:
    told = said(version, Upload_Offset=offset, Upload_Complete=complete, Content_Type=PARTIAL)
    return ask("PATCH", url, told | said(version, **headers), body)


def appending(offset: int, length: int, version: object = 9) -> dict[str, str]:
    """The head of a PATCH that completes an upload."""
    told = said(version, Upload_Offset=offset, Upload_Complete="?1", Content_Type=PARTIAL)
    return told | {"Content-Length": str(length)}


def standing(url: str, version: object = 9) -> tuple[int, str]:
    """Offset and completeness."""
    answer = ask("HEAD", url, said(version))
    assert answer.status_code == 204
    assert answer.headers["Cache-Control"] == "no-store"
    return int(answer.headers["Upload-Offset"]), answer.headers["Upload-Complete"]


def stored(url: str) -> bytes:
    return requests.get(url, timeout=60).content


def received(server: Server, video_id: str) -> int:
    """Bytes that are there, whoever writes; nobody is disturbed."""
    found: int = server.video(video_id)["progress"]["stages"]["receiving"]["bytes"]
    return found


def video_of(url: str) -> str:
    return ask("HEAD", url, said()).headers["Reelrace-Video-Id"]
