from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

import storage
from storage.database import Database, Transaction, _statements, connect, migrate
from storage.model import Source, Upload
from storage.records import uploads as upload_rows

MIGRATIONS = Path(storage.__file__).parent / "migrations" / "sqlite"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(tmp_path / "rows.sqlite3")
    found.open()
    found.submit(lambda tx: tx.execute("create table t (n integer primary key)")).result()
    yield found
    found.close()


def add(number: int) -> Callable[[Transaction], int]:
    return lambda tx: tx.execute("insert into t values (:n)", {"n": number})


def numbers(tx: Transaction) -> list[int]:
    return [row["n"] for row in tx.rows("select n from t order by n")]


async def test_what_was_written_can_be_read(database: Database) -> None:
    await database.write(add(1))
    assert await database.read(numbers) == [1]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.read(add(2))


def test_a_work_that_fails_undoes_only_itself(database: Database) -> None:
    gate = threading.Event()
    first = database.submit(lambda _: gate.wait())  # holds the thread, so the rest form a group

    def fail(tx: Transaction) -> None:
        tx.execute("insert into t values (50)")
        raise KeyError("mine")

    works = [database.submit(add(n)) for n in (1, 2)]
    failing = database.submit(fail)
    works.append(database.submit(add(3)))
    duplicate = database.submit(add(2))
    gate.set()
    everything: list[Future[Any]] = [first, failing, duplicate, *works]
    wait(everything)
    assert [work.exception() for work in works] == [None] * 3
    assert isinstance(failing.exception(), KeyError)
    assert isinstance(duplicate.exception(), sqlite3.IntegrityError)
    assert database.submit(numbers).result() == [1, 2, 3]


def test_callbacks_run_after_the_commit_and_not_after_a_failure(database: Database) -> None:
    rung: list[int] = []

    def ring(number: int, *, fail: bool) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            tx.after(lambda: rung.append(number))
            if fail:
                raise KeyError

        return work

    database.submit(ring(1, fail=False)).result()
    with pytest.raises(KeyError):
        database.submit(ring(2, fail=True)).result()
    database.submit(numbers).result()
    assert rung == [1]


def test_a_cancelled_work_is_not_done(database: Database) -> None:
    gate = threading.Event()
    first = database.submit(lambda _: gate.wait())
    cancelled = database.submit(add(9))
    assert cancelled.cancel()
    gate.set()
    wait([first])
    assert database.submit(numbers).result() == []


def test_commits_are_synced_in_full(database: Database) -> None:
    def pragmas(tx: Transaction) -> tuple[int, str]:
        return (
            tx.rows("pragma synchronous")[0]["synchronous"],
            tx.rows("pragma journal_mode")[0]["journal_mode"],
        )

    assert database.submit(pragmas).result() == (2, "wal")


def test_migrations_are_applied_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite3"
    for _ in range(2):
        with connect(path) as connection:
            migrate(connection)
        connection.close()
    inspected = sqlite_utils.Database(str(path))
    tables = set(inspected.table_names())
    assert {"videos", "uploads", "sources", "editions", "cuts", "pieces", "jobs"} <= tables
    applied = inspected.query("select name from _sqlite_migrations order by name")
    assert [row["name"] for row in applied] == sorted(p.stem for p in MIGRATIONS.glob("*.sql"))
    inspected.conn.close()


def test_many_threads_share_the_one_writer(database: Database) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 50):
            database.submit(add(number)).result()

    threads = [threading.Thread(target=write, args=(n * 50,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.submit(numbers).result() == list(range(300))


def test_uploads_of_older_servers_stay(tmp_path: Path) -> None:
    """The table of uploads was made anew when windows and parts came."""
    path = tmp_path / "rows.sqlite3"
    rows = sqlite3.connect(path, isolation_level=None)
    known = sqlite_utils.Migrations("reelrace")
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.stem < "0007":

            def apply(database: sqlite_utils.Database, text: str = file.read_text()) -> None:
                for statement in _statements(text):
                    database.conn.execute(statement)

            known(name=file.stem)(apply)
    known.apply(sqlite_utils.Database(rows, execute_plugins=False))
    rows.executescript(
        """insert into sources values ('s', 9, 0, 1);
           insert into uploads values ('u', 's', 'v', 0, 9, 4, 'boot', 'm', 1, 2);
           insert into videos (id, owner, title, filename, source_id, created_at)
             values ('v', 'somebody', 't', 'f', 's', 1);"""
    )
    rows.close()
    database = Database(path)
    database.open()
    try:
        upload = database.submit(lambda tx: upload_rows.get(tx, "u")).result()
        source = database.submit(lambda tx: upload_rows.get_source(tx, "s")).result()
        assert upload == Upload("u", "s", "v", 0, 9, 4, "boot", "m", 1, 2)
        assert source == Source("s", 9, ended=False, owner="somebody", there=4)
    finally:
        database.close()


def test_a_connection_that_broke_is_replaced(database: Database) -> None:
    """Those who shared it are told, and the next one has a new one."""

    def breaks(tx: Transaction) -> None:
        tx._connection.close()

    gate = threading.Event()
    database.submit(lambda _: gate.wait())
    works: list[Future[Any]] = [database.submit(work) for work in (add(1), breaks, add(2))]
    gate.set()
    wait(works, timeout=20)
    assert all(isinstance(work.exception(0), sqlite3.ProgrammingError) for work in works)
    assert database.submit(add(3)).result(20) == 1


async def test_a_read_that_broke_its_connection_ends_alone(database: Database) -> None:
    def breaks(tx: Transaction) -> None:
        tx._connection.close()

    def ends(tx: Transaction) -> None:
        tx.execute("commit")

    async with asyncio.timeout(20):
        for work in (breaks, ends):
            with pytest.raises(sqlite3.Error):
                await database.read(work)
            assert await database.read(numbers) == []
