"""Changes when: how tests look at thumbnails and storyboards does."""

from __future__ import annotations

import io

import av
import numpy as np

from tests.support.clips import picture


def rgb(data: bytes) -> np.ndarray:
    """A JPEG as it looks, height x width x 3."""
    with av.open(io.BytesIO(data), "r", format="mjpeg") as container:
        (frame,) = container.decode(video=0)
        assert frame.format.name == "yuvj420p"  # full range
        return frame.to_ndarray(format="rgb24")


def pattern(width: int, height: int, number: int, at: float) -> np.ndarray:
    """The brightness of a clip's picture with that number, shown at `at` seconds."""
    return picture(width, height, number, at).to_ndarray(format="gray").astype(float)


def apart(still: np.ndarray, expected: np.ndarray) -> float:
    """Mean difference of the brightness of two pictures, 0 to 255; the second is shrunk."""
    height, width = still.shape[:2]
    frame = av.VideoFrame.from_ndarray(expected.round().astype(np.uint8), format="gray")
    small = frame.reformat(width, height, interpolation="AREA").to_ndarray()
    return float(np.abs(still.astype(float).mean(axis=2) - small).mean())
