"""Changes when: procrastinate asks the database something else.

The queue's SQL: one function for each of the library's named queries, after the functions of
its PostgreSQL schema. Each returns its rows, and the bells to ring after the commit.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from typing import Any

from procrastinate import exceptions, manager
from procrastinate.types import JobToDefer

from storage.database import Row, Transaction

_JOB = (
    "id, queue_name, task_name, priority, lock, queueing_lock, args, status, scheduled_at,"
    " attempts, abort_requested, worker_id"
)
Bell = list[tuple[str, str, int]]
"""(queue, kind of notification, job id)"""
Answer = tuple[list[Row], Bell]


def _seconds(at: datetime.datetime | None) -> float | None:
    return at.timestamp() if at else None


def _now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


def _jobs(rows: list[Row]) -> list[Row]:
    for row in rows:
        row["args"] = json.loads(row["args"])
        if row["scheduled_at"] is not None:
            row["scheduled_at"] = datetime.datetime.fromtimestamp(row["scheduled_at"], datetime.UTC)
    return rows


def _insert(tx: Transaction, job: JobToDefer) -> int:
    if job.queueing_lock is not None and tx.rows(
        "select 1 from procrastinate_jobs where queueing_lock = :lock and status = 'todo'",
        {"lock": job.queueing_lock},
    ):
        raise exceptions.UniqueViolation(
            constraint_name=manager.QUEUEING_LOCK_CONSTRAINT, queueing_lock=job.queueing_lock
        )
    (row,) = tx.rows(
        """insert into procrastinate_jobs
             (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
           values (:queue_name, :task_name, :priority, :lock, :queueing_lock, :args, :scheduled_at)
           returning id""",
        {
            **job._asdict(),
            "args": json.dumps(job.args),
            "scheduled_at": _seconds(job.scheduled_at),
        },
    )
    job_id: int = row["id"]
    return job_id


def defer_jobs(tx: Transaction, jobs: list[JobToDefer]) -> Answer:
    rows: list[Row] = [{"id": _insert(tx, job)} for job in jobs]
    bell = [
        (job.queue_name, "job_inserted", row["id"]) for job, row in zip(jobs, rows, strict=True)
    ]
    return rows, bell


def defer_periodic_job(
    tx: Transaction,
    queue: str,
    task_name: str,
    priority: int,
    args: dict[str, Any],
    defer_timestamp: int,
    lock: str | None,
    queueing_lock: str | None,
    periodic_id: str,
) -> Answer:
    """Queues a periodic job once for each of its times; no row if it was queued already."""
    key = {"task": task_name, "periodic": periodic_id, "at": defer_timestamp}
    if not tx.execute(
        """insert into procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
           values (:task, :periodic, :at) on conflict do nothing""",
        key,
    ):
        return [{"id": None}], []
    job = JobToDefer(queue, task_name, priority, lock, queueing_lock, args, None)
    rows, bell = defer_jobs(tx, [job])
    tx.execute(
        """update procrastinate_periodic_defers set job_id = :job
           where task_name = :task and periodic_id = :periodic and defer_timestamp = :at""",
        {**key, "job": rows[0]["id"]},
    )
    tx.execute(
        """delete from procrastinate_periodic_defers
           where task_name = :task and periodic_id = :periodic and defer_timestamp < :at""",
        key,
    )
    return rows, bell


def fetch_job(tx: Transaction, queues: Iterable[str] | None, worker_id: int) -> Answer:
    rows = tx.rows(
        f"""update procrastinate_jobs set status = 'doing', worker_id = :worker
            where id = (
              select j.id from procrastinate_jobs j
              where j.status = 'todo'
                and (:queues is null or j.queue_name in (select value from json_each(:queues)))
                and (j.scheduled_at is null or j.scheduled_at <= :now)
                and (j.lock is null or not exists (
                  select 1 from procrastinate_jobs o
                  where o.lock = j.lock and (o.status = 'doing' or (o.status = 'todo' and (
                    o.priority > j.priority or (o.priority = j.priority and o.id < j.id))))))
              order by j.priority desc, j.id limit 1)
            returning {_JOB}""",
        {
            "worker": worker_id,
            "now": _now(),
            "queues": None if queues is None else json.dumps(list(queues)),
        },
    )
    return _jobs(rows), []


def finish_job(tx: Transaction, job_id: int, status: str, delete_job: bool) -> Answer:
    """Ends a job. Raises `ConnectorException` if it has ended already.

    One that was taken from its worker and deleted is none of its business any more.
    """
    if status not in ("succeeded", "failed", "aborted"):
        raise exceptions.ConnectorException(f"not an end: {status}")
    if delete_job:
        changed = tx.execute(
            "delete from procrastinate_jobs where id = :id and status in ('todo', 'doing')",
            {"id": job_id},
        )
    else:
        changed = tx.execute(
            """update procrastinate_jobs
               set attempts = attempts + (status = 'doing'), status = :status, abort_requested = 0
               where id = :id and status in ('todo', 'doing')""",
            {"id": job_id, "status": status},
        )
    if not changed and tx.rows("select 1 from procrastinate_jobs where id = :id", {"id": job_id}):
        raise exceptions.ConnectorException(f"job {job_id} is neither todo nor doing")
    return [], []


def cancel_job(tx: Transaction, job_id: int, abort: bool, delete_job: bool) -> Answer:
    """Cancels a job that waits, or asks one that runs to abort; a null id if it is neither."""
    key = {"id": job_id}
    if delete_job and tx.execute(
        "delete from procrastinate_jobs where id = :id and status = 'todo'", key
    ):
        return [{"id": job_id}], []
    if tx.execute(
        "update procrastinate_jobs set status = 'cancelled' where id = :id and status = 'todo'", key
    ):
        return [{"id": job_id}], []
    if abort:
        rows = tx.rows(
            """update procrastinate_jobs set abort_requested = 1
               where id = :id and status = 'doing' returning queue_name""",
            key,
        )
        if rows:
            return [{"id": job_id}], [(rows[0]["queue_name"], "abort_job_requested", job_id)]
    return [{"id": None}], []


def retry_job(
    tx: Transaction,
    job_id: int,
    retry_at: datetime.datetime,
    new_priority: int | None = None,
    new_queue_name: str | None = None,
    new_lock: str | None = None,
) -> Answer:
    """Puts a job back among those that wait. Raises `ConnectorException` if it cannot be."""
    key = {"id": job_id}
    if tx.execute(
        """update procrastinate_jobs set status = 'failed'
           where id = :id and status = 'doing' and abort_requested = 1""",
        key,
    ):
        return [], []
    rows = tx.rows(
        """update procrastinate_jobs set status = 'todo', attempts = attempts + 1,
             scheduled_at = :at, priority = coalesce(:priority, priority),
             queue_name = coalesce(:queue, queue_name), lock = coalesce(:lock, lock)
           where id = :id and status in ('doing', 'failed') returning queue_name""",
        {
            **key,
            "at": _seconds(retry_at),
            "priority": new_priority,
            "queue": new_queue_name,
            "lock": new_lock,
        },
    )
    if not rows:
        if tx.rows("select 1 from procrastinate_jobs where id = :id", key):
            raise exceptions.ConnectorException(f"job {job_id} cannot be retried")
        return [], []
    return [], [(rows[0]["queue_name"], "job_inserted", job_id)]


def queued_locks(tx: Transaction) -> set[str]:
    """The locks of all jobs that wait or are being done. Ours, not the library's."""
    rows = tx.rows("select lock from procrastinate_jobs where status in ('todo', 'doing')")
    return {row["lock"] for row in rows}


def select_stalled_jobs_by_heartbeat(
    tx: Transaction, queue: str | None, task_name: str | None, seconds_since_heartbeat: float
) -> Answer:
    rows = tx.rows(
        f"""select {_JOB} from procrastinate_jobs
            where status = 'doing' and (:queue is null or queue_name = :queue)
              and (:task is null or task_name = :task)
              and (worker_id is null or worker_id in
                (select id from procrastinate_workers where last_heartbeat < :since))""",
        {"queue": queue, "task": task_name, "since": _now() - seconds_since_heartbeat},
    )
    return _jobs(rows), []


def select_stalled_jobs_by_started(
    tx: Transaction, queue: str | None, task_name: str | None, nb_seconds: float
) -> Answer:
    rows = tx.rows(
        f"""select {_JOB} from procrastinate_jobs j
            where status = 'doing' and (:queue is null or queue_name = :queue)
              and (:task is null or task_name = :task)
              and (select max(at) from procrastinate_events e
                   where e.job_id = j.id and e.type = 'started') < :since""",
        {"queue": queue, "task": task_name, "since": _now() - nb_seconds},
    )
    return _jobs(rows), []


def delete_old_jobs(
    tx: Transaction, nb_hours: float, queue: str | None, statuses: Iterable[str]
) -> Answer:
    tx.execute(
        """delete from procrastinate_jobs
           where status in (select value from json_each(:statuses))
             and (:queue is null or queue_name = :queue)
             and (select max(at) from procrastinate_events e
                  where e.job_id = procrastinate_jobs.id) < :before""",
        {
            "statuses": json.dumps(list(statuses)),
            "queue": queue,
            "before": _now() - nb_hours * 3600,
        },
    )
    return [], []


def list_jobs(tx: Transaction, **filters: Any) -> Answer:
    rows = tx.rows(
        f"""select {_JOB} from procrastinate_jobs
            where (:id is null or id = :id)
              and (:queue_name is null or queue_name = :queue_name)
              and (:task_name is null or task_name = :task_name)
              and (:status is null or status = :status)
              and (:lock is null or lock = :lock)
              and (:queueing_lock is null or queueing_lock = :queueing_lock)
              and (:worker_id is null or worker_id = :worker_id)
            order by id""",
        filters,
    )
    return _jobs(rows), []


def _counted(column: str) -> Callable[..., Answer]:
    def count(tx: Transaction, **filters: Any) -> Answer:
        rows = tx.rows(
            f"""select {column} as name, status, count(*) as jobs from procrastinate_jobs
                where {column} is not null
                  and (:queue_name is null or queue_name = :queue_name)
                  and (:task_name is null or task_name = :task_name)
                  and (:status is null or status = :status)
                  and (:lock is null or lock = :lock)
                group by {column}, status order by {column}""",
            filters,
        )
        found: dict[str, Row] = {}
        for row in rows:
            entry = found.setdefault(
                row["name"], {"name": row["name"], "jobs_count": 0, "stats": {}}
            )
            entry["jobs_count"] += row["jobs"]
            entry["stats"][row["status"]] = row["jobs"]
        return list(found.values()), []

    return count


def count_jobs_status(tx: Transaction) -> Answer:
    return tx.rows("select count(*) as count, status from procrastinate_jobs group by status"), []


def get_job_status(tx: Transaction, job_id: int) -> Answer:
    return tx.rows("select status from procrastinate_jobs where id = :id", {"id": job_id}), []


def list_jobs_to_abort(tx: Transaction, queue_name: str | None) -> Answer:
    return tx.rows(
        """select id from procrastinate_jobs where status = 'doing' and abort_requested = 1
           and (:queue is null or queue_name = :queue)""",
        {"queue": queue_name},
    ), []


def check_connection(tx: Transaction) -> Answer:
    return tx.rows(
        "select max(name) as 'check' from sqlite_master where name = 'procrastinate_jobs'"
    ), []


def listen_queue(tx: Transaction) -> Answer:
    """PostgreSQL's LISTEN; here `listen_notify` is all there is."""
    return [], []


def register_worker(tx: Transaction) -> Answer:
    return tx.rows(
        """insert into procrastinate_workers (last_heartbeat) values (:now)
           returning id as worker_id""",
        {"now": _now()},
    ), []


def unregister_worker(tx: Transaction, worker_id: int) -> Answer:
    tx.execute("delete from procrastinate_workers where id = :id", {"id": worker_id})
    return [], []


def update_heartbeat(tx: Transaction, worker_id: int) -> Answer:
    tx.execute(
        "update procrastinate_workers set last_heartbeat = :now where id = :id",
        {"id": worker_id, "now": _now()},
    )
    return [], []


def prune_stalled_workers(tx: Transaction, seconds_since_heartbeat: float) -> Answer:
    return tx.rows(
        "delete from procrastinate_workers where last_heartbeat < :since returning id as worker_id",
        {"since": _now() - seconds_since_heartbeat},
    ), []


QUERIES: dict[str, Callable[..., Answer]] = {
    function.__name__: function
    for function in (
        defer_jobs,
        defer_periodic_job,
        fetch_job,
        finish_job,
        cancel_job,
        retry_job,
        select_stalled_jobs_by_heartbeat,
        select_stalled_jobs_by_started,
        delete_old_jobs,
        list_jobs,
        count_jobs_status,
        get_job_status,
        list_jobs_to_abort,
        check_connection,
        listen_queue,
        register_worker,
        unregister_worker,
        update_heartbeat,
        prune_stalled_workers,
    )
} | {
    "list_queues": _counted("queue_name"),
    "list_tasks": _counted("task_name"),
    "list_locks": _counted("lock"),
}
