"""Changes when: what a log line looks like does.

Standard logging, as text or as JSON lines. No secret is ever logged: sessions and upload URLs
are capabilities, so requests are logged without them.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CAPABILITY = re.compile(r"(/(?:files|v)/)[^/\s\"?]+")


def redacted(text: str) -> str:
    """`text` without what gives access: ids of uploads, grants."""
    return _CAPABILITY.sub(r"\1…", text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **_extra(record),
        }
        if record.exc_info:
            entry["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """For people: one line, extras as key=value at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = redacted(super().format(record))
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        first, newline, rest = text.partition("\n")
        return _CONTROL.sub("?", f"{first} {extra}".rstrip()) + newline + rest


def configure(level: str, style: str) -> None:
    """Sends all logging to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The library tells every job's arguments at this level.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {
        key: redacted(value) if isinstance(value, str) else value
        for key, value in vars(record).items()
        if key not in _PLAIN
    }
