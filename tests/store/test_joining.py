"""How parts come to lie in what they are joined to."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from storage.records import uploads as upload_rows
from tests.support.store import Door


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    found = Door(tmp_path / "data", "boot")
    await found.open()
    yield found
    await found.close()


async def part(door: Door, data: bytes) -> str:
    length = str(len(data))
    made = await door.ask("POST", body=data, Upload_Length=length, Upload_Concat="partial")
    assert made.offset == len(data)
    return urlsplit(made.headers["Location"]).path


async def test_a_part_that_is_lost_keeps_no_other_from_being_joined(door: Door) -> None:
    lost, kept = await part(door, b"lost"), await part(door, b"kept")
    row = door.row(lost)
    assert row is not None
    door.sources.path(row.source_id).unlink()
    first = asyncio.create_task(door.ask("POST", Upload_Concat=f"final;{lost}"))
    second = await door.ask("POST", Upload_Concat=f"final;{kept}")
    url = urlsplit(second.headers["Location"]).path
    async with asyncio.timeout(20):
        while (await door.ask("HEAD", url)).offset != 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await door.ask("GET", url)).body == b"kept"
    assert (await first).offset is None  # it is tried again, now and then


async def test_a_fault_of_the_rows_ends_no_joining_for_good(door: Door) -> None:
    path = await part(door, b"kept")
    fault = """create trigger fault before update of mark on uploads when new.kind = 'copy'
        begin select raise(abort, 'a fault'); end"""
    await door.database.write(lambda tx: tx.execute(fault))
    made = await door.ask("POST", Upload_Concat=f"final;{path}")
    assert made.offset is None
    await door.database.write(lambda tx: tx.execute("drop trigger fault"))
    url = urlsplit(made.headers["Location"]).path
    async with asyncio.timeout(20):
        while (await door.ask("HEAD", url)).offset != 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_rows_that_cannot_be_read_end_no_joining_for_good(door: Door) -> None:
    path = await part(door, b"read")
    await door.settled()
    await door.database.write(lambda tx: tx.execute("alter table uploads rename to hidden"))
    door.joining.ring()
    await asyncio.sleep(0)
    with pytest.raises(sqlite3.OperationalError):
        await door.database.read(upload_rows.copies_due)  # after the reading that was rung for
    await door.database.write(lambda tx: tx.execute("alter table hidden rename to uploads"))
    made = await door.ask("POST", Upload_Concat=f"final;{path}")
    url = urlsplit(made.headers["Location"]).path
    async with asyncio.timeout(20):
        while (await door.ask("HEAD", url)).offset != 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
