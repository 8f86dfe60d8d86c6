"""Changes when: what a media process may say does.

A media process may have been taken over by what it reads. Its words decide about names, sizes
and rows, so each is checked before it is used. A wrong one ends the attempt (`Crashed`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from server.job_errors import Crashed, Hung, JobError, PoseFailed, PoseUnavailable
from server.outputs.port import RENDITIONS, SUFFIXES, OutputFacts
from server.pipeline.cutter import Grid
from server.pipeline.messages import CutEnd, Done, Facts, Failed, PieceHeader, Progress
from storage.errors import ReelraceError
from storage.model import Piece

_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
_CODEC = re.compile(r"[A-Za-z0-9.]{1,32}")
_SOURCE_CODEC = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{3}")
_NOTICE = re.compile(r"[a-z_]{1,32}")
_MOST = 1 << 40
_PIECE_LIMIT = 1 << 29
_INIT_LIMIT = 1 << 16
_KEYFRAMES = 10
"""Keyframes a second on average, and as many as below besides: those of a grid of whole seconds,
and the one that a cut begins with."""
_KEYFRAMES_MORE = 4
_LONGEST = 4
"""Full cuts that the last one may last: sound alone ends where its last frame does."""
_APART = Fraction(1, 10)
"""Seconds by which a piece may differ from its cut: AAC frames do not end where cuts do."""
_NOTICES = 128
"""Twice as many as there may be tracks."""
_DETAIL = 200
_OURS = (Crashed, Hung, PoseFailed, PoseUnavailable)
"""What only the server says of its processes."""


def facts(said: Facts) -> None:
    """Outputs with different plain names, small init segments, sane numbers."""
    names = [output.name for output in said.outputs]
    _demand(0 < len(names) <= 32 and len(set(names)) == len(names), "outputs")
    _demand(len(said.inits) == len(names), "init segments")
    _demand(0 < said.timescale < 1 << 31, "timescale")
    _demand(len(said.container) < 100, "container")
    _demand(said.duration is None or 0 < said.duration < 1e7, "duration")
    _demand(said.frame_rate is None or 0 < said.frame_rate < 1000, "frame rate")
    _demand(0 <= said.width <= 16384 and 0 <= said.height <= 16384, "size")
    for codec in (said.video_codec, said.audio_codec):
        _demand(codec is None or bool(_SOURCE_CODEC.fullmatch(codec)), "codec of the source")
    for output, init in zip(said.outputs, said.inits, strict=True):
        _demand(bool(_NAME.fullmatch(output.name)), "name")
        _demand(output.kind in SUFFIXES, "kind")
        _demand((output.kind == "pose") == (output.name == "pose"), "name")
        _demand(output.kind != "pose" or output.timescale == said.timescale, "timescale")
        _demand(len(init) <= _INIT_LIMIT, "init segment's size")
        _demand(bool(init) == (output.kind in RENDITIONS), "init segment")
        _demand(bool(_CODEC.fullmatch(output.codec)), "codec")
        _demand(bool(_LANGUAGE.fullmatch(output.language)), "language")
        _demand(0 < output.timescale < 1 << 31, "timescale")
        _demand(0 <= output.width <= 16384 and 0 <= output.height <= 16384, "size")
        _demand((output.kind != "audio") == (output.width > 0 and output.height > 0), "size")
        _demand(0 <= output.peak < _MOST and 0 <= output.average < _MOST, "bit rate")
        _demand(0 <= output.channels <= 64, "channels")
        _demand(0 <= output.sample_rate < 1 << 31, "sample rate")


def piece(said: PieceHeader, size: int, outputs: Mapping[str, OutputFacts], next_cut: int) -> None:
    """A piece of a known output, of the cut that is published next, with ranges inside it."""
    _demand(said.output in outputs, "output of a piece")
    _demand(said.cut == next_cut, "cut of a piece")
    least = 1 if outputs[said.output].kind in RENDITIONS else 0
    _demand(least <= size <= _PIECE_LIMIT, "size of a piece")
    _demand(0 < said.duration < _MOST, "duration of a piece")
    _demand(least <= said.frames < 1 << 20, "frames of a piece")
    _demand(0 <= said.score <= 1000, "score of a piece")
    seconds = Fraction(said.duration, outputs[said.output].timescale)
    _demand(len(said.keyframes) <= said.frames, "keyframes")
    _demand(len(said.keyframes) <= _KEYFRAMES * seconds + _KEYFRAMES_MORE, "keyframes")
    end, last = 0, -1
    for offset, length, ticks in said.keyframes:
        _demand(end <= offset and length > 0, "range of a keyframe")
        _demand(last < ticks < said.duration, "time of a keyframe")
        end, last = offset + length, ticks
    _demand(end <= size, "range of a keyframe")
    if said.resume is not None:
        _demand(0 <= said.resume.packet < _MOST and 0 <= said.resume.position < _MOST, "anchor")


def cut_end(said: CutEnd, next_cut: int, start: int, grid: Grid) -> None:
    """The end of the cut that is published next: it begins where it must, and on the grid."""
    _demand(said.cut == next_cut, "number of a cut")
    _demand(said.start == start < said.end < 1 << 62, "times of a cut")
    _demand(0 <= start - grid.cut(next_cut) <= grid.patience, "place of a cut")
    _demand(said.end - start <= _LONGEST * grid.cut(2), "length of a cut")


def whole(said: CutEnd, pieces: Sequence[Piece], facts: Facts) -> None:
    """A cut has a piece from every output, each as long as the cut."""
    _demand(len(pieces) == len(facts.outputs), "pieces of a cut")
    timescales = {output.name: output.timescale for output in facts.outputs}
    lasts = Fraction(said.end - said.start, facts.timescale)
    for piece in pieces:
        apart = Fraction(piece.duration, timescales[piece.output]) - lasts
        _demand(abs(apart) <= _APART, "duration of a piece")


def done(said: Done, next_cut: int) -> None:
    """Every cut is published; early ends have a code that is known, notices are short."""
    _demand(0 < said.cuts == next_cut, "number of all cuts")
    _demand(said.early is None or _own(said.early) is not None, "code of an early end")
    _demand(len(said.notices) <= _NOTICES, "notices")
    for notice in said.notices:
        _demand(bool(_NOTICE.fullmatch(notice.code)), "code of a notice")
        _demand(len(notice.detail) <= _DETAIL, "detail of a notice")


def failure(said: Failed) -> JobError:
    """What it failed with: an error that can be its own."""
    kind = _own(said.code)
    if kind is None:
        raise Crashed("what it said makes no sense: failure")
    return kind(said.detail)


def _own(code: str) -> type[JobError] | None:
    kind = ReelraceError.known.get(code, ReelraceError)
    return kind if issubclass(kind, JobError) and kind not in _OURS else None


def progress(said: Progress) -> None:
    """Numbers that can be shown."""
    _demand(0 <= said.position < 1 << 62 and abs(said.ticks) < 1 << 62, "progress")
    _demand(len(said.outputs) <= 32, "progress")
    _demand(all(_NAME.fullmatch(name) for name in said.outputs), "progress")
    _demand(all(abs(ticks) < 1 << 62 for ticks in said.outputs.values()), "progress")


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Crashed(f"what it said makes no sense: {what}")
