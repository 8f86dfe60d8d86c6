"""Sources of very many windows: what one body costs does not grow with their number."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from server.api.creating import WINDOWS
from storage.database import Transaction, connect, migrate
from storage.model import Source, Upload, new_id
from storage.records import uploads as upload_rows
from tests.support.store import Door


@contextlib.contextmanager
def rows(path: Path) -> Iterator[Transaction]:
    connection = connect(path)
    migrate(connection)
    yield Transaction(connection)
    connection.close()


def window(source_id: str, start: int, mark: int = 0) -> Upload:
    video_id = "0" * 32
    return Upload(new_id(), source_id, video_id, start, 10, mark, "boot", "", 0, 0, kind="window")


def fill(tx: Transaction, number: int) -> Source:
    """A source of so many windows, of which the last lacks its bytes."""
    source = Source(new_id(), number * 10, ended=False, owner="o", assembly=new_id())
    upload_rows.create(tx, window(source.id, 0), source)
    for n in range(1, number):
        upload_rows.add(tx, window(source.id, n * 10))
    for upload in upload_rows.of_source(tx, source.id)[:-1]:
        upload_rows.advance(tx, upload.id, 10, "boot", 0)
    return source


def steps(tx: Transaction, work: Callable[[Transaction], object]) -> int:
    """Steps that SQLite takes for `work`."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection = tx._connection
    connection.set_progress_handler(step, 1)
    work(tx)
    connection.set_progress_handler(None, 1)
    return count


def test_recording_an_offset_costs_the_same_whatever_the_number(tmp_path: Path) -> None:
    with rows(tmp_path / "rows.sqlite3") as tx:
        costs = []
        for number in (10, 1000):
            source = fill(tx, number)
            last = upload_rows.of_source(tx, source.id)[-1]

            def record(tx: Transaction, source: Source = source, last: Upload = last) -> None:
                upload_rows.advance(tx, last.id, 5, "boot", 0)
                assert upload_rows.settle(tx, source.id, lambda _: None) is None

            costs.append(steps(tx, record))
        assert costs[1] < 2 * costs[0]


def test_a_place_for_a_window_is_found_whatever_the_number(tmp_path: Path) -> None:
    with rows(tmp_path / "rows.sqlite3") as tx:
        sources = [fill(tx, number) for number in (10, 1000)]
        costs = [
            steps(tx, partial(upload_rows.last_before, source_id=s.id, end=55)) for s in sources
        ]
        assert costs[1] < 2 * costs[0]
        found = upload_rows.last_before(tx, sources[1].id, 55)
        assert found is not None
        assert found.start == 50


def test_a_source_ends_with_its_last_byte_whatever_the_order(tmp_path: Path) -> None:
    with rows(tmp_path / "rows.sqlite3") as tx:
        source = fill(tx, 20)
        last = upload_rows.of_source(tx, source.id)[-1]
        for mark in (3, 3, 2, 9):
            upload_rows.advance(tx, last.id, mark, "boot", 0)
            assert upload_rows.settle(tx, source.id, lambda _: None) is None
        upload_rows.advance(tx, last.id, 10, "boot", 0)
        ended = upload_rows.settle(tx, source.id, lambda _: None)
        assert ended is not None
        assert ended.ended
        assert ended.there == 200


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    found = Door(tmp_path / "data", "boot")
    await found.open()
    yield found
    await found.close()


async def test_a_source_has_only_so_many_windows(door: Door) -> None:
    def meta(start: int) -> str:
        fields = {"assembly": "a" * 32, "start": str(start), "size": str(WINDOWS * 10 + 10)}
        return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in fields.items())

    async def ask(start: int) -> tuple[int, str]:
        answer = await door.ask("POST", Upload_Length="10", Upload_Metadata=meta(start))
        told = msgspec.json.decode(answer.body, type=dict) if answer.body else {}
        return answer.status, told.get("code", "")

    assert await ask(0) == (201, "")

    def fill(tx: Transaction) -> None:
        (source_id,) = upload_rows.source_ids(tx)
        (first,) = upload_rows.of_source(tx, source_id)
        for n in range(1, WINDOWS):
            another = msgspec.structs.replace(first, id=new_id(), start=n * 10)
            upload_rows.add(tx, another)

    await door.database.write(fill)
    assert await ask(WINDOWS * 10) == (403, "too_many_windows")
    assert await ask(50) == (201, "")  # one that is there already
