"""Changes when: what a log line looks like does.

Standard logging, as text or as JSON lines. No secret is ever logged: sessions, cookies, grants and
upload ids are capabilities, so whatever text they come in is logged without them.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import sys
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CAPABILITIES = (
    # In an address: an upload's id, a grant.
    re.compile(r"(/(?:files|v)/)[^/\s\"'?]+"),
    # In a path of the data directory.
    re.compile(r"(\bmarks/[0-9a-f]{2}/)[0-9a-f]{32}"),
    # In a header, as it is sent or as Python shows it. A session may have any visible character
    # in it, and so only the line's end is its end for certain.
    re.compile(r"""(?i)(\bx-user-session\b|\b(?:set-)?cookie\b["']?\s*[:=,]).*"""),
    re.compile(r"(\breelrace_session=)[^\s;\"']+"),
    re.compile(r"((?<![\w-])[0-9]{1,7}-)[\w-]{22}(?![\w-])"),
)


def redacted(text: str) -> str:
    """`text` without what gives access."""
    for pattern in _CAPABILITIES:
        text = pattern.sub(r"\1…", text)
    return text


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
        return json.dumps(entry, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """For people: one line, extras as key=value at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        first, *rest = redacted(super().format(record)).split("\n")
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        return "\n".join(_CONTROL.sub("?", line) for line in (f"{first} {extra}".rstrip(), *rest))


class OfPeers(logging.Filter):
    """What is logged of those who do not speak HTTP is a line without what they said.

    That somebody has gone, or takes nothing any more, is no fault of the server's and not logged.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args = "%s: %s", (record.getMessage(), type(error).__name__)
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        gone = isinstance(error, ConnectionError) or (
            isinstance(error, OSError) and error.errno == errno.ETIMEDOUT
        )
        return not gone


def configure(level: str, style: str) -> None:
    """Sends all logging to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The library tells every job's arguments at this level.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(OfPeers())


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: _shown(value) for key, value in vars(record).items() if key not in _PLAIN}


def _shown(value: object) -> object:
    """What JSON has a form for, with all texts in it redacted."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {redacted(str(key)): _shown(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_shown(one) for one in value]
    return redacted(str(value))
