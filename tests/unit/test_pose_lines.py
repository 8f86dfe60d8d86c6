from __future__ import annotations

import importlib.util
from array import array
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import pose

ROOT = Path(__file__).resolve().parents[2]
ONE = [n / 1000 for n in range(pose.VALUES)]


def numbers(*people: list[float]) -> bytes:
    return array("f", [value for person in people for value in person]).tobytes()


def test_a_line_says_who_is_where() -> None:
    values = pose.people(numbers(ONE, ONE), 2)
    assert values is not None
    line = pose.line(12, Fraction(2, 5), values)
    assert line.endswith(b"]}]}\n")
    assert line.count(b"\n") == 1
    read = msgspec.json.decode(line, type=pose.Pose)
    assert (read.index, read.time, len(read.people)) == (12, 0.4, 2)
    person = read.people[1]
    assert len(person.landmarks) == len(person.world) == 33
    assert person.landmarks[0] == (0.0, 0.001, 0.002, 0.003)
    assert person.landmarks[32] == (0.128, 0.129, 0.13, 0.131)
    assert person.world[0] == (0.132, 0.133, 0.134)
    assert person.world[32] == (0.228, 0.229, 0.23)


def test_a_picture_without_people_has_a_line() -> None:
    values = pose.people(b"", 1)
    assert values is not None
    assert pose.line(0, Fraction(0), values) == b'{"index":0,"time":0.0,"people":[]}\n'


@pytest.mark.parametrize(
    "said",
    [
        numbers(ONE)[:-1],
        numbers(ONE)[:-4],
        numbers(ONE, ONE, ONE),
        numbers([*ONE[1:], float("nan")]),
        numbers([*ONE[1:], float("inf")]),
        numbers([*ONE[1:], float("-inf")]),
        numbers([*ONE[1:], 1e30]),
    ],
)
def test_numbers_that_make_no_sense(said: bytes) -> None:
    assert pose.people(said, 2) is None


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (Fraction(1, 3), 0.333333),
        (Fraction(2, 3), 0.666667),
        (Fraction(1001, 30_000), 0.033367),
        (Fraction(36_000) + Fraction(1, 90_000), 36_000.000011),
    ],
)
def test_times_are_exact_to_a_microsecond(time: Fraction, seconds: float) -> None:
    assert pose.seconds(time) == seconds


def test_models_are_those_that_are_built() -> None:
    spec = importlib.util.spec_from_file_location("built", ROOT / "scripts" / "build_pose.py")
    assert spec is not None
    assert spec.loader is not None
    built = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built)
    assert {size.name: size.bundle for size in built.SIZES} == pose.MODELS


@given(st.integers(0, 10**9 - 1), st.integers(-1, 10**15 - 1))
def test_a_mark_is_read_as_it_is_written(edition: int, frame: int) -> None:
    mark = pose.Mark(edition, frame)
    assert pose.mark(str(mark)) == mark
    assert str(mark).isdigit() == (edition == 0 and frame >= 0)


def test_the_mark_of_a_first_edition_is_the_index() -> None:
    marks = [pose.Mark(0, 12), pose.Mark(1, 12), pose.Mark(1, -1)]
    assert [str(mark) for mark in marks] == ["12", "1:12", "1:"]


@pytest.mark.parametrize(
    "text", [None, "", ":", ":1", "-1", "1:-1", "1:2:3", "x", " 1", "1\n", "\u0663", "9" * 16]
)
def test_what_was_never_told_is_no_mark(text: str | None) -> None:
    assert pose.mark(text) is None
