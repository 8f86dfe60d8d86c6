"""Changes when: how poses are written down does.

A line of NDJSON a picture. The landmarks are BlazePose's 33; x, y are shares of the upright
picture's width and height, z has the scale of x, and `world` is in metres from the hips.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import msgspec

MODELS = {
    "lite": "2544a522cf2c8b58f618e46dd84746e8fa4e47ea1f37a891061c0c5ef34905b6",
    "full": "cdef7f3558c792ab7dafb1227c073ce3d897e81a3277161f6002a28b2b3aeb3f",
    "heavy": "f29105cdc8101e9a462ba314e69a38ed2a38fb5bde9e1f86e33eb0ec1931d6aa",
}
"""Size of the landmark network -> SHA-256 of the bundle that has it."""
LANDMARKS = 33
_IN_PICTURE, _IN_WORLD = 4, 3
VALUES = LANDMARKS * (_IN_PICTURE + _IN_WORLD)
"""Numbers of one person: x, y, z and visibility of each landmark, then x, y, z of each in the
world."""
PERSON = 4 * VALUES
"""Bytes of one person: the numbers are 32-bit floats."""
_MOST = 1e4
_MARK = re.compile(r"(?:([0-9]{1,9}):)?([0-9]{1,15})|([0-9]{1,9}):")
_DIGITS, _SURE = 5, 3
"""Decimals that are kept: of places, and of how sure it is that a landmark is seen."""


class Person(msgspec.Struct, frozen=True):
    """One person in one picture."""

    landmarks: list[tuple[float, float, float, float]]
    world: list[tuple[float, float, float]]


class Pose(msgspec.Struct, frozen=True):
    """What a line says. `time` is in seconds of the edition's timeline."""

    index: int
    time: float
    people: list[Person]


class Heading(msgspec.Struct, frozen=True):
    """As much of a line as says which one it is."""

    index: int
    time: float


class Mark(NamedTuple):
    """How far a stream of a video's frames is, which the ids of its events tell.

    Of a video's first edition an id is the frame's index: `12`. Frames of another edition have
    the same indexes again, so there the edition comes before it: `1:12`, and `1:` before any.
    """

    edition: int
    """How many the video showed before."""
    frame: int
    """Index of the last one that was told; -1 before any."""

    def __str__(self) -> str:
        frame = "" if self.frame < 0 else str(self.frame)
        return f"{self.edition}:{frame}" if self.edition or not frame else frame


def mark(text: str | None) -> Mark | None:
    """The mark in a Last-Event-ID; None for what we never sent."""
    found = _MARK.fullmatch(text or "")
    if found is None:
        return None
    if found[3] is not None:
        return Mark(int(found[3]), -1)
    return Mark(int(found[1] or 0), int(found[2]))


def codec(model: str) -> str:
    """Names a model so that another one, or another version of it, has another name."""
    return f"{model}.{MODELS[model][:16]}"


def people(said: bytes, most: int) -> array[float] | None:
    """The numbers of up to `most` people; None for what is none, or what cannot be written."""
    if len(said) % PERSON or len(said) > most * PERSON:
        return None
    values = array("f")
    values.frombytes(said)
    return values if all(-_MOST < value < _MOST for value in values) else None


def line(index: int, time: Fraction, values: Sequence[float]) -> bytes:
    """A picture's line, with its end. `values` has `VALUES` numbers a person."""
    found = [_person(values[start : start + VALUES]) for start in range(0, len(values), VALUES)]
    return msgspec.json.encode(Pose(index, seconds(time), found)) + b"\n"


def seconds(time: Fraction) -> float:
    """Decimal seconds, exact to a microsecond."""
    return math.floor(time * 1_000_000 + Fraction(1, 2)) / 1_000_000


def _person(values: Sequence[float]) -> Person:
    places = [round(value, _DIGITS) for value in values]
    sure = [round(value, _SURE) for value in values[3 : _IN_PICTURE * LANDMARKS : _IN_PICTURE]]
    x, y, z = (places[n : _IN_PICTURE * LANDMARKS : _IN_PICTURE] for n in range(3))
    world = places[_IN_PICTURE * LANDMARKS :]
    return Person(
        list(zip(x, y, z, sure, strict=True)),
        list(zip(world[::3], world[1::3], world[2::3], strict=True)),
    )
