"""Changes when: what our lists of pictures say does (W3C WebVTT, 4).

A file is text that only grows but for its last cue, which ends where the video ends so far.
Times are thousandths of a second, rounded from exact ticks; what is shorter gets no cue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

CONTENT_TYPE = "text/vtt; charset=utf-8"


class Cues:
    """Cues that follow each other without a gap, each until the next."""

    def __init__(self, timescale: int, lines: Sequence[str] = ()) -> None:
        """Times are ticks of `timescale`."""
        self._timescale = timescale
        self._lines = list(lines)
        self._start = 0
        self._text: str | None = None
        """Of the last cue."""

    def copy(self) -> Cues:
        """The same as far as it goes; it goes on by itself."""
        other = Cues(self._timescale, self._lines)
        other._start, other._text = self._start, self._text
        return other

    def add(self, start: int, text: str) -> None:
        """One more cue, from tick `start` on."""
        self._lines += self._last(start)
        self._start, self._text = start, text

    def text(self, end: int) -> str:
        """The file as it is now; the last cue ends at tick `end`."""
        return "\n".join(["WEBVTT\n", *self._lines, *self._last(end)])

    def _last(self, end: int) -> Iterator[str]:
        start, until = (timestamp(tick, self._timescale) for tick in (self._start, end))
        if self._text is not None and start != until:
            yield f"{start} --> {until}\n{self._text}\n"


def timestamp(tick: int, timescale: int) -> str:
    """`HH:MM:SS.mmm`, hours with more digits if there are more; rounded half up."""
    thousandths = (2000 * tick + timescale) // (2 * timescale)
    seconds, thousandths = divmod(thousandths, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def first_tile(tick: int, interval: int) -> int:
    """The first place on the grid of a storyboard that is not before `tick`."""
    return -(-tick // interval) * interval


def tiles(start: int, end: int, interval: int) -> Sequence[int]:
    """Ticks of the tiles of a cut that is [start, end): those on the grid, else where it begins."""
    return range(first_tile(start, interval), end, interval) or [start]


def tile(strip: str, number: int, width: int, height: int) -> str:
    """The tile with that number in its strip, as Media Fragments name it."""
    return f"{strip}#xywh={number * width},0,{width},{height}"
