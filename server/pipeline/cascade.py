"""Changes when: how pictures are scaled on their way to the outputs does.

A level is one size, on one thread: it scales what the larger level gives, hands that down to
the next level and to the outputs that want this size. So every picture is scaled once a size,
always from the smallest one that is larger.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import av
from av.video.reformatter import Colorspace, VideoReformatter

from server.outputs.port import ChoosingOutput, Picture, PictureOutput, Rung, WarmedOutput
from server.pipeline.channel import Broken, Channel, Failure

DEPTH = 4
"""Pictures that may wait at a level."""


class Level:
    """One size of the cascade."""

    def __init__(
        self,
        rung: Rung,
        outputs: Sequence[PictureOutput],
        below: Level | None,
        failure: Failure,
        rotation: int = 0,
        rgb: bool = False,
    ) -> None:
        """Only the top level rotates, after scaling: fewer pixels to turn."""
        self.name = rung.name
        self._rung = rung
        self._outputs = outputs
        self._below = below
        self._failure = failure
        self._warmed = [output for output in outputs if isinstance(output, WarmedOutput)]
        choosing = [output for output in outputs if isinstance(output, ChoosingOutput)]
        takes_all = below is not None or len(choosing) < len(outputs)
        self._choosing = [] if takes_all else choosing
        """All there is, if nobody takes every picture."""
        self._turn = Turner(rotation) if rotation else None
        self._rgb = rgb
        self._reformatter = VideoReformatter()
        self.channel: Channel[Picture] = Channel(DEPTH, failure)
        self._end: int = 0
        self.ticks = 0
        """How far this level has come."""
        self.thread = threading.Thread(target=self._run, name=rung.name)

    def finish(self, end: int) -> None:
        """No more pictures; the last cut ends at tick `end`."""
        self._end = end
        self.channel.close()

    def _run(self) -> None:
        try:
            for picture in self.channel:
                if not self._choosing or any(o.wants(picture) for o in self._choosing):
                    self._hand_on(picture._replace(frame=self._scale(picture.frame)))
                if not picture.warm:
                    self.ticks = picture.tick
            if self._below:
                self._below.finish(self._end)
            for output in self._outputs:
                output.end(self._end)
            self.ticks = self._end
        except Broken:
            pass
        except BaseException as error:
            self._failure.fail(error)

    def _hand_on(self, picture: Picture) -> None:
        if self._below:
            self._below.channel.put(picture)
        if picture.warm:
            for warmed in self._warmed:
                warmed.warm_up(picture)
        else:
            for output in self._outputs:
                output.picture(picture)

    def _scale(self, frame: av.VideoFrame) -> av.VideoFrame:
        width, height = self._rung.width, self._rung.height
        if self._turn and self._turn.quarter:
            width, height = height, width
        scaled = self._reformatter.reformat(
            frame,
            width,
            height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU709 if self._rgb else None,
            dst_color_range="MPEG",
            interpolation="BICUBIC",
            threads=1,
        )
        return self._turn(scaled) if self._turn else scaled


class Turner:
    """Turns pictures upright by a filter graph, built for the size it is given."""

    _FILTERS: ClassVar[dict[int, list[str]]] = {
        90: ["cclock"],
        180: ["cclock", "cclock"],
        270: ["clock"],
    }

    def __init__(self, rotation: int) -> None:
        """`rotation`: degrees counter-clockwise that the picture must be turned by."""
        self._steps = self._FILTERS[rotation % 360]
        self.quarter = rotation % 180 != 0
        self._graph: av.filter.Graph | None = None
        self._size: tuple[int, int] | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._size != (frame.width, frame.height) or self._graph is None:
            self._size = (frame.width, frame.height)
            self._graph = self._build(frame)
        self._graph.push(frame)
        turned = self._graph.pull()
        assert isinstance(turned, av.VideoFrame)
        return turned

    def _build(self, frame: av.VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.threads = 1
        nodes = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base,
            )
        ]
        nodes += [graph.add("transpose", step) for step in self._steps]
        nodes.append(graph.add("buffersink"))
        for source, target in pairwise(nodes):
            source.link_to(target)
        graph.configure()
        return graph
