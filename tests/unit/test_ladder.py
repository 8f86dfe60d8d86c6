from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.ladder import display_size, ladder, peak_bit_rate

SIDES = (1080, 720, 480, 360, 240)


def sizes(width: int, height: int) -> list[tuple[int, int]]:
    return [(r.width, r.height) for r in ladder(width, height, Fraction(30), SIDES)]


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1920, 1080, [(1920, 1080), (1280, 720), (854, 480), (640, 360), (426, 240)]),
        (3840, 2160, [(1920, 1080), (1280, 720), (854, 480), (640, 360), (426, 240)]),
        (1080, 1920, [(1080, 1920), (720, 1280), (480, 854), (360, 640), (240, 426)]),
        (640, 480, [(640, 480), (480, 360), (320, 240)]),
        (1768, 994, [(1768, 994), (1280, 720), (854, 480), (640, 360), (426, 240)]),
        (400, 300, [(400, 300), (320, 240)]),
        (320, 240, [(320, 240), (214, 160)]),
        (161, 121, [(160, 120), (106, 80)]),
        (1, 1, [(2, 2), (2, 2)]),
    ],
)
def test_rungs(width: int, height: int, expected: list[tuple[int, int]]) -> None:
    assert sizes(width, height) == expected


@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(1, 120))
def test_at_least_two_even_never_larger_all_different(width: int, height: int, rate: int) -> None:
    rungs = ladder(width, height, Fraction(rate), SIDES)
    assert len(rungs) >= 2
    assert len({r.name for r in rungs}) == len(rungs)
    for r in rungs:
        assert r.width % 2 == 0
        assert r.height % 2 == 0
        assert r.width <= width + 1
        assert r.height <= height + 1
        assert r.peak >= 32_000
    peaks = [r.peak for r in rungs]
    assert peaks == sorted(peaks, reverse=True)


def test_faster_pictures_may_take_more() -> None:
    slow, fast = (peak_bit_rate(1280, 720, Fraction(rate)) for rate in (30, 60))
    assert slow < fast < 2 * slow
    assert peak_bit_rate(1920, 1080, Fraction(25)) == 5_000_000


def test_display_size() -> None:
    assert display_size(1280, 1080, Fraction(3, 2), 0) == (1920, 1080)
    assert display_size(640, 480, None, -90) == (480, 640)
    assert display_size(640, 480, Fraction(0), 180) == (640, 480)
