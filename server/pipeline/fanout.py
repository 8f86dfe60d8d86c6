"""Changes when: how outputs get their threads does.

One decode feeds every output through bounded queues that block: a level of the cascade a
thread, a sound track a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction

from server.outputs.port import (
    Boundary,
    Look,
    Output,
    OutputFacts,
    Picture,
    PictureOutput,
    Piece,
    Plan,
    Sound,
    SoundOutput,
)
from server.outputs.registry import make
from server.pipeline.cascade import Level
from server.pipeline.channel import Broken, Channel, Failure

_SOUND_DEPTH = 64
"""Decoded stretches of sound that may wait."""


class FanOut:
    """The outputs of one plan, running."""

    def __init__(
        self,
        plan: Plan,
        publish: Callable[[Piece], None],
        failure: Failure,
        look: Look | None,
        *,
        rotation: int = 0,
        rgb: bool = False,
    ) -> None:
        self._failure = failure
        self.outputs: list[Output] = make(plan, publish, look)
        self.pre_roll: Fraction = max(
            (getattr(output, "pre_roll", Fraction(0)) for output in self.outputs),
            default=Fraction(0),
        )
        """Seconds of pictures before a resume that somebody wants."""
        self._levels: list[Level] = []
        below: Level | None = None
        wanted: dict[int, list[PictureOutput]] = {}
        for output in self.outputs:
            level = getattr(output, "level", None)
            if level is not None:
                wanted.setdefault(level, []).append(output)  # type: ignore[arg-type]
        for index, wanting in sorted(wanted.items(), reverse=True):  # no level is made for nobody
            top = index == min(wanted)
            below = Level(
                plan.rungs[index], wanting, below, failure, rotation if top else 0, top and rgb
            )
            self._levels.insert(0, below)
        self._sounds: dict[int, list[_SoundLane]] = {}
        for output in self.outputs:
            track = getattr(output, "track", None)
            if track is not None:
                lane = _SoundLane(output, failure)  # type: ignore[arg-type]
                self._sounds.setdefault(track, []).append(lane)
        self._start()

    def _start(self) -> None:
        """Raises `MemoryError` when there is no room for a thread's stack."""
        try:
            for thread in self._threads():
                thread.start()
        except RuntimeError as error:
            raise MemoryError(str(error)) from error

    def facts(self) -> tuple[list[OutputFacts], list[bytes]]:
        """What is settled about the outputs, and their init segments."""
        return [output.facts for output in self.outputs], [output.init for output in self.outputs]

    def picture(self, picture: Picture) -> None:
        """Hands a picture to the top level, and the boundary it may be to the sound."""
        if picture.cut is not None:
            self.boundary(Boundary(picture.cut, picture.tick))
        if self._levels:
            self._levels[0].channel.put(picture)

    def boundary(self, boundary: Boundary) -> None:
        for lane in self._lanes():
            lane.channel.put(boundary)

    def sound(self, track: int, sound: Sound) -> None:
        for lane in self._sounds.get(track, ()):
            lane.channel.put(sound)

    def end(self, tick: int) -> None:
        """Lets every output finish, and waits for it. Raises what one of them raised."""
        if self._levels:
            self._levels[0].finish(tick)
        for lane in self._lanes():
            lane.finish(tick)
        self.join()
        if self._failure.error:
            raise self._failure.error

    def join(self) -> None:
        """Waits for the threads; after a failure they leave by themselves."""
        for thread in self._threads():
            if thread.ident is not None:  # else there was no room for it
                thread.join()

    def progress(self) -> dict[str, int]:
        """How far each output that takes pictures has come, in ticks."""
        return {level.name: level.ticks for level in self._levels}

    def _lanes(self) -> list[_SoundLane]:
        return [lane for lanes in self._sounds.values() for lane in lanes]

    def _threads(self) -> list[threading.Thread]:
        return [level.thread for level in self._levels] + [lane.thread for lane in self._lanes()]


class _SoundLane:
    """A sound output on its thread."""

    def __init__(self, output: SoundOutput, failure: Failure) -> None:
        self._output = output
        self._failure = failure
        self._end = 0
        self.channel: Channel[Sound | Boundary] = Channel(_SOUND_DEPTH, failure)
        self.thread = threading.Thread(target=self._run, name=output.facts.name)

    def finish(self, tick: int) -> None:
        self._end = tick
        self.channel.close()

    def _run(self) -> None:
        try:
            for item in self.channel:
                if isinstance(item, Boundary):
                    self._output.boundary(item)
                else:
                    self._output.sound(item)
            self._output.end(self._end)
        except Broken:
            pass
        except BaseException as error:
            self._failure.fail(error)
