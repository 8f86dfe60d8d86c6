"""Changes when: which sizes and bit rates a source gets does.

Sizes go by the short side, so that upright video gets the same rungs as wide video.
"""

from __future__ import annotations

import math
from fractions import Fraction

from server.outputs.port import Rung

_REFERENCE_PEAK = 5_000_000
_REFERENCE_PIXELS = 1920 * 1080
_BETWEEN = Fraction(6, 5)
"""A source this much larger than the highest rung that fits gets a rung of its own size."""


def display_size(
    width: int, height: int, pixel_aspect: Fraction | None, rotation: int
) -> tuple[int, int]:
    """Width and height as people see it: square pixels, upright."""
    if pixel_aspect and pixel_aspect > 0:
        width = max(1, round(width * pixel_aspect))
    return (height, width) if rotation % 180 else (width, height)


def ladder(width: int, height: int, frame_rate: Fraction, sides: tuple[int, ...]) -> list[Rung]:
    """The rungs of a source, largest first: at least two, none larger than the source.

    A source smaller than the smallest side, or with only one that fits, gets its own size and
    two thirds of it.
    """
    short = min(width, height)
    fitting = sorted({side for side in sides if side <= short}, reverse=True)
    if not fitting or (fitting[0] < max(sides) and short >= fitting[0] * _BETWEEN):
        fitting.insert(0, short)
    if len(fitting) == 1:
        fitting.append(max(1, fitting[0] * 2 // 3))
    rungs: list[Rung] = []
    for side in fitting:
        factor = Fraction(side, short)
        size = _even(width * factor), _even(height * factor)
        name = f"v{min(size)}"
        peak = peak_bit_rate(*size, frame_rate)
        if any(rung.name == name for rung in rungs):
            # The smallest sources: about the same size again, at half the rate.
            name, peak = f"{name}low", min(peak, rungs[-1].peak // 2)
        rungs.append(Rung(name, *size, peak))
    return rungs


def peak_bit_rate(width: int, height: int, frame_rate: Fraction) -> int:
    """Bits per second: pixels to the power of 0.75, and more for more than 30 frames a second."""
    pixels = math.pow(width * height / _REFERENCE_PIXELS, 0.75)
    speed = math.sqrt(max(1.0, float(frame_rate) / 30))
    return max(64_000, round(_REFERENCE_PEAK * pixels * min(speed, 2.0) / 1000) * 1000)


def _even(value: Fraction) -> int:
    return max(2, round(value / 2) * 2)
