"""Changes when: there is something else worth knowing about a machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from server import __version__
from server.api.pages import web_root
from server.pipeline import confinement, models
from server.protocols.pose import MODELS
from server.settings import SettingsError, load

_ROOT = Path(__file__).resolve().parents[2]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SYNCS = 20
_LOW = 5 << 30
_MARKS = {"good": "[green]ok[/green]", "poor": "[yellow]![/yellow]", "bad": "[red]x[/red]"}


class Finding(NamedTuple):
    """`state`: good, poor (works, with a limit) or bad (will not work)."""

    subject: str
    state: str
    text: str


@click.command()
@click.option("--data-dir", help="Where everything is kept.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(data_dir: str | None, *, as_json: bool) -> None:
    """Tell what this machine can do: jail, codecs, browser, disk."""
    try:
        settings = load(None, os.environ, {"data_dir": data_dir})
    except SettingsError as error:
        raise click.ClickException(f"settings: {error}") from error
    findings = [*_machine(), *_jail(), *_codecs(), *_built(), *_disk(Path(settings.data_dir))]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for finding in findings:
            table.add_row(_MARKS[finding.state], finding.subject, finding.text)
        Console().print(table)
    if any(finding.state == "bad" for finding in findings):
        raise SystemExit(1)


def _machine() -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    text = f"{__version__}, Python {platform.python_version()}, {cores} processors"
    yield Finding("Reelrace", "good", text)


def _jail() -> Iterator[Finding]:
    """Media processes are confined with whatever the kernel has."""
    for name, there in confinement.guards().items():
        good = there == "yes"
        text = "media processes are confined by it" if good else f"not here: {there}"
        yield Finding(f"jail: {name}", "good" if good else "poor", text)


def _codecs() -> Iterator[Finding]:
    """Asked of a process of its own: FFmpeg has no place in this one."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "server.pipeline.inventory"],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        yield Finding("codecs", "bad", (done.stderr.strip().splitlines() or ["no answer"])[-1])
        return
    found = json.loads(done.stdout)
    missing = [name for name, there in found["encoders"].items() if not there]
    text = f"PyAV {found['pyav']} with FFmpeg {found['ffmpeg']}"
    yield Finding("codecs: library", "good", text)
    encoders = f"missing: {', '.join(missing)}" if missing else ", ".join(found["encoders"])
    yield Finding("codecs: encoders", "bad" if missing else "good", encoders)
    counts = f"{len(found['video_decoders'])} video, {len(found['audio_decoders'])} audio formats"
    yield Finding("codecs: decoders", "good", counts)


def _built() -> Iterator[Finding]:
    root = web_root()
    if root is None:
        yield Finding("web client", "poor", "not built: the page will not show")
    else:
        yield Finding("web client", "good", str(root))
    found = [name for name in MODELS if models.path(name)]
    state = "good" if len(found) == len(MODELS) else "poor"
    yield Finding("pose bundles", state, ", ".join(found) or "not built")
    yield _pose()
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    yield Finding("browser", "good", browser or "none (only the tests need one)")


def _pose() -> Finding:
    """As pose processes do it: a library that is missing shows only then."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from server.pipeline import pose; pose.preload()"],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return Finding("pose: MediaPipe", "good", "can be looked for")
    why = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return Finding("pose: MediaPipe", "poor", f"cannot be looked for: {why}")


def _disk(folder: Path) -> Iterator[Finding]:
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:.0f} GB free for {folder}"
    yield Finding("disk: room", "good" if free > _LOW else "poor", text)
    try:
        milliseconds = _sync_time(existing) * 1000
    except OSError as error:
        yield Finding("disk: sync", "bad", f"{existing} cannot be written: {error.strerror}")
        return
    state = "good" if milliseconds < 50 else "poor"
    yield Finding("disk: sync", state, f"{milliseconds:.1f} ms until a small write is safe")


def _sync_time(folder: Path) -> float:
    """Seconds until 4 KiB are on the disk; the median of a few tries."""
    taken = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_SYNCS):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)
