"""Changes when: how tests run a media process, or look at what it made, does."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from server.jobs.processes import MediaProcesses, Process
from server.outputs.port import SoundAnchor
from server.pipeline import pictures
from server.pipeline.messages import (
    Available,
    CutEnd,
    Done,
    End,
    Facts,
    Failed,
    Free,
    PieceHeader,
    Posed,
    Resume,
    Start,
)
from server.settings import MediaSettings

SMALL = MediaSettings(
    ladder=(180, 120), preset="ultrafast", outputs=("renditions", "thumbnails", "storyboard")
)
"""Two little rungs: quick to make, and all that most tests look at."""


@dataclass
class Made:
    """What a media process said, in order of cuts."""

    facts: Facts | None = None
    pieces: dict[tuple[str, int], tuple[PieceHeader, bytes]] = field(default_factory=dict)
    ends: dict[int, CutEnd] = field(default_factory=dict)
    outcome: Done | Failed | None = None
    looks: list[Posed] = field(default_factory=list)
    """Pictures in which poses were to be looked for."""
    seen: list[bytes] = field(default_factory=list)
    """Their pixels."""
    exit_status: int | None = None

    @property
    def done(self) -> Done:
        assert isinstance(self.outcome, Done), self.outcome
        return self.outcome

    @property
    def failed(self) -> Failed:
        assert isinstance(self.outcome, Failed), self.outcome
        return self.outcome

    @property
    def settled(self) -> Facts:
        assert self.facts is not None
        return self.facts

    def names(self, kind: str) -> list[str]:
        """Names of the outputs of a kind, largest first."""
        return [output.name for output in self.settled.outputs if output.kind == kind]

    def resume_at(self, cut: int) -> Resume:
        """How another process would make `cut` and what follows."""
        end = self.ends[cut - 1]
        anchors: dict[str, SoundAnchor] = {
            name: header.resume
            for (name, number), (header, _) in self.pieces.items()
            if number == cut - 1 and header.resume is not None
        }
        return Resume(cut, end.end, self.settled.timescale, end.entry, anchors)

    def file(self, output: str, first: int = 0) -> io.BytesIO:
        """Init segment and the pieces from `first` on, as one file."""
        index = [o.name for o in self.settled.outputs].index(output)
        cuts = sorted(number for name, number in self.pieces if name == output)
        parts = [self.pieces[output, number][1] for number in cuts if number >= first]
        return io.BytesIO(self.settled.inits[index] + b"".join(parts))


def run(
    processes: MediaProcesses,
    path: Path,
    settings: MediaSettings = SMALL,
    *,
    resume: Resume | None = None,
    thorough: bool = False,
    arriving: list[tuple[int, int]] | None = None,
) -> Made:
    """One attempt in a real, confined media process; `arriving` tells bytes one by one."""
    size = path.stat().st_size
    start = Start(
        settings=settings,
        ranges=[(0, size)] if arriving is None else [],
        length=size if arriving is None else None,
        promised=size,
        resume=resume,
        thorough=thorough,
    )
    descriptor = os.open(path, os.O_RDONLY)
    shared = pictures.create() if "pose" in settings.outputs else None
    process = processes.start(start, descriptor, shared)
    os.close(descriptor)
    memory = None if shared is None else pictures.attach(shared, write=False)
    try:
        if arriving is not None:
            for first, last in arriving:
                process.link.send(Available(first, last))
            process.link.send(End(size))
        made = Made()
        while listen(process, made, memory):
            pass
    finally:
        process.close()
    made.exit_status = process.exited.result(timeout=20).status
    return made


def listen(process: Process, made: Made, memory: memoryview | None = None) -> bool:
    """Takes one message; False when there are no more."""
    received = process.link.receive()
    if received is None:
        return False
    message, size = received
    if isinstance(message, Facts):
        made.facts = message
    elif isinstance(message, CutEnd):
        made.ends[message.cut] = message
    elif isinstance(message, Done | Failed):
        made.outcome = message
    elif isinstance(message, Posed):
        assert memory is not None
        start = message.slot * pictures.SLOT
        made.looks.append(message)
        made.seen.append(bytes(memory[start : start + 3 * message.width * message.height]))
        with contextlib.suppress(BrokenPipeError):  # it may have ended meanwhile
            process.link.send(Free(message.slot))
    elif isinstance(message, PieceHeader):
        data = memoryview(bytearray(size))
        filled = 0
        while filled < size:
            count = process.link.read_into(data[filled:])
            assert count
            filled += count
        made.pieces[message.output, message.cut] = message, bytes(data)
    return True


def picture_times(file: io.BytesIO) -> list[float]:
    """When each picture is shown, in order."""
    with av.open(file, "r") as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def flashes(file: io.BytesIO) -> list[float]:
    """When the picture turns white."""
    found: list[float] = []
    with av.open(file, "r") as container:
        for frame in container.decode(video=0):
            luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8)[::7]
            if luma.mean() > 180 and (not found or frame.time - found[-1] > 0.3):
                found.append(float(frame.time))
    return found


def beeps(file: io.BytesIO) -> list[float]:
    """When a beep begins."""
    found: list[float] = []
    last = -9.0
    for start, rate, samples in sound(file):
        for index in np.nonzero(np.abs(samples) > 0.15)[0]:
            at = start + int(index) / rate
            if at - last > 0.3:
                found.append(at)
            last = at
    return found


def sound(file: io.BytesIO) -> list[tuple[float, int, np.ndarray]]:
    """(seconds, rate, first channel) of each decoded frame."""
    with av.open(file, "r") as container:
        return [
            (float(frame.time or 0), frame.sample_rate, frame.to_ndarray()[0])
            for frame in container.decode(audio=0)
        ]


def mean_luma(file: io.BytesIO) -> float:
    """Average brightness of the first picture, 0 to 255."""
    with av.open(file, "r") as container:
        frame = next(container.decode(video=0))
        return float(np.frombuffer(memoryview(frame.planes[0]), np.uint8).mean())


def picture(file: io.BytesIO | str, number: int) -> np.ndarray:
    """The picture with that number, RGB."""
    with av.open(file, "r") as container:
        for at, frame in enumerate(container.decode(video=0)):
            if at == number:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"fewer than {number + 1} pictures")


def spread(size: int, step: int) -> list[tuple[int, int]]:
    """Ranges of `step` bytes, in order."""
    return [(start, min(size, start + step)) for start in range(0, size, step)]


def seconds(ticks: int, timescale: int) -> Fraction:
    return Fraction(ticks, timescale)
