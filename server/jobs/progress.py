"""Changes when: how far along something is, is told differently.

Pure but for the clock that callers pass in. Percentages are of what is expected, never of what
a file claims about itself alone; what is not known is None.
"""

from __future__ import annotations

from collections import deque
from typing import Any

_WINDOW = 10.0
"""Seconds over which a pace is measured."""
_STEP = 0.25
"""Seconds for which one note is enough: however many come, few are kept."""


class Pace:
    """How fast a number grows, over the last ten seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def note(self, at: float, value: float) -> None:
        """The number is `value` at `at` seconds of any steady clock."""
        if len(self._seen) > 1 and at - self._seen[-2][0] < _STEP:
            self._seen.pop()
        self._seen.append((at, value))
        while len(self._seen) > 2 and at - self._seen[0][0] > _WINDOW:
            self._seen.popleft()

    def per_second(self) -> float | None:
        """None until it has been seen for half a second."""
        if not self._seen:
            return None
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_at - first_at) if last_at - first_at >= 0.5 else None


class Receiving:
    """How far an upload is: bytes there, bytes in all, bytes a second."""

    def __init__(self, there: int, length: int, pace: float | None) -> None:
        self.there, self.length, self.pace = there, length, pace

    @property
    def complete(self) -> bool:
        return self.there >= self.length

    def time_left(self) -> float | None:
        if self.complete:
            return 0.0
        return (self.length - self.there) / self.pace if self.pace else None


def report(
    state: str,
    receiving: Receiving,
    noted: dict[str, Any],
    published: float,
    renditions: list[dict[str, Any]],
    frames: int | None = None,
) -> dict[str, Any]:
    """The `progress` of a video in the API.

    `noted` is what the job's row says: seconds of media made, the pace of that, the declared
    duration. `published` are the seconds that can be played: an attempt that goes on after them
    may not have said so yet. `frames` are the pictures in which poses were looked for, None where
    they are not. `renditions` are `{name, width, height}` and get how far each came.
    """
    ended = state in ("completed", "partial", "failed")
    share = _ratio(receiving.there, receiving.length)
    made = max(noted.get("seconds") or 0.0, published)
    duration = (ended and published) or noted.get("duration")
    outputs = noted.get("outputs", {})
    encoded = _encoded(state, made, duration, noted.get("position") or 0, receiving)
    pace = noted.get("pace") if state == "active" else None
    left = None if ended else _time_left(receiving, made, duration, pace)
    stages: dict[str, Any] = {
        "receiving": {
            "percent": _percent(share),
            "bytes": receiving.there,
            "length": receiving.length,
            "bytes_per_second": None if receiving.complete else _rounded(receiving.pace),
        },
        "probing": {"percent": 100.0 if noted or ended else 0.0},
        "encoding": {
            "percent": _percent(encoded),
            "media_seconds": round(made, 3),
            "duration": duration,
            "renditions": [
                rendition
                | {"media_seconds": round(max(outputs.get(rendition["name"], 0.0), published), 3)}
                for rendition in renditions
            ],
        },
        "finishing": {"percent": 100.0 if state in ("completed", "partial") else 0.0},
    }
    if frames is not None:
        seen = noted.get("pose", {})
        seconds = max(seen.get("seconds", 0.0), published)
        stages["pose"] = {
            "percent": _percent(_encoded(state, seconds, duration, 0, receiving)),
            "frames": max(seen.get("frames", 0), frames),
            "media_seconds": round(seconds, 3),
        }
    return {
        "percent": _percent(_whole(state, share, encoded, receiving, left)),
        "stages": stages,
        "speed": _rounded(pace),
        "time_left": _rounded(left),
    }


def _encoded(
    state: str, made: float, duration: float | None, position: int, receiving: Receiving
) -> float:
    if state in ("completed", "partial"):
        return 1.0
    if duration:
        return min(made / duration, 0.999)
    return min(_ratio(position, receiving.length), 0.999) if made else 0.0


def _whole(
    state: str, share: float, encoded: float, receiving: Receiving, left: float | None
) -> float:
    """Receiving and encoding overlap: each counts by the time it is expected to take."""
    if state in ("completed", "partial"):
        return 1.0
    receiving_left = receiving.time_left()
    if left and receiving_left is not None and left > 0:
        weight = min(0.9, max(0.1, receiving_left / left)) if not receiving.complete else 0.1
    else:
        weight = 0.5
    return min(weight * share + (1 - weight) * encoded, 0.999)


def _time_left(
    receiving: Receiving, made: float, duration: float | None, pace: float | None
) -> float | None:
    """The longer of the two that run at the same time; None while either cannot be told."""
    upload = receiving.time_left()
    if upload is None:
        return None
    if duration is None or not pace:
        return upload if not receiving.complete else None
    return max(upload, max(0.0, duration - made) / pace)


def _ratio(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole else 1.0


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
