"""Changes when: how a picture becomes a JPEG does.

JPEG has colours of its own, full range and the matrix of BT.601; whatever the pictures have is
turned into that. All of it depends on the picture alone, so that a restart makes the same bytes.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
from av.video.frame import PictureType

from server.outputs.port import OutputFacts, Plan

_BITEXACT = av.codec.context.Flags.bitexact
_QUALITY = 4
"""FFmpeg's scale: 2 is the best, 31 the worst."""
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
"""By H.273's number."""
_HD = 720
"""Pictures with a short side of so many pixels are taken for BT.709 if they do not say."""


def fitting(plan: Plan, side: int) -> tuple[int, int]:
    """The size of a plan's pictures if the long side has at most `side` pixels."""
    top = plan.rungs[0]
    factor = min(Fraction(1), Fraction(side, max(top.width, top.height)))
    width, height = (max(2, round(length * factor / 2) * 2) for length in (top.width, top.height))
    return width, height


def facts(plan: Plan, kind: str, width: int, height: int) -> OutputFacts:
    """What is told of an output of JPEGs; there is one of a kind."""
    return OutputFacts(
        name=kind,
        kind=kind,
        codec="jpeg",
        timescale=plan.timescale,
        peak=0,
        average=0,
        width=width,
        height=height,
    )


def level_for(plan: Plan, width: int, height: int) -> int:
    """The smallest level of the cascade that is at least so large."""
    large = (n for n, r in enumerate(plan.rungs) if r.width >= width and r.height >= height)
    return max(large, default=0)


class Shrinker:
    """Makes pictures of one level small, with the colours of a JPEG.

    By a filter graph: it leaves the picture alone, which other threads work on.
    """

    def __init__(self, plan: Plan, level: int, width: int, height: int) -> None:
        rung = plan.rungs[level]
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        nodes = [
            self._graph.add_buffer(
                width=rung.width,
                height=rung.height,
                format=av.VideoFormat("yuv420p"),
                time_base=Fraction(1, plan.timescale),
            ),
            self._graph.add(
                "scale",
                f"{width}:{height}:flags=bicubic:in_color_matrix={_matrix(plan)}:in_range=tv"
                ":out_color_matrix=bt601:out_range=pc",
            ),
            self._graph.add("format", "pix_fmts=yuvj420p"),
            self._graph.add("buffersink"),
        ]
        for source, target in pairwise(nodes):
            source.link_to(target)
        self._graph.configure()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A small picture of one's own."""
        self._graph.push(frame)
        small = self._graph.pull()
        assert isinstance(small, av.VideoFrame)
        return small


def _matrix(plan: Plan) -> str:
    top = plan.rungs[0]
    guess = "bt709" if min(top.width, top.height) >= _HD else "bt601"
    return _MATRICES.get(plan.colour[2], guess) if plan.colour else guess


def jpeg(frame: av.VideoFrame) -> bytes:
    """A picture with the colours of a JPEG as one."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.sample_aspect_ratio = Fraction(1, 1)
    encoder.thread_count = 1
    encoder.flags |= _BITEXACT
    encoder.options = {"qmin": str(_QUALITY), "qmax": str(_QUALITY)}
    frame.pts = 0
    frame.time_base = Fraction(1, 1)
    frame.pict_type = PictureType.NONE
    return b"".join(bytes(packet) for packet in encoder.encode(frame))
