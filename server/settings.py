"""Changes when: something becomes adjustable.

Defaults, then a TOML file, then `REELRACE_*` environment variables, into one frozen struct.
`docs/settings.md` lists them all.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

PREFIX = "REELRACE_"


class SettingsError(Exception):
    """A setting is wrong."""


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How media are processed. Part of an edition: other settings make another edition."""

    cut_seconds: int = 4
    """Length of a segment, in seconds; the first is half as long."""
    keyframe_seconds: int = 2
    """Distance of keyframes, in seconds."""
    ladder: tuple[int, ...] = (1080, 720, 480, 360, 240)
    """Sizes of the short side, largest first. Nothing is ever enlarged."""
    crf: int = 23
    """x264's quality: lower is better and larger."""
    preset: str = "veryfast"
    """x264's speed."""
    audio_bit_rate: int = 128_000
    """Bits per second of stereo sound."""
    max_pixels: int = 4096 * 4096
    """Larger pictures are refused."""
    memory: int = 1 << 30
    """Bytes of data that one media process may have."""
    decoder_threads: int = 2
    """Threads that decode."""
    encoder_threads: int = 2
    """Threads of each encoder."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8765
    """Port to listen on; 0 takes a free one."""
    data_dir: str = "data"
    """Where everything is kept."""
    max_upload_size: int = 1 << 40
    """Bytes an upload may have."""
    body_timeout: float = 60.0
    """Seconds without a byte after which a request's body is given up."""
    connection_timeout: float = 60.0
    """Seconds for the headers of a request, and between two requests of a connection."""
    takeover_after: float = 2.0
    """Seconds of silence after which a new PATCH takes an upload over from an old one."""
    jobs: int = 0
    """Videos worked on at the same time; 0: as many as there are processors, at least two."""
    jobs_per_owner: int = 4
    """Of those, how many may be one owner's."""
    hung_after: float = 60.0
    """Seconds without any progress after which an attempt is given up."""
    park_after: float = 30.0
    """Seconds without new bytes after which a job lets others go first."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-Proto and X-Forwarded-Host are believed."""
    log_level: str = "info"
    """debug, info, warning or error."""
    log_format: str = "text"
    """text or json."""
    media: MediaSettings = MediaSettings()
    """How media are processed; in the environment `REELRACE_MEDIA_CRF` and so on."""

    def job_slots(self) -> int:
        """How many jobs run at the same time."""
        return self.jobs or max(2, os.cpu_count() or 1)


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
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error


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


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping)
        merged[key] = _merged(dict(merged.get(key, {})), value) if nested else value
    return merged
