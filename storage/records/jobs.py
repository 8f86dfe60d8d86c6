"""Changes when: what is kept of a job does.

Which moves are allowed is not known here: `server/jobs/lifecycle.py` says it. Every move names
the states it may come from, and every write of a worker the epoch it was started with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

import msgspec

from storage.database import Row, Transaction
from storage.errors import Fenced
from storage.model import Candidate, Job, Part, Source

_COLUMNS = (
    "id, kind, video_id, edition_id, owner, state, epoch, attempts, misses, priority, parked_at,"
    " error_code, error_detail, warnings, progress, created_at, started_at, ended_at,"
    " pose_faults"
)

_JOBS = """from jobs j join videos v on v.id = j.video_id and v.removed_at is null
    join sources s on s.id = v.source_id"""
_FACTS = "j.id, j.owner, j.state, j.parked_at, s.id as source_id, s.length, s.ended"
_BY_URGENCY = "order by j.priority desc, j.created_at, j.id"


def create(tx: Transaction, job: Job) -> None:
    tx.execute(
        f"""insert into jobs ({_COLUMNS}) values (:id, :kind, :video_id, :edition_id, :owner,
            :state, :epoch, :attempts, :misses, :priority, :parked_at, :error_code, :error_detail,
            :warnings, :progress, :created_at, :started_at, :ended_at, :pose_faults)""",
        msgspec.structs.asdict(job),
    )


def get(tx: Transaction, job_id: str) -> Job | None:
    row = tx.row(f"select {_COLUMNS} from jobs where id = :id", {"id": job_id})
    return msgspec.convert(row, Job) if row else None


def of_videos(tx: Transaction, video_ids: Collection[str]) -> list[Job]:
    """The jobs of some videos, oldest first."""
    names = {f"id{n}": video_id for n, video_id in enumerate(video_ids)}
    if not names:
        return []
    rows = tx.rows(
        f"""select {_COLUMNS} from jobs where video_id in ({", ".join(f":{n}" for n in names)})
            order by created_at, id""",
        names,
    )
    return msgspec.convert(rows, list[Job])


def of_source(tx: Transaction, source_id: str) -> list[Job]:
    """The jobs of all videos that have a source."""
    rows = tx.rows(
        f"""select {_COLUMNS} from jobs
            where video_id in (select id from videos where source_id = :id)
            order by created_at, id""",
        {"id": source_id},
    )
    return msgspec.convert(rows, list[Job])


def in_states(tx: Transaction, states: Collection[str]) -> list[Job]:
    """Jobs in any of `states`, most urgent first."""
    names = {f"s{n}": state for n, state in enumerate(sorted(states))}
    rows = tx.rows(
        f"""select {_COLUMNS} from jobs where state in ({", ".join(f":{n}" for n in names)})
            order by priority desc, created_at, id""",
        names,
    )
    return msgspec.convert(rows, list[Job])


def videos_in_states(tx: Transaction, owner: str, states: Collection[str], limit: int) -> list[str]:
    """The latest of somebody's videos whose jobs are in any of `states`."""
    names = {f"s{n}": state for n, state in enumerate(sorted(states))}
    rows = tx.rows(
        f"""select video_id from jobs
            where owner = :owner and state in ({", ".join(f":{n}" for n in names)})
            order by created_at desc, id desc limit :limit""",
        {"owner": owner, "limit": limit, **names},
    )
    return [row["video_id"] for row in rows]


def working(tx: Transaction, states: Collection[str]) -> list[Candidate]:
    """Jobs in any of `states`; it is not looked what their sources have."""
    names = {f"s{n}": state for n, state in enumerate(sorted(states))}
    rows = tx.rows(
        f"""select {_FACTS}, null as upload_id {_JOBS}
            where j.state in ({", ".join(f":{n}" for n in names)}) {_BY_URGENCY}""",
        names,
    )
    return list(_grouped(rows))


def candidates(
    tx: Transaction,
    state: str,
    busy: Collection[str],
    source_ids: Collection[str] | None = None,
) -> Iterator[Candidate]:
    """Jobs in `state`, with what their sources have; most urgent first.

    But not those that nobody has begun while one that came before is in `state` or `busy` with the
    same outputs of the same source. `source_ids`: only of these sources.
    """
    names = {f"s{n}": other for n, other in enumerate(sorted({state, *busy}))}
    ids = {f"id{n}": source_id for n, source_id in enumerate(source_ids or ())}
    among = f"and v.source_id in ({', '.join(f':{n}' for n in ids)})"
    rows = tx.rows(
        f"""select {_FACTS}, u.id as upload_id, u.start, u.mark {_JOBS}
            left join uploads u on u.source_id = s.id and u.kind <> 'joined'
            where j.state = :state {"" if source_ids is None else among}
              and (j.epoch > 0 or not exists (
                select 1 from videos w join jobs k on k.video_id = w.id
                where w.source_id = v.source_id and w.outputs = v.outputs and w.removed_at is null
                  and k.state in ({", ".join(f":{n}" for n in names)})
                  and (k.created_at, k.id) < (j.created_at, j.id)))
            {_BY_URGENCY}, u.start, u.id""",
        {"state": state, **names, **ids},
    )
    return _grouped(rows)


def alike(tx: Transaction, job: Job, state: str) -> list[Job]:
    """Jobs in `state` for the same outputs of the same source as `job`, last ended first."""
    rows = tx.rows(
        f"""select {_COLUMNS} from jobs where id <> :id and state = :state and video_id in (
              select w.id from videos v join videos w on w.source_id = v.source_id
                and w.outputs = v.outputs and w.removed_at is null
              where v.id = :video)
            order by ended_at desc, id""",
        {"id": job.id, "video": job.video_id, "state": state},
    )
    return msgspec.convert(rows, list[Job])


def _grouped(rows: list[Row]) -> Iterator[Candidate]:
    """Rows of one job follow each other: one for each upload, or one without an upload."""
    for _, group in groupby(rows, lambda row: row["id"]):
        of_job = list(group)
        row = of_job[0]
        yield Candidate(
            row["id"],
            row["owner"],
            row["state"],
            row["parked_at"],
            Source(row["source_id"], row["length"], bool(row["ended"])),
            [Part(r["upload_id"], r["start"], r["mark"]) for r in of_job if r["upload_id"]],
        )


def move(tx: Transaction, job_id: str, sources: Collection[str], target: str) -> bool:
    """From any of `sources` to `target`; False if the job was in none of them."""
    names = {f"s{n}": state for n, state in enumerate(sorted(sources))}
    return bool(
        tx.execute(
            f"""update jobs set state = :target
                where id = :id and state in ({", ".join(f":{n}" for n in names)})""",
            {"id": job_id, "target": target, **names},
        )
    )


def raise_epoch(tx: Transaction, job_id: str) -> int:
    """Shuts out whoever worked under the old epoch; returns the new one."""
    row = tx.row("update jobs set epoch = epoch + 1 where id = :id returning epoch", {"id": job_id})
    if row is None:
        raise Fenced(job_id)
    epoch: int = row["epoch"]
    return epoch


def check_epoch(tx: Transaction, job_id: str, epoch: int) -> None:
    """Raises `Fenced` unless `epoch` is the job's and the job may still be worked on."""
    row = tx.row("select epoch from jobs where id = :id", {"id": job_id})
    if row is None or row["epoch"] != epoch:
        raise Fenced(job_id)


def note(tx: Transaction, job_id: str, values: Row) -> None:
    """Sets columns of a job. The names come from the code, never from outside."""
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    tx.execute(f"update jobs set {assignments} where id = :id", {"id": job_id, **values})


def forget(tx: Transaction, video_id: str) -> None:
    """Removes the jobs of a video that is gone."""
    tx.execute("delete from jobs where video_id = :id", {"id": video_id})
