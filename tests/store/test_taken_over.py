"""What a media process that was taken over can do to its own job, and that it ends."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from server.job_errors import Crashed, Encrypted, Hung, Limits
from server.jobs.publishing import EditionChanged
from server.jobs.watch import TALK, Stopped
from server.pipeline.messages import Done, Facts, Failed, Link, Notice, Progress
from server.settings import Allowance, Patience
from storage.database import Transaction
from storage.errors import DiskFull
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from tests.support.scripted import (
    FACTS,
    OUTPUTS,
    PATIENCE,
    PLENTY,
    Script,
    Scripted,
    Workplace,
    end,
    piece,
    send_cut,
)

QUICK = Patience(hung=1.5, fruitless=2.5, park=30, park_crowded=5)


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    found = Workplace(tmp_path / "data")
    yield found
    found.close()


async def attempt(
    workplace: Workplace,
    script: Script,
    patience: Patience = PATIENCE,
    allowance: Allowance = PLENTY,
) -> None:
    """One attempt at the job; raises what it ends with."""
    processes = Scripted(script)
    made = workplace.attempt(
        processes, await workplace.take(), patience=patience, allowance=allowance
    )
    try:
        await asyncio.to_thread(made.run)
    finally:
        processes.close()


def cuts(workplace: Workplace) -> int:
    def count(tx: Transaction) -> int:
        (edition,) = edition_rows.of_source(tx, workplace.upload.source_id)[:1]
        found = edition_rows.get(tx, edition)
        return found.cuts if found else 0

    return workplace.database.submit(count).result()


def after_facts(*rest: Script) -> Script:
    def script(link: Link) -> None:
        link.send(FACTS)
        for step in rest:
            step(link)
        while link.receive():
            pass

    return script


async def test_what_is_honest_passes(workplace: Workplace) -> None:
    def work(link: Link) -> None:
        for number in range(4):
            send_cut(link, number)
        link.send(Done(cuts=4, early="truncated", notices=[Notice("times_jump", "1")]))

    await attempt(workplace, after_facts(work))
    assert cuts(workplace) == 4


async def test_no_more_is_made_of_a_source_than_is_allowed(workplace: Workplace) -> None:
    """A base, and so much for each byte; what former attempts and editions made counts too."""
    allowance = Allowance(86_400, 1 << 20, 10)

    def flood(link: Link) -> None:
        for number in range(100):
            send_cut(link, number, 100_000)

    with pytest.raises(Limits):
        await attempt(workplace, after_facts(flood), allowance=allowance)
    assert cuts(workplace) == 5  # of 200,000 bytes each

    def go_on(link: Link) -> None:
        send_cut(link, 5, 100_000)

    with pytest.raises(Limits):
        await attempt(workplace, after_facts(go_on), allowance=allowance)
    assert cuts(workplace) == 5


async def test_nothing_is_made_that_lasts_longer_than_is_allowed(workplace: Workplace) -> None:
    def work(link: Link) -> None:
        for number in range(100):
            send_cut(link, number)

    with pytest.raises(Limits):
        await attempt(workplace, after_facts(work), allowance=Allowance(8, 1 << 30, 200))
    assert cuts(workplace) == 4  # the one that begins at 8 s is the last


async def test_who_changes_the_clock_makes_another_edition(workplace: Workplace) -> None:
    def die(link: Link) -> None:
        send_cut(link, 0)
        raise OSError

    with pytest.raises(Crashed):
        await attempt(workplace, after_facts(die))
    slow = [msgspec.structs.replace(output, timescale=2000) for output in OUTPUTS]
    for changes in ({"timescale": 2000}, {"outputs": slow}):
        other = msgspec.structs.replace(FACTS, **changes)

        def begin(link: Link, other: Facts = other) -> None:
            link.send(other)
            link.receive()

        with pytest.raises(EditionChanged):
            await attempt(workplace, begin)


async def test_a_full_disk_gets_no_fuller(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path / "data", keep_free=1 << 60)
    with pytest.raises(DiskFull):
        await attempt(workplace, after_facts(lambda link: send_cut(link, 0)))
    assert not list((tmp_path / "data" / "editions").rglob("*.m4s"))
    workplace.close()


async def test_who_only_talks_is_ended(workplace: Workplace) -> None:
    def talk(link: Link) -> None:
        position = 0
        while True:
            position += 1
            link.send(Progress(position=position, waiting=False, ticks=position, outputs={}))
            time.sleep(0.1)

    with pytest.raises(Hung, match="nothing came of it"):
        await attempt(workplace, after_facts(talk), QUICK)


async def test_who_does_not_stop_talking_is_ended(workplace: Workplace) -> None:
    def talk(link: Link) -> None:
        for position in range(3 * TALK):
            link.send(Progress(position=position, waiting=False, ticks=position, outputs={}))

    with pytest.raises(Crashed, match="talking"):
        await attempt(workplace, after_facts(talk))


def trickle(link: Link, data: bytes = bytes(300)) -> None:
    """For half a minute, and never silent for long."""
    for byte in data:
        os.write(link.descriptor, bytes([byte]))
        time.sleep(0.1)


def trickling_header(link: Link) -> None:
    os.write(link.descriptor, b"\0\0\x0f\xff" + bytes(4))
    trickle(link)


def trickling_piece(link: Link) -> None:
    header = msgspec.msgpack.encode(piece("v180", 0))
    os.write(link.descriptor, len(header).to_bytes(4, "big") + (1 << 20).to_bytes(4, "big"))
    os.write(link.descriptor, header)
    trickle(link)


@pytest.mark.parametrize("script", [trickling_header, trickling_piece])
async def test_bytes_that_trickle_hide_no_clock(workplace: Workplace, script: Script) -> None:
    begun = time.monotonic()
    with pytest.raises(Hung):
        await attempt(workplace, after_facts(script), QUICK)
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize("script", [trickling_header, trickling_piece])
async def test_whoever_trickles_can_be_stopped(workplace: Workplace, script: Script) -> None:
    begun = time.monotonic()
    asyncio.get_running_loop().call_later(0.5, workplace.feed.stop, "removed")
    with pytest.raises(Stopped, match="removed"):
        await attempt(workplace, after_facts(script))
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    "lie",
    [
        lambda link: link.send(end(0)),
        lambda link: link.send(piece("v180", 1), [bytes(9)]),
        lambda link: [link.send(piece("v180", 0), [bytes(9)]) for _ in range(2)],
        lambda link: [link.send(piece("v180", 0), [bytes(9)]), link.send(end(0))],
        lambda link: [
            link.send(piece("v180", 0), [bytes(9)]),
            link.send(piece("v120", 0, duration=9000), [bytes(9)]),
            link.send(end(0)),
        ],
        lambda link: link.send(Done(cuts=0, early=None, notices=[])),
    ],
)
async def test_lies_end_an_attempt(workplace: Workplace, lie: Callable[[Link], object]) -> None:
    with pytest.raises(Crashed):
        await attempt(workplace, after_facts(lie))


async def test_what_is_noticed_is_short(workplace: Workplace) -> None:
    def work(link: Link) -> None:
        send_cut(link, 0)
        link.send(Done(cuts=1, early=None, notices=[Notice("x", "y" * (1 << 20))]))

    with pytest.raises(Crashed):
        await attempt(workplace, after_facts(work))


async def test_a_cut_before_anything_is_settled(workplace: Workplace) -> None:
    with pytest.raises(Crashed):
        await attempt(workplace, lambda link: link.send(end(0)))


@pytest.mark.parametrize("code", ["no such code", "disk_full", "fenced", "pose_failed", "hung"])
async def test_it_cannot_fail_with_what_others_say(workplace: Workplace, code: str) -> None:
    failed = Failed(code=code, detail="")
    with pytest.raises(Crashed, match="no sense"):
        await attempt(workplace, after_facts(partial(Link.send, message=failed)))


async def test_it_fails_with_what_it_says(workplace: Workplace) -> None:
    failed = Failed(code="encrypted", detail="a key")
    with pytest.raises(Encrypted, match="a key"):
        await attempt(workplace, after_facts(partial(Link.send, message=failed)))


@pytest.mark.parametrize(
    ("code", "thorough"), [("crashed", True), ("resume_mismatch", True), ("pose_failed", False)]
)
async def test_only_doubts_in_itself_make_an_attempt_read_all_again(
    workplace: Workplace, code: str, *, thorough: bool
) -> None:
    noted = {"misses": 1, "error_code": code}
    workplace.write(lambda tx: job_rows.note(tx, workplace.job_id, noted))
    assert (await workplace.take()).start.thorough == thorough


async def test_an_ended_source_is_all_there(workplace: Workplace) -> None:
    """Though the upload that brought it is gone."""
    workplace.write(lambda tx: upload_rows.remove(tx, workplace.upload.id))
    taken = await workplace.take()
    assert (taken.start.ranges, taken.start.length) == ([(0, 1000)], 1000)
