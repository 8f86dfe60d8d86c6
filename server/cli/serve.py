"""Changes when: how the server is started from the command line does."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from server.app import serve as run
from server.settings import SettingsError, load
from server.telemetry import logs
from storage.errors import StoreInUse


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--data-dir", help="Where everything is kept.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="REELRACE_CONFIG",
    help="A TOML file with settings.",
)
def serve(host: str | None, port: int | None, data_dir: str | None, config: Path | None) -> None:
    """Run the server: uploads, work and playback in one process."""
    overrides = {"host": host, "port": port, "data_dir": data_dir}
    try:
        settings = load(config, os.environ, overrides)
    except SettingsError as error:
        raise click.ClickException(f"settings: {error}") from error
    logs.configure(settings.log_level, settings.log_format)
    os.umask(0o077)  # nothing that is made from here on is for others to read

    def ready(url: str) -> None:
        click.echo(f"Reelrace is ready: open {url} in a browser. Ctrl+C stops it.")
        sys.stdout.flush()

    try:
        asyncio.run(run(settings, ready))
    except StoreInUse as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot start: {error}") from error
