"""Changes when: what a row means does.

Rows as frozen structs. Times are integer milliseconds since 1970, ids 32 hexadecimal digits.
"""

from __future__ import annotations

import secrets
import time
from typing import Literal, NamedTuple

import msgspec


def new_id() -> str:
    """128 random bits as 32 hexadecimal digits; never derived from what a client sent."""
    return secrets.token_hex(16)


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Source(msgspec.Struct, frozen=True):
    """The bytes of a video. What is there of an ended one does not depend on its uploads."""

    id: str
    length: int | None
    """None until it is known."""
    ended: bool
    """Every byte is there, and they are what was promised."""
    owner: str = ""
    assembly: str | None = None
    """What its owner calls it, to make more windows of it."""
    promised: str | None = None
    """The SHA-256 that it is to have, in hexadecimal."""
    digest: str | None = None
    """The one that it has, once every byte is there."""
    expires_at: int | None = None
    """When it goes, unless it has ended by then; what no video is made of goes then at any rate."""
    there: int = 0
    """Bytes that are recorded. No two uploads write the same ones, so this counts them all."""

    @property
    def refused(self) -> bool:
        """Whether its bytes are others than was promised."""
        return None not in (self.promised, self.digest) and self.promised != self.digest


class Part(NamedTuple):
    """As much of an upload as tells which bytes of its source are there."""

    id: str
    start: int
    mark: int


class Stretch(NamedTuple):
    """As much of an upload as tells what is there of it, and what is not."""

    id: str
    start: int
    mark: int
    length: int | None


UploadKind = Literal["whole", "window", "part", "joined", "copy"]
"""`whole`: all of a source. `window`: a stretch of one that has others. `part`: a source that is
to be joined to others, and no video's. `joined`: what others make together; writes nothing itself.
`copy`: a part on its way into what it is joined to."""


class Upload(msgspec.Struct, frozen=True):
    """A writer's bytes arriving in a source."""

    id: str
    source_id: str
    video_id: str
    """Empty: of a part, no video is made of it."""
    start: int
    length: int | None
    """None until it is told."""
    mark: int
    boot: str
    metadata: str
    created_at: int
    updated_at: int
    kind: UploadKind = "whole"
    recipe: str | None = None
    """Of a part or a window, and of what is joined: how, as it was sent."""
    origin: str | None = None
    """Of a copy: the part that its bytes come from."""


class Video(msgspec.Struct, frozen=True):
    """What people see."""

    id: str
    owner: str
    title: str
    filename: str
    source_id: str
    edition_id: str | None
    access: str
    access_version: int
    created_at: int
    outputs: str = "null"
    """JSON: the kinds of outputs that are wanted; `null`: those of the settings."""
    details: str = "{}"
    """JSON of `server.protocols.metadata.Details`."""
    events: int = 0
    """Number of its latest event."""
    replaced: int = 0
    """Editions that it showed before the one that it shows."""


class Edition(msgspec.Struct, frozen=True):
    """One set of outputs; `facts` is JSON of `server.pipeline.messages.Facts`, once frozen."""

    id: str
    source_id: str
    settings: str
    facts: str | None
    ended: bool
    cuts: int
    poster: str | None = None
    """Name of the piece that stands for the video."""


class Output(msgspec.Struct, frozen=True):
    """One output of an edition; `facts` is JSON of `server.pipeline.messages.OutputFacts`.

    `peak` and `average` are bits per second: what was declared, in the end what was measured.
    """

    name: str
    position: int
    facts: str
    init: bytes
    peak: int
    average: int


class Piece(msgspec.Struct, frozen=True, gc=False):
    """An output's part of one cut. `keyframes`: (offset, size, ticks from the piece's start).

    A long video has tens of thousands, and none is part of a cycle: they are not collected.
    """

    number: int
    output: str
    name: str
    size: int
    duration: int
    frames: int
    keyframes: list[tuple[int, int, int]]
    score: int = 0
    """How well a thumbnail would stand for the whole video, 0 to 1000."""
    first: int = 0
    """Of poses: the index of its first frame."""
    lost: int = 0
    """Of poses: pictures that nobody looked at."""


class Cut(msgspec.Struct, frozen=True):
    """A published cut: `start` and `duration` in ticks; `resume` says how the next is made."""

    number: int
    epoch: int
    start: int
    duration: int
    resume: str


class Candidate(NamedTuple):
    """What decides whether a job can be queued."""

    job_id: str
    owner: str
    state: str
    parked_at: int | None
    source: Source
    parts: list[Part]


class Job(msgspec.Struct, frozen=True):
    """One piece of durable work."""

    id: str
    kind: str
    video_id: str
    edition_id: str | None
    owner: str
    state: str
    epoch: int
    attempts: int
    misses: int
    priority: int
    parked_at: int | None
    error_code: str | None
    error_detail: str | None
    warnings: str
    progress: str
    created_at: int
    started_at: int | None
    ended_at: int | None
    pose_faults: str = "{}"
    """JSON: cut -> how often looking for poses broke down at it."""


class Event(msgspec.Struct, frozen=True):
    """A fact that watchers are told. `data` is JSON and names its video."""

    owner: str
    feed_number: int
    video_id: str
    number: int
    kind: str
    data: str
    at: int


class Changed(msgspec.Struct, frozen=True):
    """Something of a video that has no number, its progress say, is not as it was."""

    video_id: str
    owner: str
