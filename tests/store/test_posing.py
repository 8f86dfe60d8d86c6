"""What media and pose processes can do to the poses of a job, in which both say anything."""

from __future__ import annotations

import asyncio
import os
import struct
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from server.job_errors import Crashed, Hung, JobError, PoseFailed, PoseUnavailable
from server.jobs.processes import PoseProcesses
from server.outputs.port import OutputFacts
from server.pipeline.messages import CutEnd, Done, Facts, Free, Link, PieceHeader, Posed
from server.pipeline.pose_messages import Look, Ready, Seen, Unable
from server.protocols.pose import VALUES, Pose
from server.settings import Patience
from storage.database import Transaction
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import poses as pose_rows
from tests.support.scripted import (
    FACTS,
    OUTPUTS,
    PATIENCE,
    Script,
    Scripted,
    ScriptedPoses,
    Workplace,
    end,
    piece,
    starts,
)

POSE = OutputFacts(
    name="pose",
    kind="pose",
    codec="full.0123",
    timescale=1000,
    peak=0,
    average=0,
    width=64,
    height=32,
)
POSED = msgspec.structs.replace(FACTS, outputs=[*OUTPUTS, POSE], inits=[b"i", b"i", b""])
IMPATIENT = PATIENCE._replace(hung=4, pose=1)
SOMEBODY = array("f", [0.5] * VALUES).tobytes()


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    found = Workplace(tmp_path / "data", outputs=("renditions", "pose"))
    yield found
    found.close()


def look(tick: int, cut: int, slot: int | None = None, **changes: object) -> Posed:
    number = tick // 100 % 8 if slot is None else slot
    said = Posed(slot=number, tick=tick, cut=cut, width=64, height=32, warm=False)
    return msgspec.structs.replace(said, **changes)


def send_poses(link: Link, number: int, count: int = 4) -> None:
    """The pictures of a cut, as an honest process would send them."""
    for n in range(count):
        link.send(look(starts(number) + 100 * n, number))


def send_cut(link: Link, number: int, count: int = 4) -> None:
    send_poses(link, number, count)
    for output in OUTPUTS:
        link.send(piece(output.name, number), [bytes(100)])
    link.send(pose_piece(number, count))
    link.send(end(number))


def pose_piece(number: int, count: int) -> PieceHeader:
    return piece("pose", number, frames=count, keyframes=[])


def media(*steps: Script, facts: Facts = POSED) -> Script:
    """A media process that settles and does these steps, and then only listens."""

    def script(link: Link) -> None:
        link.send(facts)
        for step in steps:
            step(link)
        while link.receive():
            pass

    return script


def cuts(*numbers: int) -> Script:
    def script(link: Link) -> None:
        for number in numbers:
            send_cut(link, number)
            for _ in range(4):
                _next_free(link)
        link.send(Done(cuts=numbers[-1] + 1, early=None, notices=[]))

    return script


def _next_free(link: Link) -> None:
    """Until a slot is free again."""
    while (received := link.receive()) is not None:
        if isinstance(received[0], Free):
            return


def seeing(link: Link, until: int = 1 << 30) -> None:
    """An honest pose process that sees somebody; it ends before a picture at `until` ms."""
    link.send(Ready())
    while (received := link.receive()) is not None:
        asked = received[0]
        if asked.at >= until:
            return
        link.send(Seen(asked.slot, SOMEBODY))


async def attempt(
    workplace: Workplace, script: Script, sees: Script = seeing, patience: Patience = PATIENCE
) -> None:
    """One attempt at the job; raises what it ends with."""
    processes, poses = Scripted(script), ScriptedPoses(sees)
    made = workplace.attempt(processes, await workplace.take(), poses=poses, patience=patience)
    try:
        await asyncio.to_thread(made.run)
    finally:
        processes.close()
        poses.close()


def edition(tx: Transaction, workplace: Workplace) -> str:
    return edition_rows.of_source(tx, workplace.upload.source_id)[0]


def published(workplace: Workplace) -> list[Pose]:
    """The frames, from rows and files."""

    def find(tx: Transaction) -> tuple[str, list[pose_rows.PosePiece]]:
        found = edition(tx, workplace)
        return found, pose_rows.pieces(tx, found, 1000)

    edition_id, pieces = workplace.database.submit(find).result()
    frames = []
    for one in pieces:
        data = workplace.editions.path(edition_id, one.name).read_bytes()
        lines = [msgspec.json.decode(line, type=Pose) for line in data.splitlines()]
        assert [line.index for line in lines] == list(range(one.first, one.first + one.frames))
        frames += lines
    return frames


def lost(workplace: Workplace) -> list[int]:
    def find(tx: Transaction) -> list[int]:
        return pose_rows.lost(tx, edition(tx, workplace))

    return workplace.database.submit(find).result()


def note_faults(workplace: Workplace, faults: dict[int, int]) -> None:
    text = msgspec.json.encode(faults).decode()
    workplace.write(lambda tx: job_rows.note(tx, workplace.job_id, {"pose_faults": text}))


async def test_what_is_honest_is_published(workplace: Workplace) -> None:
    await attempt(workplace, media(cuts(0, 1, 2)))
    frames = published(workplace)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == [
        (starts(number) + 100 * n) / 1000 for number in range(3) for n in range(4)
    ]
    assert all(len(frame.people) == 1 for frame in frames)


async def test_a_cut_waits_for_its_poses_and_pictures_go_on(workplace: Workplace) -> None:
    """The pose process answers only once it has pictures of the next cut as well."""

    def late(link: Link) -> None:
        link.send(Ready())
        asked: list[Look] = []
        while (received := link.receive()) is not None:
            asked.append(received[0])
            if len(asked) >= 8:
                for one in asked:
                    link.send(Seen(one.slot, b""))
                break
        while link.receive():
            pass

    def work(link: Link) -> None:
        send_cut(link, 0)
        for n in range(4):
            link.send(look(2000 + 100 * n, 1, 4 + n))
        for output in OUTPUTS:
            link.send(piece(output.name, 1), [bytes(100)])
        link.send(pose_piece(1, 4))
        link.send(end(1))
        link.send(Done(cuts=2, early=None, notices=[]))

    await attempt(workplace, media(work), late)
    assert [len(frame.people) for frame in published(workplace)] == [0] * 8


async def test_a_cut_may_have_no_pictures(workplace: Workplace) -> None:
    def work(link: Link) -> None:
        send_cut(link, 0)
        send_cut(link, 1, 0)
        send_cut(link, 2)
        link.send(Done(cuts=3, early=None, notices=[]))

    await attempt(workplace, media(work))
    assert [frame.index for frame in published(workplace)] == list(range(8))
    assert lost(workplace) == []


def keeping(link: Link) -> None:
    """A pose process that has not come to its pictures yet."""
    link.send(Ready())
    while link.receive():
        pass


@pytest.mark.parametrize(
    "words",
    [
        [look(0, 0, 8)],
        [look(0, 0, -1)],
        [look(0, 0, 1), look(1, 0, 1)],  # a slot that is taken
        [look(5, 0, 1), look(5, 0, 2)],  # the same time
        [look(-1, 0)],
        [look(1 << 61, 0)],  # milliseconds of which no message can tell
        [look(0, 0, width=65)],
        [look(0, 0, height=0)],
        [look(0, 0), look(100, 1), look(200, 0)],  # back to an earlier cut
        [look(0, 0), look(100, 0, 1, warm=True)],
        [look(0, 1, warm=True)],
        [look(0, -1)],
        [look(0, 0), pose_piece(0, 2)],
        [look(0, 0), pose_piece(0, 0)],
        [pose_piece(0, 0), look(0, 0)],
        [pose_piece(1, 0)],
        [pose_piece(0, 0), pose_piece(0, 0)],
        [look(2500, 0), pose_piece(0, 1), piece("v180", 0), piece("v120", 0), end(0)],
        [piece("v180", 0), piece("v120", 0), end(0)],
        [look(n, 0, n % 8) for n in range(1000)],  # more than the rate allows
    ],
)
async def test_a_media_process_that_lies(
    workplace: Workplace, words: list[Posed | PieceHeader | CutEnd]
) -> None:
    def lie(link: Link) -> None:
        for message in words:
            is_piece = isinstance(message, PieceHeader) and message.output != "pose"
            link.send(message, [b"x"] if is_piece else [])

    sees = seeing if len(words) > 100 or isinstance(words[-1], CutEnd) else keeping
    with pytest.raises(Crashed):
        await attempt(workplace, media(lie), sees)


async def test_poses_of_its_own_are_refused(workplace: Workplace) -> None:
    with pytest.raises(Crashed):
        await attempt(workplace, media(lambda link: link.send(pose_piece(0, 0), [b"{}\n"])))


@pytest.mark.parametrize("name", ["v180", "pose"])
async def test_a_pose_output_that_is_none(workplace: Workplace, name: str) -> None:
    kind = "pose" if name != "pose" else "thumbnails"
    wrong = msgspec.structs.replace(POSE, name=name, kind=kind)
    facts = msgspec.structs.replace(FACTS, outputs=[wrong], inits=[b""])
    with pytest.raises(Crashed):
        await attempt(workplace, media(facts=facts))


async def test_poses_that_nobody_wants(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path / "data")
    try:
        with pytest.raises(Crashed):
            await attempt(workplace, media())
        with pytest.raises(Crashed):
            await attempt(workplace, media(partial(send_poses, number=0), facts=FACTS))
    finally:
        workplace.close()


def says(*messages: Callable[[Look], msgspec.Struct]) -> Script:
    def script(link: Link) -> None:
        link.send(Ready())
        received = link.receive()
        if received is not None:
            for message in messages:
                link.send(message(received[0]))
            while link.receive():
                pass

    return script


@pytest.mark.parametrize(
    "sees",
    [
        says(lambda look: Seen(look.slot + 1, b"")),
        says(lambda look: Seen(look.slot, b"x")),
        says(lambda look: Seen(look.slot, SOMEBODY * 2)),
        says(lambda look: Seen(look.slot, array("f", [float("nan")] * VALUES).tobytes())),
        says(lambda look: look),
        lambda link: link.send(Seen(0, b"")),
        lambda _: None,
    ],
)
async def test_a_pose_process_that_lies_or_dies(workplace: Workplace, sees: Script) -> None:
    with pytest.raises(PoseFailed) as failed:
        await attempt(workplace, media(cuts(0, 1)), sees)
    assert failed.value.cut == 0


async def test_a_pose_process_that_says_nothing(workplace: Workplace) -> None:
    with pytest.raises(PoseFailed):
        await attempt(workplace, media(cuts(0, 1)), keeping, IMPATIENT)


async def test_it_is_not_blamed_for_what_keeps_others_from_listening(workplace: Workplace) -> None:
    """A media process that stops in the middle of a piece is what has failed."""

    def stop(link: Link) -> None:
        send_poses(link, 0)
        piece_of_it = msgspec.msgpack.encode(piece("v180", 0))
        os.write(link.descriptor, struct.pack(">II", len(piece_of_it), 1000) + piece_of_it)

    with pytest.raises(Hung):
        await attempt(workplace, media(stop), seeing, IMPATIENT)


async def test_the_cut_is_told_at_which_it_broke_down(workplace: Workplace) -> None:
    with pytest.raises(PoseFailed) as failed:
        await attempt(workplace, media(cuts(0, 1, 2, 3)), partial(seeing, until=4200))
    assert failed.value.cut == 2


async def test_a_broken_cut_is_passed_over(workplace: Workplace) -> None:
    note_faults(workplace, {1: 2})
    await attempt(workplace, media(cuts(0, 1, 2)))
    assert [frame.time for frame in published(workplace)] == [
        *(n / 10 for n in range(4)),
        *(4 + n / 10 for n in range(4)),
    ]
    assert lost(workplace) == [1]


async def test_what_broke_down_does_not_prepare(workplace: Workplace) -> None:
    """After a cut that was passed over, its last second is not looked at either."""
    asked: list[int] = []

    def sees(link: Link) -> None:
        link.send(Ready())
        while (received := link.receive()) is not None:
            asked.append(received[0].at)
            link.send(Seen(received[0].slot, b""))

    def first(link: Link) -> None:
        link.send(POSED)
        send_cut(link, 0)

    note_faults(workplace, {0: 2})
    with pytest.raises(JobError):
        await attempt(workplace, first, sees)

    def second(link: Link) -> None:
        link.send(look(1900, 1, warm=True))
        cuts(1)(link)

    await attempt(workplace, media(second), sees)
    assert asked == [2000, 2100, 2200, 2300]


async def test_one_that_is_unable_is_done_without(workplace: Workplace) -> None:
    await attempt(workplace, media(cuts(0, 1)), lambda link: link.send(Unable("no libEGL")))
    assert published(workplace) == []
    assert lost(workplace) == [0, 1]


async def test_where_there_is_none_nothing_but_poses_cannot_be_made(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path / "data", outputs=("pose",))
    poses = PoseProcesses()
    poses.fault = "no module named mediapipe"
    try:
        made = workplace.attempt(Scripted(media()), await workplace.take(), poses=poses)
        with pytest.raises(PoseUnavailable):
            await asyncio.to_thread(made.run)
    finally:
        workplace.close()
