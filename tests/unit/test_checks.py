from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import msgspec
import pytest

from server.errors import Crashed
from server.jobs import checks
from server.outputs.port import OutputFacts, SoundAnchor
from server.pipeline.messages import CutEnd, Facts, PieceHeader, Progress

OUTPUT = OutputFacts(
    name="v240",
    kind="video",
    codec="avc1.64001f",
    timescale=1000,
    peak=1,
    average=1,
    width=426,
    height=240,
)
FACTS = Facts(
    container="mp4",
    timescale=1000,
    frame_rate=Fraction(25),
    width=426,
    height=240,
    video_codec="h264",
    audio_codec=None,
    duration=1.0,
    outputs=[OUTPUT],
    inits=[b"init"],
)
PIECE = PieceHeader(output="v240", cut=3, duration=10, frames=2, keyframes=[(0, 5, 0)], resume=None)


def output(**changes: object) -> Facts:
    return msgspec.structs.replace(FACTS, outputs=[msgspec.structs.replace(OUTPUT, **changes)])


def test_what_makes_sense_passes() -> None:
    checks.facts(FACTS)
    checks.piece(PIECE, 5, {"v240": OUTPUT}, 3)
    checks.cut_end(CutEnd(cut=3, start=0, end=1, entry=None), 3)
    checks.progress(Progress(position=1, waiting=True, ticks=1, outputs={"v240": 1}))


@pytest.mark.parametrize(
    "said",
    [
        msgspec.structs.replace(FACTS, outputs=[], inits=[]),
        msgspec.structs.replace(FACTS, outputs=[OUTPUT, OUTPUT], inits=[b"a", b"b"]),
        msgspec.structs.replace(FACTS, inits=[]),
        msgspec.structs.replace(FACTS, inits=[bytes(1 << 20)]),
        msgspec.structs.replace(FACTS, timescale=0),
        msgspec.structs.replace(FACTS, duration=float("nan")),
        output(name="../x"),
        output(name="v.240"),
        output(codec='avc1"\n#EXT-X'),
        output(language='e"x'),
        output(kind="text"),
        output(width=0),
        output(timescale=-1),
        output(peak=-1),
    ],
)
def test_facts_that_make_no_sense(said: Facts) -> None:
    with pytest.raises(Crashed):
        checks.facts(said)


def changed(**changes: object) -> Callable[[], None]:
    said = msgspec.structs.replace(PIECE, **changes)
    return lambda: checks.piece(said, 5, {"v240": OUTPUT}, 3)


@pytest.mark.parametrize(
    "check",
    [
        changed(output="other"),
        changed(cut=2),
        changed(cut=99),
        changed(duration=0),
        changed(frames=0),
        changed(keyframes=[(1, 5, 0)]),
        changed(keyframes=[(-1, 3, 0)]),
        changed(keyframes=[(0, 5, 10)]),
        changed(resume=SoundAnchor(-1, 0)),
        lambda: checks.piece(PIECE, 1 << 40, {"v240": OUTPUT}, 3),
        lambda: checks.cut_end(CutEnd(cut=2, start=0, end=1, entry=None), 3),
        lambda: checks.cut_end(CutEnd(cut=3, start=1, end=1, entry=None), 3),
        lambda: checks.progress(Progress(position=-1, waiting=True, ticks=1, outputs={})),
        lambda: checks.progress(Progress(position=1, waiting=True, ticks=1, outputs={"/": 1})),
    ],
)
def test_pieces_and_cuts_that_make_no_sense(check: Callable[[], None]) -> None:
    with pytest.raises(Crashed):
        check()
