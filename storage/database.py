"""Changes when: how rows are committed does.

One SQLite file, one writing connection on one thread, group commit: works that are waiting
together share one `COMMIT` (and so one sync), each inside its own savepoint. Readers have a
connection and a thread of their own (WAL). `synchronous=FULL`: a commit that returned
survives a power cut.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlite_utils

from storage.errors import DiskFull
from storage.model import Changed, Event

T = TypeVar("T")
Row = dict[str, Any]
Told = Event | Changed
Tell = Callable[[Told], None]

_log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"
_GROUP = 256
"""How many works may share one commit."""


class Transaction:
    """What a work sees: SQL, and a place for what must happen only after the commit."""

    def __init__(self, connection: sqlite3.Connection, tell: Tell | None = None) -> None:
        """`tell` is what passes on what is told; who only reads tells nothing."""
        self._connection = connection
        self._tell = tell
        self.callbacks: list[Callable[[], None]] = []

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Runs one statement; returns the number of rows it changed."""
        return self._connection.execute(sql, parameters or {}).rowcount

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Runs one statement; returns its rows as dictionaries."""
        cursor = self._connection.execute(sql, parameters or {})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Row | None:
        """The first row, or None."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def after(self, callback: Callable[[], None]) -> None:
        """Calls `callback` on the database's thread once this is committed; keep it quick."""
        self.callbacks.append(callback)

    def tell(self, told: Told) -> None:
        """Tells whoever listens to the database, once this is committed."""
        if self._tell is not None:
            self.after(partial(self._tell, told))


Work = Callable[[Transaction], T]
_Group = list[tuple[Work[Any], Future[Any]]]


class _Lane:
    """One connection on one thread, and the works that wait for it."""

    def __init__(self, name: str, path: Path, tell: Tell | None = None) -> None:
        """It writes if it can `tell` of it; else it reads."""
        self._path = path
        self._tell = tell
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._opened: Future[None] = Future()

    def start(self) -> None:
        self._thread.start()
        self._opened.result()

    def submit(self, work: Work[T]) -> Future[T]:
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None
        try:
            connection = self._connect()
            if self._tell is not None:
                migrate(connection)
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        run = partial(_commit_group, self._tell) if self._tell else _read_group
        stopping = False
        while not stopping:
            group, stopping = self._take()
            try:
                if connection is None:
                    connection = self._connect()
                run(connection, group)
            except Exception as error:
                _log.exception("a connection broke")
                _fail(group, error)
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path)
        if self._tell is None:
            connection.execute("pragma query_only = on")
        return connection

    def _take(self) -> tuple[_Group, bool]:
        group: _Group = []
        item = self._queue.get()
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                group.append(item)
            if len(group) == _GROUP:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True


class Database:
    """The rows. Any thread may `submit`; coroutines `await` `write` and `read`."""

    def __init__(self, path: Path) -> None:
        self._listeners: list[Tell] = []
        self._writer = _Lane("database-writer", path, self._pass_on)
        self._reader = _Lane("database-reader", path)

    def open(self) -> None:
        """Opens both connections and applies the migrations that are missing."""
        self._writer.start()
        self._reader.start()

    def close(self) -> None:
        """Finishes what was submitted, then closes."""
        self._writer.stop()
        self._reader.stop()

    def listen(self, listener: Tell) -> None:
        """Calls `listener` with all that is told, on the database's thread, as it was committed."""
        self._listeners.append(listener)

    def _pass_on(self, told: Told) -> None:
        for listener in self._listeners:
            listener(told)

    def submit(self, work: Work[T]) -> Future[T]:
        """Queues `work` for the writing connection; its result comes after the commit.

        The future raises what `work` raised (its own changes are undone, those of works that
        share the commit are not), or `DiskFull`.
        """
        return self._writer.submit(work)

    async def write(self, work: Work[T]) -> T:
        """`submit`, awaited."""
        return await asyncio.wrap_future(self.submit(work))

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on the reading connection; it sees every commit that has returned."""
        return await asyncio.wrap_future(self._reader.submit(work))


def connect(path: Path) -> sqlite3.Connection:
    """A connection as this house uses them: WAL, FULL, foreign keys, explicit transactions."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    for pragma in (
        "journal_mode = wal",
        "synchronous = full",
        "foreign_keys = on",
        "busy_timeout = 30000",
    ):
        connection.execute(f"pragma {pragma}")
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Applies the numbered SQL files that this database has not seen, each in a transaction."""
    migrations = sqlite_utils.Migrations("reelrace")
    for file in sorted(_MIGRATIONS.glob("*.sql")):

        def apply(database: sqlite_utils.Database, text: str = file.read_text("utf-8")) -> None:
            for statement in _statements(text):
                database.conn.execute(statement)

        migrations(name=file.stem)(apply)
    migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))


def _statements(text: str) -> list[str]:
    """Splits SQL text; `executescript` would commit the transaction around it."""
    found, current = [], ""
    for line in text.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found


def _commit_group(tell: Tell, connection: sqlite3.Connection, group: _Group) -> None:
    """Runs and commits works together, and only then tells anybody.

    Raises if the connection is of no use any more.
    """
    if not group:
        return
    try:
        connection.execute("begin immediate")
        outcomes = [_run_in_savepoint(connection, work, tell) for work, _ in group]
        connection.execute("commit")
    except BaseException as error:
        _fail(group, error)
        if connection.in_transaction:
            connection.execute("rollback")
        return
    for (_, future), (result, failure, _) in zip(group, outcomes, strict=True):
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)
    for callback in (callback for _, _, callbacks in outcomes for callback in callbacks):
        try:
            callback()
        except Exception:
            _log.exception("a callback after a commit failed")


def _run_in_savepoint(
    connection: sqlite3.Connection, work: Work[Any], tell: Tell
) -> tuple[Any, BaseException | None, list[Callable[[], None]]]:
    """A work's result, or what it raised (its changes are undone then)."""
    transaction = Transaction(connection, tell)
    connection.execute("savepoint work")
    try:
        result = work(transaction)
    except BaseException as error:
        if not connection.in_transaction:
            raise  # SQLite rolled all of it back (a full disk, say): all have failed
        connection.execute("rollback to work")
        connection.execute("release work")
        return None, _translated(error), []
    connection.execute("release work")
    return result, None, transaction.callbacks


def _read_group(connection: sqlite3.Connection, group: _Group) -> None:
    """Runs works, each in a transaction of its own.

    Raises if the connection is of no use any more.
    """
    for work, future in group:
        try:
            connection.execute("begin")
            result = work(Transaction(connection))
            connection.execute("commit")
        except BaseException as error:
            future.set_exception(_translated(error))
            if connection.in_transaction:
                connection.execute("rollback")
        else:
            future.set_result(result)


def _fail(group: _Group, error: BaseException) -> None:
    """Tells those of a group that were told nothing yet."""
    for _, future in group:
        if not future.done():
            future.set_exception(_translated(error))


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
    ):
        return DiskFull(str(error))
    return error
