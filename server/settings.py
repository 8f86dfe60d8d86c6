"""Changes when: something becomes adjustable.

Defaults, then a TOML file, then `REELRACE_*` environment variables, into one frozen struct.
`docs/settings.md` lists them all.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec

PREFIX = "REELRACE_"


class SettingsError(Exception):
    """A setting is wrong."""


Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]


PoseModel = Literal["lite", "full", "heavy"]
OutputKind = Literal["renditions", "thumbnails", "storyboard", "pose"]
OUTPUTS: tuple[OutputKind, ...] = get_args(OutputKind)
"""What can be made of a video: what is played (pictures and sound), and what goes with it."""


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How media are processed. Part of an edition: other settings make another edition.

    Editions outlive settings, so what is not known any more is passed over when one is read.
    """

    outputs: Annotated[tuple[OutputKind, ...], msgspec.Meta(min_length=1)] = OUTPUTS
    """What is made; an upload may ask for others: renditions, thumbnails, storyboard, pose."""
    cut_seconds: Annotated[int, msgspec.Meta(ge=2, le=30)] = 4
    """Length of a segment, in seconds; the first is half as long."""
    keyframe_seconds: Annotated[int, msgspec.Meta(ge=1, le=30)] = 2
    """Distance of keyframes, in seconds."""
    ladder: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=2)] = (1080, 720, 480, 360, 240)
    """Sizes of the short side, largest first. Nothing is ever enlarged."""
    crf: Annotated[int, msgspec.Meta(ge=0, le=51)] = 23
    """x264's quality: lower is better and larger."""
    preset: Preset = "veryfast"
    """x264's speed."""
    audio_bit_rate: Annotated[int, msgspec.Meta(ge=16_000, le=512_000)] = 128_000
    """Bits per second of stereo sound."""
    storyboard_seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 2
    """Distance of the pictures of a storyboard, in seconds."""
    max_pixels: Positive = 4096 * 4096
    """Larger pictures are refused."""
    memory: Annotated[int, msgspec.Meta(ge=1 << 25)] = 1 << 30
    """Bytes of data that one media process may have."""
    decoder_threads: Positive = 2
    """Threads that decode."""
    encoder_threads: Positive = 2
    """Threads of each encoder."""
    pose_model: PoseModel = "full"
    """Which model looks for poses: lite, full or heavy."""
    pose_rate: Annotated[int, msgspec.Meta(ge=1, le=240)] = 30
    """Pictures a second in which poses are looked for, at most."""
    pose_people: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    """How many people are looked for in a picture."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8765
    """Port to listen on; 0 takes a free one."""
    data_dir: str = "data"
    """Where everything is kept."""
    database_dir: str = ""
    """Where the rows are kept, if not in `data_dir`: a disk of its own that is never full."""
    max_upload_size: Positive = 1 << 40
    """Bytes an upload may have."""
    uploads_kept: Annotated[float, msgspec.Meta(ge=1)] = 604_800.0
    """Seconds without a byte after which an unfinished upload expires, with its video."""
    uploads_leave_free: Count = 1 << 28
    """Bytes of the disk that uploads leave free: new ones are refused, running ones wait."""
    quota_bytes: Count = 0
    """Bytes that one owner may have here, as uploaded; 0: any number."""
    quota_files: Count = 0
    """Videos and parts that one owner may have here, unfinished ones as well; 0: any number."""
    digests: bool = True
    """Whether the SHA-256 of every file is made. One that was promised is checked at any rate."""
    body_timeout: Seconds = 20.0
    """Seconds in which a request's body must bring 4 KiB or its end, or it is given up."""
    connection_timeout: Seconds = 20.0
    """Seconds for the headers of a request, between two requests of a connection, and until who
    takes nothing of an answer is let go."""
    max_connections: Count = 0
    """Connections that may be open; 0: a third of the descriptors that the jobs leave."""
    max_streams: Count = 0
    """Streams of events and of poses that may be open; 0: half as many as connections."""
    streams_per_owner: Positive = 32
    """Of all those, how many may be one owner's."""
    events_kept: Seconds = 604_800.0
    """Seconds for which a stream that broke off can go on where it was."""
    takeover_after: Seconds = 2.0
    """Seconds of silence after which a new PATCH takes an upload over from an old one."""
    jobs: Count = 0
    """Videos that are there as a whole and worked on at the same time; 0: as many as there are
    processors, at least two."""
    jobs_growing: Count = 0
    """Videos that still arrive and are worked on besides, mostly waiting for bytes; 0: four times
    as many as `jobs`, as far as there is 1 GiB of memory for each."""
    jobs_per_owner: Positive = 4
    """Of all those, how many may be one owner's."""
    hung_after: Seconds = 60.0
    """Seconds without any progress after which an attempt is given up."""
    fruitless_after: Seconds = 600.0
    """Seconds without a new cut, or another MiB read, after which it is given up as well."""
    park_after: Seconds = 30.0
    """Seconds without new bytes after which a job that waits for them gives its place up."""
    park_after_crowded: Seconds = 5.0
    """The same while others wait for that place; then only a new cut counts, or 64 KiB."""
    max_duration: Annotated[float, msgspec.Meta(ge=1, le=8_640_000)] = 86_400.0
    """Seconds: a segment of a video that would begin later is not made."""
    max_output_base: Annotated[int, msgspec.Meta(ge=1 << 20)] = 1 << 30
    """Bytes that may be made of any source, however small."""
    max_output_factor: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000
    """Bytes that may be made besides of each byte of a source."""
    min_free_space: Count = 1 << 28
    """Bytes of the disk that segments leave free."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that requests may be for, besides addresses and names without a dot; `*`: any. None:
    no others when listening on the loopback, any when listening elsewhere."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-Proto and X-Forwarded-Host are believed."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""
    log_format: Literal["text", "json"] = "text"
    """text or json."""
    media: MediaSettings = MediaSettings()
    """How media are processed; in the environment `REELRACE_MEDIA_CRF` and so on."""

    def places(self) -> Places:
        """How many jobs run at the same time."""
        whole = self.jobs or max(2, os.cpu_count() or 1)
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        growing = self.jobs_growing or max(2, min(4 * whole, (memory >> 30) - whole))
        return Places(whole, growing)

    def patience(self) -> Patience:
        """How long an attempt at a job waits."""
        return Patience(
            self.hung_after, self.fruitless_after, self.park_after, self.park_after_crowded
        )

    def allowance(self) -> Allowance:
        """How much may be made of one source."""
        return Allowance(self.max_duration, self.max_output_base, self.max_output_factor)


class Patience(NamedTuple):
    """Seconds after which an attempt that gets nowhere is given up, or lets others go first."""

    hung: float
    fruitless: float
    park: float
    park_crowded: float
    pose: float = 10.0
    """Until a pose process that has pictures must have said something."""


class Allowance(NamedTuple):
    """How much may be made of one source: seconds, and bytes for nothing and for each byte."""

    seconds: float
    base: int
    factor: int


class Places(NamedTuple):
    """How many jobs run at the same time: of videos that are there as a whole, and still arrive."""

    whole: int
    growing: int


def load(
    file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any]
) -> Settings:
    """The settings in force; `overrides` come from the command line. Raises `SettingsError`."""
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: {error}") from error
    values = _merged(values, _from_environment(environment))
    values = _merged(values, {k: v for k, v in overrides.items() if v is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    unknown = set(values.get("media", {})) - set(MediaSettings.__struct_fields__)
    if unknown:
        raise SettingsError(f"media has no setting {', '.join(sorted(unknown))}")
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for prefix, struct, place in (
        (PREFIX, Settings, found),
        (f"{PREFIX}MEDIA_", MediaSettings, found.setdefault("media", {})),
    ):
        for field in msgspec.structs.fields(struct):
            value = environment.get(prefix + field.name.upper())
            if value is not None and field.name != "media":
                listed = isinstance(field.default, tuple)
                place[field.name] = value.split(",") if listed and value else value
    return found


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none."""
    ours = {PREFIX + name.upper() for name in (*Settings.__struct_fields__, "url", "config")}
    ours |= {f"{PREFIX}MEDIA_{name.upper()}" for name in MediaSettings.__struct_fields__}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in ours)


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping)
        merged[key] = _merged(dict(merged.get(key, {})), value) if nested else value
    return merged
