from __future__ import annotations

import json
import logging
import sys

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from server.telemetry.logs import JsonFormatter, OfPeers, TextFormatter, redacted

FORMATTERS = [JsonFormatter(), TextFormatter()]
ID = "8022a3cf0123456789abcdef01234567"
SECRET = "s\"e'c\\ret" + "x" * 30
UPLOAD = "/files/0123456789abcdef0123456789abcdef"
MEDIA = "/v/20777-AbCdEfGhIjKlMnOpQrStUv/0123456789abcdef0123456789abcdef/index.m3u8"


def record(message: str, **extra: object) -> logging.LogRecord:
    found = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "test"})
    vars(found).update(extra)
    return found


def test_what_gives_access_is_left_out() -> None:
    assert redacted(f"PATCH {UPLOAD} x") == "PATCH /files/… x"
    assert redacted(MEDIA) == "/v/…/0123456789abcdef0123456789abcdef/index.m3u8"
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(record(f"lost {UPLOAD}", path=MEDIA))
        assert "0123456789abcdef0123456789abcdef x" not in line
        assert "AbCdEf" not in line


def test_json_is_one_object_a_line() -> None:
    line = JsonFormatter().format(record("a\nb", job="j", detail="c\r\nd"))
    assert "\n" not in line
    entry = json.loads(line)
    assert entry["message"] == "a\nb"
    assert entry["job"] == "j"


def test_text_cannot_forge_a_line() -> None:
    line = TextFormatter().format(record("fine", detail="x\nERROR forged"))
    assert "\n" not in line
    assert "job" not in line


def raised(error: Exception) -> logging.LogRecord:
    """What a logger makes of an exception, at any depth of causes."""
    try:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("it broke") from cause
    except RuntimeError:
        found = record("a request failed")
        found.exc_info = sys.exc_info()
    return found


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"[Errno 28] No space left on device: '/srv/data/marks/80/{ID}'", ID),
        (f"No such file: 'data/marks/80/{ID}'", ID),
        (f'"PATCH /files/{ID} HTTP/1.1"', ID),
        (f"b'X-User-Session: {SECRET}'", "ret" + "x" * 30),
        (f"b'X-User-Session {SECRET}'", "ret" + "x" * 30),
        (f"{{'x-user-session': '{SECRET}'}}", "ret" + "x" * 30),
        (f"<CIMultiDictProxy('Cookie': 'a=\"b\"; reelrace_session={SECRET}')>", "ret" + "x" * 30),
        (f"(b'Set-Cookie', b'__Host-reelrace_session={SECRET}; Path=/')", "ret" + "x" * 30),
        ("reelrace_session=abcdefgh.ijklm; a=b", "abcdefgh"),
        ("the grant 20777-AbCdEfGhIjKlMnOpQr_t-v is none", "AbCdEfGhIjKlMnOpQr_t-v"),
    ],
)
def test_what_gives_access_is_in_no_part_of_a_line(
    formatter: logging.Formatter, text: str, secret: str
) -> None:
    for line in (
        formatter.format(record(text)),
        formatter.format(record("m", detail=text)),
        formatter.format(record("m", detail={"a": [OSError(text)]})),
        formatter.format(raised(OSError(text))),
    ):
        assert secret not in line
        assert "…" in line


def test_other_ids_are_told() -> None:
    """They give no access, and an operator needs them."""
    for text in (f"job {ID}", f"/data/editions/80/{ID}/v180.000001.1.m4s", f"1795165122347-{ID}"):
        assert redacted(text) == text


def test_what_is_no_http_is_a_line_without_what_was_said() -> None:
    found = record("Error handling request from %s")
    found.args, found.levelno = ("127.0.0.1",), logging.ERROR
    found.exc_info = (BadHttpMessage, BadHttpMessage(f"b'X-Some: {SECRET}'"), None)
    assert OfPeers().filter(found)
    for formatter in FORMATTERS:
        line = formatter.format(found)
        assert "Error handling request from 127.0.0.1: BadHttpMessage" in line
        assert SECRET not in line
        assert "\n" not in line
    assert found.levelno == logging.WARNING


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(110, "timed out")])
def test_that_somebody_has_gone_is_not_told(error: OSError) -> None:
    found = record("Unhandled exception")
    found.exc_info = (type(error), error, None)
    assert not OfPeers().filter(found)
    found.exc_info = (OSError, OSError(5, "broken"), None)
    assert OfPeers().filter(found)


def test_no_line_steers_a_terminal() -> None:
    line = TextFormatter().format(raised(OSError("\x1b[2J")))
    assert "\x1b" not in line
