"""Changes when: what a media process may say does.

A media process may have been taken over by what it reads. Its words decide about names, sizes
and rows, so each is checked before it is used. A wrong one ends the attempt (`Crashed`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from server.errors import Crashed
from server.outputs.port import OutputFacts
from server.pipeline.messages import CutEnd, Facts, PieceHeader, Progress

_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
_CODEC = re.compile(r"[A-Za-z0-9.]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{3}")
_AHEAD = 32
"""Cuts that outputs may be ahead of the one that is published next."""
_MOST = 1 << 40
_PIECE_LIMIT = 1 << 29
_INIT_LIMIT = 1 << 16


def facts(said: Facts) -> None:
    """Outputs with different plain names, small init segments, sane numbers."""
    names = [output.name for output in said.outputs]
    _demand(0 < len(names) <= 32 and len(set(names)) == len(names), "outputs")
    _demand(len(said.inits) == len(names), "init segments")
    _demand(all(0 < len(init) <= _INIT_LIMIT for init in said.inits), "init segment's size")
    _demand(0 < said.timescale < 1 << 31, "timescale")
    _demand(len(said.container) < 100, "container")
    _demand(said.duration is None or 0 < said.duration < 1e7, "duration")
    _demand(said.frame_rate is None or 0 < said.frame_rate < 1000, "frame rate")
    for output in said.outputs:
        _demand(bool(_NAME.fullmatch(output.name)), "name")
        _demand(output.kind in ("video", "audio"), "kind")
        _demand(bool(_CODEC.fullmatch(output.codec)), "codec")
        _demand(bool(_LANGUAGE.fullmatch(output.language)), "language")
        _demand(0 < output.timescale < 1 << 31, "timescale")
        _demand(0 <= output.width <= 16384 and 0 <= output.height <= 16384, "size")
        _demand((output.kind == "video") == (output.width > 0 and output.height > 0), "size")
        _demand(0 <= output.peak < _MOST and 0 <= output.average < _MOST, "bit rate")
        _demand(0 <= output.channels <= 64, "channels")


def piece(said: PieceHeader, size: int, outputs: Mapping[str, OutputFacts], next_cut: int) -> None:
    """A piece of a known output, of a cut that is not published, with ranges inside it."""
    _demand(said.output in outputs, "output of a piece")
    _demand(next_cut <= said.cut < next_cut + _AHEAD, "cut of a piece")
    _demand(0 < size <= _PIECE_LIMIT, "size of a piece")
    _demand(0 < said.duration < _MOST and 0 < said.frames < 1 << 20, "duration of a piece")
    _demand(len(said.keyframes) <= 1 << 12, "keyframes")
    for offset, length, ticks in said.keyframes:
        _demand(offset >= 0 and length > 0 and offset + length <= size, "range of a keyframe")
        _demand(0 <= ticks < said.duration, "time of a keyframe")
    if said.resume is not None:
        _demand(0 <= said.resume.packet < _MOST and 0 <= said.resume.position < _MOST, "anchor")


def cut_end(said: CutEnd, next_cut: int) -> None:
    """The end of a cut that is not published."""
    _demand(next_cut <= said.cut < next_cut + _AHEAD, "number of a cut")
    _demand(0 <= said.start < said.end < 1 << 62, "times of a cut")


def progress(said: Progress) -> None:
    """Numbers that can be shown."""
    _demand(0 <= said.position < 1 << 62 and abs(said.ticks) < 1 << 62, "progress")
    _demand(len(said.outputs) <= 32, "progress")
    _demand(all(_NAME.fullmatch(name) for name in said.outputs), "progress")
    _demand(all(abs(ticks) < 1 << 62 for ticks in said.outputs.values()), "progress")


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Crashed(f"what it said makes no sense: {what}")
