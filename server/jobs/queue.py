"""Changes when: what procrastinate is asked to do does.

Fetching, retries, priorities, heartbeats and cron are the library's. Ours: one task that hands
a job to the worker host, the retry rule, the documented rescue of stalled jobs, and when it is
time for the upkeep.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import procrastinate
from procrastinate import jobs as procrastinate_jobs
from procrastinate.connector import BaseConnector
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from server.jobs.taking import lock_of
from server.jobs.worker import Again, Worker
from storage.database import Transaction
from storage.model import Job

_log = logging.getLogger(__name__)

_MEDIA, _HOUSE = "media", "house"
"""Queues: work on media, and the upkeep that must not wait behind it."""
_TASK = "process"
_POLL = 1.0
"""Seconds between two looks for jobs whose time has come."""
_STALLED = 60.0
"""Seconds without a heartbeat after which a worker is taken for dead."""
_HEARTBEAT = 10.0


class _AsTold(BaseRetryStrategy):
    """Tries again exactly when the worker host says so."""

    def get_retry_decision(
        self, *, exception: BaseException, job: procrastinate_jobs.Job
    ) -> RetryDecision | None:
        if isinstance(exception, Again):
            return RetryDecision(retry_in={"milliseconds": int(exception.delay * 1000)})
        return None


class Queue:
    """The durable queue of one server."""

    def __init__(
        self,
        connector: BaseConnector,
        worker: Worker,
        concurrency: int,
        upkeep: Callable[[], Awaitable[None]],
    ) -> None:
        """`upkeep` is run every ten minutes."""
        self._concurrency = concurrency
        self._worker = worker
        self._stopping = False
        self._workers: list[asyncio.Task[None]] = []
        self.app = procrastinate.App(connector=connector)

        @self.app.task(name=_TASK, queue=_MEDIA, retry=_AsTold())
        async def run(job_id: str) -> None:
            await worker.process(job_id)

        @self.app.periodic(cron="* * * * *")
        @self.app.task(name="rescue", queue=_HOUSE, queueing_lock="rescue")
        async def rescue_stalled(timestamp: int) -> None:
            await self.rescue(_STALLED)

        @self.app.periodic(cron="*/10 * * * *")
        @self.app.task(name="upkeep", queue=_HOUSE, queueing_lock="upkeep")
        async def tidy_up(timestamp: int) -> None:
            await upkeep()

        self._task = run

    def enqueue(self, tx: Transaction, job: Job) -> None:
        """Queues a job; commits with `tx`."""
        self._task.configure(lock=lock_of(job.id), priority=job.priority, connection=tx).defer(
            job_id=job.id
        )

    async def rescue(self, seconds: float) -> None:
        """Takes jobs from workers that were silent for `seconds`, and queues what lost its place.

        Silence is no proof: the clock may have been set, or the disk was full. What is worked on
        here is left alone; another server's attempt is shut out by the epoch.
        """
        manager = self.app.job_manager
        for stalled in await manager.get_stalled_jobs(seconds_since_heartbeat=seconds):
            if not self._worker.works_on(str(stalled.task_kwargs.get("job_id"))):
                status = procrastinate_jobs.Status.FAILED
                await manager.finish_job(stalled, status, delete_job=True)
        await self._worker.rescue(self.enqueue)

    async def start(self) -> None:
        """Takes up what a dead server left, then works."""
        await self.app.open_async()
        await self.rescue(0)
        for queue, concurrency in ((_MEDIA, self._concurrency), (_HOUSE, 1)):
            worker = self._supervise(queue, concurrency)
            self._workers.append(asyncio.create_task(worker, name=f"queue {queue}"))

    async def stop(self) -> None:
        """Takes no more jobs; those that run must have been stopped."""
        self._stopping = True
        for worker in self._workers:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        await self.app.close_async()

    @property
    def alive(self) -> bool:
        """Whether jobs are being taken."""
        return bool(self._workers) and not any(worker.done() for worker in self._workers)

    async def _supervise(self, queue: str, concurrency: int) -> None:
        """The library's worker ends when its listener breaks: start it anew."""
        while not self._stopping:
            try:
                await self.app.run_worker_async(
                    queues=[queue],
                    name=queue,
                    concurrency=concurrency,
                    fetch_job_polling_interval=_POLL,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    update_heartbeat_interval=_HEARTBEAT,
                    stalled_worker_timeout=_STALLED,
                )
            except Exception:
                _log.exception("a worker of the queue broke down", extra={"queue": queue})
            await asyncio.sleep(1)
