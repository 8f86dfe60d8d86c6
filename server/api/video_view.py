"""Changes when: what a video looks like in the API does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from server.jobs.moves import error_of
from server.jobs.progress import Pace, Receiving, report
from server.outputs.port import RENDITIONS, OutputFacts
from server.protocols import signing
from server.protocols.pose import MODELS
from server.settings import MediaSettings
from storage.database import Row, Transaction
from storage.model import Edition, Job, Output, Part, Source, Upload, Video, now
from storage.records import editions as edition_rows
from storage.records import jobs as job_rows
from storage.records import poses as pose_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_SILENT = 10.0
"""Seconds without a byte after which a source is not followed any more."""
_SILENT_AFTER_BODY = 3.0
"""The same when nobody sends: who is still there has begun another body by then."""


class _Growing:
    """A source that something came for lately."""

    def __init__(self, video_id: str) -> None:
        self.video_id = video_id
        self.received: dict[str, int] = {}
        """Of each upload into it."""
        self.pace = Pace()
        self.until = 0.0
        """When it counts as silent."""


class Paces:
    """How fast sources grow that something came for lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that only grow."""
        self._clock = clock
        self._growing: dict[str, _Growing] = {}

    def __len__(self) -> int:
        return len(self._growing)

    def note(self, upload: Upload, received: int) -> None:
        """`received` bytes of `upload` are there now."""
        if not upload.video_id:
            return
        whole = upload.length is not None and received >= upload.length
        if whole and upload.kind == "whole":
            self._growing.pop(upload.source_id, None)
            return
        growing = self._growing.setdefault(upload.source_id, _Growing(upload.video_id))
        at = self._clock()
        growing.received[upload.id] = received
        growing.pace.note(at, sum(growing.received.values()))
        growing.until = at + _SILENT

    def body_ended(self, upload: Upload) -> None:
        """Nobody writes into `upload` any more, for now."""
        growing = self._growing.get(upload.source_id)
        if growing is not None:
            growing.until = min(growing.until, self._clock() + _SILENT_AFTER_BODY)

    def fallen_silent(self) -> list[str]:
        """The videos of sources that fell silent since this was asked last; they are forgotten."""
        at = self._clock()
        silent = {k: growing for k, growing in self._growing.items() if at >= growing.until}
        for source_id in silent:
            del self._growing[source_id]
        return [growing.video_id for growing in silent.values()]

    def of(self, source_id: str) -> float | None:
        """Bytes a second; zero if nothing came lately, None until it can be told."""
        growing = self._growing.get(source_id)
        at = self._clock()
        return growing.pace.per_second() if growing and at < growing.until else 0.0


class Seen(msgspec.Struct, frozen=True):
    """All rows that one answer is made from."""

    video: Video
    job: Job | None
    parts: list[Part]
    source: Source | None
    edition: Edition | None
    outputs: list[Output]
    published: int
    """Ticks of the edition's timescale that can be played."""
    frames: int
    """Pictures in which poses were looked for."""


class VideoView:
    """Makes what the API tells of videos from their rows, and from what has not reached rows."""

    def __init__(self, sources: Sources, paces: Paces, secret: bytes) -> None:
        """`secret` signs the links to what can be played."""
        self._sources = sources
        self._paces = paces
        self._secret = secret

    def shown(self, seen: Seen) -> dict[str, Any]:
        """The `Video` of the contract."""
        video, job, edition = seen.video, seen.job, seen.edition
        state = job.state if job else "created"
        noted: Row = msgspec.json.decode(job.progress) if job else {}
        facts: Row = msgspec.json.decode(edition.facts) if edition and edition.facts else {}
        there = self._sources.ranges_of(seen.source, seen.parts).total if seen.source else 0
        length = (seen.source.length if seen.source else None) or 0
        receiving = Receiving(there, length, self._paces.of(video.source_id))
        published = seen.published / facts["timescale"] if facts else 0.0
        # While another edition is made, what is shown of the former says nothing of it.
        made = published if job and job.edition_id == video.edition_id else 0.0
        declared = facts.get("duration") or noted.get("duration")
        ended = edition is not None and edition.ended
        return {
            "id": video.id,
            "job": job.id if job else None,
            "title": video.title,
            "filename": video.filename,
            "state": state,
            "created_at": video.created_at,
            "size": length,
            "duration": round(published, 3) if ended and published else declared,
            "width": facts.get("width") or None,
            "height": facts.get("height") or None,
            "progress": report(
                state, receiving, noted, made, _renditions(seen.outputs), _frames(seen)
            ),
            "playback": self._playback(seen, published),
            "pose": _pose(seen, published),
            "error": _error(job, state),
            **self._pictures(seen),
            "warnings": msgspec.json.decode(job.warnings) if job else [],
            "attempts": job.attempts if job else 0,
        }

    def _playback(self, seen: Seen, published: float) -> dict[str, Any] | None:
        """Present as soon as the first cut is published."""
        if seen.edition is None or seen.edition.cuts == 0 or not _playable(seen.outputs):
            return None
        grant = self._grant(seen.video)
        return {
            "hls": f"/v/{grant}/{seen.video.id}/index.m3u8",
            "expires_at": None if grant == signing.PUBLIC else signing.expires(grant),
            "growing": not seen.edition.ended,
            "seconds": round(published, 3),
        }

    def _pictures(self, seen: Seen) -> dict[str, str | None]:
        """Paths of the picture that stands for the video and of the lists of its others."""
        edition = seen.edition
        found: dict[str, str | None] = {"poster": None, "thumbnails": None, "storyboard": None}
        if edition is None or edition.cuts == 0:
            return found
        folder = f"/v/{self._grant(seen.video)}/{seen.video.id}/{edition.id}"
        if edition.poster is not None:
            found["poster"] = f"{folder}/{edition.poster}"
        for kind in _kinds(seen.outputs):
            if kind in found:
                found[kind] = f"{folder}/{kind}.vtt"
        return found

    def _grant(self, video: Video) -> str:
        if video.access == "public":
            return signing.PUBLIC
        return signing.grant(self._secret, video.id, video.access_version, now())


def look(tx: Transaction, video: Video) -> Seen:
    """All rows of a video."""
    jobs = job_rows.of_videos(tx, [video.id])
    edition = edition_rows.get(tx, video.edition_id) if video.edition_id else None
    last = edition_rows.last_cut(tx, edition.id) if edition else None
    return Seen(
        video=video,
        job=jobs[-1] if jobs else None,
        parts=upload_rows.parts(tx, video.source_id),
        source=upload_rows.get_source(tx, video.source_id),
        edition=edition,
        outputs=edition_rows.outputs(tx, edition.id) if edition else [],
        published=last.start + last.duration if last else 0,
        frames=pose_rows.published(tx, edition.id).frames if edition else 0,
    )


def _playable(outputs: list[Output]) -> bool:
    return any(kind in RENDITIONS for kind in _kinds(outputs))


def _kinds(outputs: list[Output]) -> list[str]:
    return [msgspec.json.decode(output.facts, type=OutputFacts).kind for output in outputs]


def _renditions(outputs: list[Output]) -> list[dict[str, Any]]:
    found = [msgspec.json.decode(output.facts, type=OutputFacts) for output in outputs]
    return [
        {"name": o.name, "width": o.width, "height": o.height} for o in found if o.kind == "video"
    ]


def _frames(seen: Seen) -> int | None:
    """Pictures in which poses were looked for; None if they are not looked for."""
    kinds = [msgspec.json.decode(output.facts, type=OutputFacts).kind for output in seen.outputs]
    return seen.frames if "pose" in kinds else None


def _pose(seen: Seen, published: float) -> dict[str, Any] | None:
    """Where the poses are, from the first cut on."""
    if seen.edition is None or seen.edition.cuts == 0 or _frames(seen) is None:
        return None
    settings = msgspec.json.decode(seen.edition.settings, type=MediaSettings)
    own = f"/api/videos/{seen.video.id}"
    return {
        "model": settings.pose_model,
        "sha256": MODELS[settings.pose_model],
        "rate": settings.pose_rate,
        "frames": seen.frames,
        "seconds": round(published, 3),
        "ndjson": f"{own}/pose.ndjson",
        "stream": f"{own}/pose/stream",
    }


def _error(job: Job | None, state: str) -> dict[str, str] | None:
    """Why a job ended early; while it is being tried again, nothing."""
    if job is None or job.error_code is None or state not in ("failed", "partial"):
        return None
    return error_of(job.error_code, job.error_detail)
