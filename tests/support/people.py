"""Changes when: a test needs somebody to be seen. The picture is that of an astronaut, of NASA."""

from __future__ import annotations

import importlib.util
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

_BASE = Fraction(1, 90_000)


def astronaut() -> np.ndarray:
    """512 x 512 pixels, RGB: head and chest of somebody who looks at us."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    with av.open(str(Path(spec.origin).parent / "data" / "astronaut.png"), "r") as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def swaying(
    path: Path,
    times: tuple[float, ...],
    *,
    width: int = 640,
    height: int = 512,
    keyframe_every: int = 50,
    container: str = "mp4",
    turned: int = 0,
) -> Path:
    """The astronaut, swaying, in pictures at these times, lying on a side if `turned` is 90."""
    person = astronaut()
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = (height, width) if turned else (width, height)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _BASE
        stream.codec_context.gop_size = keyframe_every
        stream.codec_context.options = {"preset": "ultrafast"}
        for at in times:
            frame = av.VideoFrame.from_ndarray(_shifted(person, at, width, height, turned))
            frame.time_base, frame.pts = _BASE, round(at * 90_000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _shifted(person: np.ndarray, at: float, width: int, height: int, turned: int) -> np.ndarray:
    picture = np.full((height, width, 3), 90, np.uint8)
    free = max(0, width - person.shape[1])
    left = round(free / 2 * (1 + math.sin(2 * at)))
    picture[:, left : left + person.shape[1]] = person[:height, : width - left]
    return np.ascontiguousarray(np.rot90(picture, turned // 90))
