"""Changes when: how tests play a media process that was taken over does.

The real thing cannot be had: what has taken a media process over says anything. Rows and files
behind it are real.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec

from server.jobs.attempt import Attempt
from server.jobs.feed import Feed
from server.jobs.processes import MediaProcesses, PoseProcesses, Process, Processes
from server.jobs.taking import Taken, Taking
from server.outputs.port import OutputFacts
from server.pipeline.forkserver import Exited, Kill
from server.pipeline.messages import CutEnd, Down, Entry, Facts, Link, PieceHeader
from server.pipeline.pose_messages import PoseDown
from server.settings import Allowance, MediaSettings, OutputKind, Patience
from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Job, Upload, Video, new_id, now
from storage.paths import DataDirectory
from storage.records import jobs as job_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.sources import Sources

Script = Callable[[Link], object]
PATIENCE = Patience(hung=60, fruitless=600, park=30, park_crowded=5)
PLENTY = Allowance(seconds=86_400, base=1 << 30, factor=200)

OUTPUTS = [
    OutputFacts(
        name=f"v{height}",
        kind="video",
        codec="avc1.64001f",
        timescale=1000,
        peak=64_000,
        average=64_000,
        width=2 * height,
        height=height,
    )
    for height in (180, 120)
]
FACTS = Facts(
    container="mp4",
    timescale=1000,
    frame_rate=Fraction(25),
    width=360,
    height=180,
    video_codec="h264",
    audio_codec=None,
    duration=None,
    outputs=OUTPUTS,
    inits=[b"init"] * len(OUTPUTS),
)


def starts(number: int) -> int:
    """The tick at which a cut begins."""
    return (0, 2000)[number] if number < 2 else 4000 * (number - 1)


def piece(output: str, number: int, **changes: object) -> PieceHeader:
    header = PieceHeader(
        output=output,
        cut=number,
        duration=starts(number + 1) - starts(number),
        frames=50,
        keyframes=[(0, 1, 0)],
        resume=None,
    )
    return msgspec.structs.replace(header, **changes)


def end(number: int) -> CutEnd:
    return CutEnd(cut=number, start=starts(number), end=starts(number + 1), entry=Entry())


def send_cut(link: Link, number: int, size: int = 1000) -> None:
    """A whole cut, as an honest process would send it."""
    for output in OUTPUTS:
        link.send(piece(output.name, number), [bytes(size)])
    link.send(end(number))


class _Following(Processes):
    """Each process that it starts follows the script; it is killed by closing its link."""

    hears: object

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script
        self._theirs: dict[int, socket.socket] = {}

    def begin(self, message: bytes, *others: int) -> Process:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        process = Process(len(self._theirs), ours, ours, self, self.says)
        self._theirs[process.key] = theirs

        def live() -> None:
            with contextlib.suppress(OSError):
                self._script(Link(theirs.fileno(), self.hears))
            with contextlib.suppress(OSError):
                theirs.shutdown(socket.SHUT_RDWR)
            process.exited.set_result(Exited(process.key, 1, 0.0, 0))

        threading.Thread(target=live).start()
        return process

    def send(self, request: Kill) -> None:
        with contextlib.suppress(OSError):
            self._theirs[request.key].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for sock in self._theirs.values():
            sock.close()


class Scripted(_Following, MediaProcesses):
    """Media processes."""

    hears = Down


class ScriptedPoses(_Following, PoseProcesses):
    """Pose processes."""

    hears = PoseDown


class Workplace:
    """A video of `there` bytes, and what attempts at its job need."""

    def __init__(
        self,
        root: Path,
        there: int = 1000,
        keep_free: int = 0,
        outputs: tuple[OutputKind, ...] = ("renditions",),
    ) -> None:
        directory = DataDirectory(root)
        directory.prepare()
        self.database = Database(directory.database)
        self.database.open()
        self.sources = Sources(directory)
        self.editions = Editions(directory, keep_free)
        settings = MediaSettings(ladder=(180, 120), outputs=outputs)
        self.taking = Taking(self.database, self.editions, self.sources, settings, lambda: None)
        self.feed = Feed()
        at = now()
        source = new_id()
        self.upload = Upload(new_id(), source, new_id(), 0, there, there, "boot", "", at, at)
        self.job_id = new_id()
        self.sources.create(source)
        self.database.submit(self._record).result()

    def _record(self, tx: Transaction) -> None:
        upload, at = self.upload, self.upload.created_at
        video = Video(upload.video_id, "o", "", "", upload.source_id, None, "private", 1, at)
        job = Job(
            id=self.job_id,
            kind="process",
            video_id=video.id,
            edition_id=None,
            owner="o",
            state="waiting",
            epoch=0,
            attempts=0,
            misses=0,
            priority=0,
            parked_at=None,
            error_code=None,
            error_detail=None,
            warnings="[]",
            progress="{}",
            created_at=at,
            started_at=None,
            ended_at=None,
        )
        upload_rows.create(tx, upload)
        upload_rows.end_source(tx, upload.source_id)
        video_rows.create(tx, video)
        job_rows.create(tx, job)

    def write(self, work: Callable[[Transaction], object]) -> None:
        self.database.submit(work).result()

    async def take(self) -> Taken:
        """The job, taken on; anew if it was."""
        self.write(lambda tx: job_rows.move(tx, self.job_id, ["active"], "waiting"))
        taken = await self.taking.take(self.job_id)
        assert taken is not None
        return taken

    def attempt(
        self,
        processes: MediaProcesses,
        taken: Taken,
        *,
        patience: Patience = PATIENCE,
        allowance: Allowance = PLENTY,
        poses: PoseProcesses | None = None,
    ) -> Attempt:
        return Attempt(
            database=self.database,
            editions=self.editions,
            processes=processes,
            pose_processes=poses or PoseProcesses(),
            patience=patience,
            allowance=allowance,
            crowded=lambda: False,
            feed=self.feed,
            taken=taken,
            made=self.taking.prepare(taken),
            open_source=lambda: self.sources.open_reader(self.upload.source_id),
        )

    def close(self) -> None:
        self.feed.close()
        self.database.close()
