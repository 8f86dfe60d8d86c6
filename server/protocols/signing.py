"""Changes when: what a link to a video's media proves does.

A grant is the part of a media URL's path that gives access to one video. It is `public`, or
deterministic in (video, access version, day): so the URLs that one viewer sees in a day are the
same and cache well, and the day after they still hold (they outlast any film).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

PUBLIC = "public"
DAY = 86_400_000
"""Milliseconds; times here are milliseconds since 1970."""
DAYS_VALID = 2
"""The day it is made and the next."""


def grant(secret: bytes, video_id: str, access_version: int, at: int) -> str:
    """`<day>-<22 characters of HMAC-SHA-256>`; changing the access version revokes it."""
    return _signed(secret, video_id, access_version, at // DAY)


def holds(secret: bytes, token: str, video_id: str, access_version: int, at: int) -> bool:
    """Whether `token` gives access to the video at that time."""
    day, dash, _ = token.partition("-")
    if not dash or not day.isascii() or not day.isdigit() or len(day) > 7:
        return False
    if not 0 <= at // DAY - int(day) < DAYS_VALID:
        return False
    expected = _signed(secret, video_id, access_version, int(day))
    return hmac.compare_digest(expected.encode(), token.encode("utf-8", "replace"))


def expires(token: str) -> int:
    """When a token ends, in milliseconds since 1970. The token must have been checked."""
    return (int(token.partition("-")[0]) + DAYS_VALID) * DAY


def _signed(secret: bytes, video_id: str, access_version: int, day: int) -> str:
    message = f"media:{video_id}:{access_version}:{day}".encode()
    digest = hmac.digest(secret, message, hashlib.sha256)[:16]
    return f"{day}-{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
