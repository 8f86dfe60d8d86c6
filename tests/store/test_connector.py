"""procrastinate's own worker on our connection: what the library promises must hold here."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import procrastinate
import pytest
from procrastinate import exceptions, jobs, sql
from procrastinate.retry import RetryStrategy

from storage.connector import SqliteConnector
from storage.database import Database, Transaction
from storage.queue import QUERIES


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = Database(tmp_path / "rows.sqlite3")
    found.open()
    yield found
    found.close()


@pytest.fixture
async def app(database: Database) -> AsyncIterator[procrastinate.App]:
    found = procrastinate.App(connector=SqliteConnector(database))
    async with found.open_async():
        yield found


async def work(app: procrastinate.App, concurrency: int = 1) -> None:
    """Runs a worker until there is nothing left that may run now."""
    await app.run_worker_async(wait=False, install_signal_handlers=False, concurrency=concurrency)


async def statuses(app: procrastinate.App) -> list[str | None]:
    return [job.status for job in await app.job_manager.list_jobs_async()]


def test_every_query_of_the_library_is_answered() -> None:
    assert set(QUERIES) == set(sql.queries)


async def test_jobs_run_by_priority_then_in_order(app: procrastinate.App) -> None:
    done: list[str] = []

    @app.task(name="t")
    async def run(name: str) -> None:
        done.append(name)

    for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5)):
        await run.configure(priority=priority).defer_async(name=name)
    await work(app)
    assert done == ["b", "d", "a", "c"]
    assert await statuses(app) == ["succeeded"] * 4


async def test_a_row_and_its_queue_entry_commit_together(
    app: procrastinate.App, database: Database
) -> None:
    @app.task(name="t")
    async def run() -> None: ...

    def fails(tx: Transaction) -> None:
        run.configure(connection=tx).defer()
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(fails)
    assert await statuses(app) == []
    await database.write(lambda tx: run.configure(connection=tx).defer())
    assert await statuses(app) == ["todo"]


async def test_retries_as_the_strategy_says(app: procrastinate.App) -> None:
    tries: list[int] = []

    @app.task(name="t", retry=RetryStrategy(max_attempts=2), pass_context=True)
    async def run(context: procrastinate.JobContext) -> None:
        tries.append(context.job.attempts)
        raise ValueError("again")

    await run.defer_async()
    await work(app)
    assert tries == [0, 1, 2]
    assert await statuses(app) == ["failed"]


async def test_a_job_waits_for_its_schedule(app: procrastinate.App) -> None:
    @app.task(name="t")
    async def run() -> None: ...

    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    await run.configure(schedule_at=later).defer_async()
    await work(app)
    assert await statuses(app) == ["todo"]
    (job,) = await app.job_manager.list_jobs_async()
    assert job.scheduled_at is not None
    assert abs(job.scheduled_at - later) < datetime.timedelta(milliseconds=1)


async def test_one_lock_is_held_once(app: procrastinate.App) -> None:
    running: set[str] = set()
    most: dict[str, int] = {}

    @app.task(name="t", pass_context=True)
    async def run(context: procrastinate.JobContext) -> None:
        lock = str(context.job.lock)
        key = f"{lock}:{context.job.id}"
        running.add(key)
        now = sum(k.startswith(f"{lock}:") for k in running)
        most[lock] = max(most.get(lock, 0), now)
        for _ in range(5):
            await asyncio.sleep(0)
        running.discard(key)

    for _ in range(5):
        for lock in ("one", "two"):
            await run.configure(lock=lock).defer_async()
    await work(app, concurrency=4)
    assert most == {"one": 1, "two": 1}
    assert await statuses(app) == ["succeeded"] * 10


async def test_a_queueing_lock_allows_one_that_waits(app: procrastinate.App) -> None:
    @app.task(name="t", queueing_lock="only")
    async def run() -> None: ...

    await run.defer_async()
    with pytest.raises(exceptions.AlreadyEnqueued):
        await run.defer_async()
    await work(app)
    await run.defer_async()
    assert await statuses(app) == ["succeeded", "todo"]


async def test_an_idle_worker_is_woken(app: procrastinate.App) -> None:
    ran = asyncio.Event()

    @app.task(name="t", queue="q")
    async def run() -> None:
        ran.set()

    worker = asyncio.create_task(
        app.run_worker_async(
            queues=["q"], install_signal_handlers=False, fetch_job_polling_interval=3600
        )
    )
    await run.defer_async()
    async with asyncio.timeout(20):
        await ran.wait()
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def test_cancelling_and_aborting(app: procrastinate.App) -> None:
    started = asyncio.Event()
    cancelled = asyncio.Event()

    @app.task(name="t")
    async def run() -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = await run.defer_async()
    assert await app.job_manager.cancel_job_by_id_async(waiting)
    assert not await app.job_manager.cancel_job_by_id_async(waiting)
    running = await run.defer_async()
    worker = asyncio.create_task(work(app))
    async with asyncio.timeout(20):
        await started.wait()
        assert await app.job_manager.cancel_job_by_id_async(running, abort=True)
        await cancelled.wait()
        await worker
    assert await statuses(app) == ["cancelled", "aborted"]


async def test_jobs_of_a_dead_worker_are_found_and_given_again(app: procrastinate.App) -> None:
    @app.task(name="t")
    async def run() -> None: ...

    await run.defer_async()
    dead = await app.job_manager.register_worker()
    job = await app.job_manager.fetch_job(queues=None, worker_id=dead)
    assert job is not None
    assert list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60)) == []
    (stalled,) = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=-1)
    await app.job_manager.retry_job(stalled)
    await work(app)
    assert await statuses(app) == ["succeeded"]
    pruned = await app.job_manager.prune_stalled_workers(-1)
    assert list(pruned) == [dead]


async def test_a_periodic_job_is_queued_once_a_time(app: procrastinate.App) -> None:
    @app.task(name="t")
    async def run(timestamp: int) -> None: ...

    job = run.configure(task_kwargs={"timestamp": 100}).job
    manager = app.job_manager
    first = await manager.defer_periodic_job(job=job, periodic_id="", defer_timestamp=100)
    again = await manager.defer_periodic_job(job=job, periodic_id="", defer_timestamp=100)
    assert first is not None
    assert again is None


async def test_counting_and_cleaning(app: procrastinate.App) -> None:
    @app.task(name="t", queue="q", lock="l")
    async def run() -> None: ...

    await run.defer_async()
    await run.defer_async()
    await work(app, concurrency=1)
    await run.defer_async()
    (queue,) = await app.job_manager.list_queues_async()
    assert (queue["name"], queue["jobs_count"], queue["succeeded"], queue["todo"]) == ("q", 3, 2, 1)
    (task,) = await app.job_manager.list_tasks_async()
    (lock,) = await app.job_manager.list_locks_async()
    assert (task["name"], lock["name"]) == ("t", "l")
    await app.job_manager.delete_old_jobs(nb_hours=-1)
    assert await statuses(app) == ["todo"]
    (job,) = await app.job_manager.list_jobs_async(status="todo")
    assert job.id is not None
    with pytest.raises(exceptions.ConnectorException):
        await app.job_manager.retry_job_by_id_async(
            job_id=job.id, retry_at=datetime.datetime.now(datetime.UTC)
        )
    await app.job_manager.finish_job(job, jobs.Status.FAILED, delete_job=True)
    assert await statuses(app) == []


async def test_a_full_disk_does_not_end_the_worker(
    app: procrastinate.App, database: Database
) -> None:
    """What can wait is left out, and what cannot waits until there is room."""
    done = asyncio.Event()

    @app.task(name="t")
    async def run(name: str) -> None:
        done.set()

    def limit(tx: Transaction) -> None:
        tx.execute("pragma max_page_count = 1")  # no more than there are

    await database.write(limit)
    deferring = asyncio.create_task(run.defer_async(name="x" * 100_000))
    worker = asyncio.create_task(
        app.run_worker_async(install_signal_handlers=False, fetch_job_polling_interval=0.1)
    )
    waited, _ = await asyncio.wait([deferring, worker], timeout=2)
    assert not waited
    await database.write(lambda tx: tx.execute("pragma max_page_count = 1000000"))
    await deferring
    await done.wait()
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def test_a_job_that_was_taken_away_is_nobodys_business(app: procrastinate.App) -> None:
    @app.task(name="t")
    async def run() -> None:
        """Nothing."""

    job_id = await run.defer_async()
    manager = app.job_manager
    for _ in range(2):
        await manager.finish_job_by_id_async(job_id, jobs.Status.FAILED, delete_job=True)
    at = datetime.datetime.now(datetime.UTC)
    await manager.retry_job_by_id_async(job_id, at)
