from __future__ import annotations

import json
import logging

from server.telemetry.logs import JsonFormatter, TextFormatter, redacted

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
