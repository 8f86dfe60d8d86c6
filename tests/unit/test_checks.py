from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import msgspec
import pytest

from server.job_errors import Crashed
from server.jobs import checks
from server.outputs.port import OutputFacts, SoundAnchor
from server.pipeline.cutter import Grid
from server.pipeline.messages import CutEnd, Done, Entry, Facts, Notice, PieceHeader, Progress
from storage.model import Piece

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
GRID = Grid(1000, Fraction(4), Fraction(2))
"""Cut 3 belongs to 8,000 ticks and may begin up to 8,400."""
END = CutEnd(cut=3, start=8200, end=12_000, entry=Entry())


def output(**changes: object) -> Facts:
    return msgspec.structs.replace(FACTS, outputs=[msgspec.structs.replace(OUTPUT, **changes)])


def test_what_makes_sense_passes() -> None:
    checks.facts(FACTS)
    checks.piece(PIECE, 5, {"v240": OUTPUT}, 3)
    for keyframes in ([], [(0, 2, 0), (2, 3, 9)]):
        checks.piece(msgspec.structs.replace(PIECE, keyframes=keyframes), 5, {"v240": OUTPUT}, 3)
    checks.cut_end(END, 3, 8200, GRID)
    checks.cut_end(CutEnd(cut=0, start=0, end=1, entry=Entry()), 0, 0, GRID)
    checks.done(Done(cuts=3, early=None, notices=[]), 3)
    checks.done(Done(cuts=3, early="truncated", notices=[Notice("times_jump", "7")] * 70), 3)
    checks.progress(Progress(position=1, waiting=True, ticks=1, outputs={"v240": 1}))


@pytest.mark.parametrize(
    "said",
    [
        msgspec.structs.replace(FACTS, outputs=[], inits=[]),
        msgspec.structs.replace(FACTS, outputs=[OUTPUT, OUTPUT], inits=[b"a", b"b"]),
        msgspec.structs.replace(FACTS, inits=[]),
        msgspec.structs.replace(FACTS, inits=[bytes(1 << 20)]),
        msgspec.structs.replace(FACTS, inits=[b""]),
        output(kind="thumbnails"),  # with an init segment
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
        output(sample_rate=1 << 40),
        msgspec.structs.replace(FACTS, video_codec="h" * 4096),
        msgspec.structs.replace(FACTS, audio_codec="<aac>"),
        msgspec.structs.replace(FACTS, width=1 << 20),
    ],
)
def test_facts_that_make_no_sense(said: Facts) -> None:
    with pytest.raises(Crashed):
        checks.facts(said)


def test_an_analysis_may_find_nothing() -> None:
    pose = msgspec.structs.replace(OUTPUT, name="pose", kind="pose", codec="json")
    only = msgspec.structs.replace(FACTS, outputs=[pose], inits=[b""])
    checks.facts(only)
    with pytest.raises(Crashed):
        checks.facts(msgspec.structs.replace(only, timescale=pose.timescale + 1))
    nothing = msgspec.structs.replace(PIECE, output="pose", frames=0, keyframes=[])
    checks.piece(nothing, 0, {"pose": pose}, 3)


def changed(**changes: object) -> Callable[[], None]:
    said = msgspec.structs.replace(PIECE, **changes)
    return lambda: checks.piece(said, 5, {"v240": OUTPUT}, 3)


def ended(**changes: int) -> Callable[[], None]:
    said = msgspec.structs.replace(END, **changes)
    return lambda: checks.cut_end(said, 3, 8200, GRID)


def finished(**changes: object) -> Callable[[], None]:
    said = msgspec.structs.replace(Done(cuts=3, early=None, notices=[]), **changes)
    return lambda: checks.done(said, 3)


@pytest.mark.parametrize(
    "check",
    [
        changed(output="other"),
        changed(cut=2),
        changed(cut=4),
        changed(duration=0),
        changed(frames=0),
        changed(score=1001),
        changed(score=-1),
        changed(keyframes=[(1, 5, 0)]),
        changed(keyframes=[(-1, 3, 0)]),
        changed(keyframes=[(0, 5, 10)]),
        changed(resume=SoundAnchor(-1, 0)),
        lambda: checks.piece(PIECE, 1 << 40, {"v240": OUTPUT}, 3),
        changed(keyframes=[(0, 1, 0), (1, 1, 2), (2, 1, 4)]),  # more than frames
        changed(frames=99, keyframes=[(n, 1, n) for n in range(5)]),  # 5 in 10 ms
        changed(keyframes=[(0, 3, 0), (2, 3, 2)]),
        changed(keyframes=[(2, 3, 0), (0, 2, 2)]),
        changed(keyframes=[(0, 2, 2), (2, 3, 2)]),
        changed(keyframes=[(0, 2, 2), (2, 3, 0)]),
        ended(cut=2),
        ended(cut=4),
        ended(end=8200),
        ended(end=8200 + 16_001),
        ended(start=8199),
        lambda: checks.cut_end(msgspec.structs.replace(END, start=7999), 3, 7999, GRID),
        lambda: checks.cut_end(msgspec.structs.replace(END, start=8401), 3, 8401, GRID),
        finished(cuts=2),
        finished(early=""),
        finished(early="no such code"),
        finished(early="disk_full"),
        finished(early="pose_failed"),
        finished(early="crashed"),
        finished(notices=[Notice("times_jump")] * 129),
        finished(notices=[Notice("<b>")]),
        finished(notices=[Notice("times_jump", "x" * 201)]),
        lambda: checks.done(Done(cuts=0, early=None, notices=[]), 0),
        lambda: checks.progress(Progress(position=-1, waiting=True, ticks=1, outputs={})),
        lambda: checks.progress(Progress(position=1, waiting=True, ticks=1, outputs={"/": 1})),
    ],
)
def test_pieces_and_cuts_that_make_no_sense(check: Callable[[], None]) -> None:
    with pytest.raises(Crashed):
        check()


def made(output: str, duration: int) -> Piece:
    return Piece(3, output, "", 5, duration, 1, [])


def test_pieces_last_as_long_as_their_cut() -> None:
    """AAC frames do not end where cuts do; one more of them hides the encoder's priming."""
    sound = msgspec.structs.replace(OUTPUT, name="a1", timescale=44_100)
    facts = msgspec.structs.replace(FACTS, outputs=[OUTPUT, sound])
    lasts = 3800 * 441 // 10
    for samples in (lasts - 1024, lasts + 2 * 1024):
        checks.whole(END, [made("v240", 3800), made("a1", samples)], facts)
    for pieces in (
        [made("v240", 3800)],
        [made("v240", 3800), made("a1", lasts - 5000)],
        [made("v240", 3800), made("a1", lasts + 5000)],
        [made("v240", 38_000), made("a1", lasts)],
    ):
        with pytest.raises(Crashed):
            checks.whole(END, pieces, facts)
