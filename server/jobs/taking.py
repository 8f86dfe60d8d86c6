"""Changes when: what an attempt at a job starts from does.

Taking a job raises its epoch: whoever had it before can write nothing any more. So does giving
back to the queue a job that nobody works on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain

import msgspec

from server.job_errors import Crashed, PoseFailed
from server.jobs.finish import finish_edition
from server.jobs.lifecycle import Action, State
from server.jobs.moves import move
from server.jobs.poseless import Poses
from server.pipeline.messages import Resume, Start, decode_fraction
from server.settings import MediaSettings, OutputKind
from storage import queue as queue_rows
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.errors import DiskFull
from storage.model import Cut, Edition, Job, Output, Video, new_id, now
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import poses as pose_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

ATTEMPTS = 100
"""Attempts at a job in all."""
_FAULTLESS = (PoseFailed.code, DiskFull.code)
"""What ends attempts that resume as they should: the next one need not begin at byte 0."""

Enqueue = Callable[[Transaction, Job], None]
"""Puts a job into the queue, in the transaction that is given."""


class Taken(msgspec.Struct, frozen=True):
    """A job that was taken on, and all that an attempt starts from."""

    job: Job
    epoch: int
    video: Video
    edition: Edition
    outputs: list[Output]
    start: Start
    poses: Poses


class Taking:
    """Takes jobs for a worker."""

    def __init__(
        self,
        database: Database,
        editions: Editions,
        source_files: Sources,
        settings: MediaSettings,
        poseless: Callable[[], object],
    ) -> None:
        """`poseless()`: why nobody can look for poses here, if that is so."""
        self._poseless = poseless
        self._database = database
        self._editions = editions
        self._sources = source_files
        self._settings = settings

    async def take(self, job_id: str) -> Taken | None:
        """The job, now active; None if it was removed, ended or parked in the meantime."""
        return await self._database.write(lambda tx: self._taken(tx, job_id))

    def prepare(self, taken: Taken) -> int:
        """The edition's folder, without what dead workers left in it. Blocks.

        Returns how many bytes are published of the source, in this and in former editions.
        """
        self._editions.create(taken.edition.id)

        def look(tx: Transaction) -> tuple[set[str], int]:
            names = edition_rows.names(tx, taken.edition.id)
            editions = edition_rows.of_source(tx, taken.video.source_id)
            rows = chain.from_iterable(edition_rows.sizes(tx, edition) for edition in editions)
            return names, sum(size for _, _, size in rows)

        kept, made = self._database.submit(look).result()
        self._editions.sweep(taken.edition.id, kept, taken.epoch)
        return made

    async def rescue(self, running: Collection[str], enqueue: Enqueue) -> int:
        """Gives jobs back to the queue that nobody works on and that are not in it; how many.

        `running` are those that this server works on.
        """
        return await self._database.write(lambda tx: self._rescued(tx, running, enqueue))

    def _taken(self, tx: Transaction, job_id: str) -> Taken | None:
        job = job_rows.get(tx, job_id)
        if job is None or not move(tx, job, Action.START):
            return None
        video = video_rows.get(tx, job.video_id)
        if video is None:
            return None
        epoch = job_rows.raise_epoch(tx, job_id)
        edition = edition_rows.get(tx, job.edition_id) if job.edition_id else None
        if edition is None:
            edition = self._new_edition(tx, video)
        job_rows.note(
            tx,
            job_id,
            {
                "edition_id": edition.id,
                "started_at": job.started_at or now(),
                "parked_at": None,
                "error_code": None,
                "error_detail": None,
            },
        )
        parts = upload_rows.parts(tx, video.source_id)
        source = upload_rows.get_source(tx, video.source_id)
        assert source is not None
        cut = edition_rows.last_cut(tx, edition.id)
        start = Start(
            settings=msgspec.json.decode(edition.settings, type=MediaSettings),
            ranges=list(self._sources.ranges_of(source, parts)),
            length=source.length if source.ended else None,
            promised=source.length,
            resume=resume_of(cut) if cut else None,
            thorough=job.misses > 0 and job.error_code not in _FAULTLESS,
        )
        outputs = edition_rows.outputs(tx, edition.id)
        poses = poses_of(tx, job, edition.id)
        return Taken(job, epoch, video, edition, outputs, start, poses)

    def wanted(self, video: Video) -> tuple[OutputKind, ...]:
        """What shall be made of a video."""
        asked: list[OutputKind] | None = msgspec.json.decode(video.outputs)
        return tuple(asked) if asked else self._settings.outputs

    def _new_edition(self, tx: Transaction, video: Video) -> Edition:
        edition_id = new_id()
        wanted = self.wanted(video)
        possible = tuple(kind for kind in wanted if kind != "pose") if self._poseless() else wanted
        # With nothing but poses to make, the attempt says why it cannot.
        made = msgspec.structs.replace(self._settings, outputs=possible or wanted)
        settings = msgspec.json.encode(made).decode()
        edition_rows.create(tx, edition_id, video.source_id, settings, now())
        edition = edition_rows.get(tx, edition_id)
        assert edition is not None
        return edition

    def _rescued(self, tx: Transaction, running: Collection[str], enqueue: Enqueue) -> int:
        queued = queue_rows.queued_locks(tx)
        rescued = 0
        for job in job_rows.in_states(tx, (State.WAITING, State.ACTIVE)):
            if job.id in running or lock_of(job.id) in queued:
                continue
            job_rows.raise_epoch(tx, job.id)
            attempts = job.attempts + (job.state == State.ACTIVE)
            job_rows.note(tx, job.id, {"attempts": attempts})
            if attempts >= ATTEMPTS:
                move(tx, job, Action.START)
                end_job(tx, job, Crashed.code, "[]")
                continue
            move(tx, job, Action.RETRY)
            enqueue(tx, job)
            rescued += 1
        return rescued


def lock_of(job_id: str) -> str:
    """The queue's lock: a job is done by one worker at a time."""
    return f"job:{job_id}"


def end_job(
    tx: Transaction, job: Job, early: str | None, warnings: str, detail: str | None = None
) -> None:
    """Ends a job's edition with what is published, and the job with it.

    If nothing is, but an edition from before is still shown, the video stays what that is.
    """
    cuts = finish_edition(tx, job.edition_id) if job.edition_id else 0
    if early and not cuts:
        cuts = _fall_back(tx, job)
    early_end = Action.END_EARLY if cuts else Action.FAIL
    noted = {"error_code": early, "error_detail": detail, "warnings": warnings, "ended_at": now()}
    job_rows.note(tx, job.id, noted)
    move(tx, job, early_end if early else Action.COMPLETE, (early, detail) if early else None)


def _fall_back(tx: Transaction, job: Job) -> int:
    """The cuts of the edition that is shown, which is the job's from now on; 0 if none is."""
    video = video_rows.get(tx, job.video_id)
    edition = edition_rows.get(tx, video.edition_id) if video and video.edition_id else None
    if edition is None:
        return 0
    job_rows.note(tx, job.id, {"edition_id": edition.id})
    return edition.cuts


def resume_of(cut: Cut) -> Resume:
    """How to go on after a published cut."""
    return msgspec.json.decode(cut.resume, type=Resume, dec_hook=decode_fraction)


def poses_of(tx: Transaction, job: Job, edition_id: str) -> Poses:
    """What is known of a job's poses."""
    faults = msgspec.json.decode(job.pose_faults, type=dict[int, int])
    return Poses(pose_rows.published(tx, edition_id), faults)
