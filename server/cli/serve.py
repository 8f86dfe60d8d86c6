"""Changes when: how the server is started from the command line does."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
from pathlib import Path

import click

from server.app import serve as run
from server.settings import Settings, SettingsError, load, unknown
from server.telemetry import logs
from storage.errors import StoreInUse

_log = logging.getLogger(__name__)
_USUAL = Settings()


@click.command()
@click.option("--host", help=f"Address to listen on [{_USUAL.host}].")
@click.option("--port", type=int, help=f"Port to listen on; 0 takes a free one [{_USUAL.port}].")
@click.option("--data-dir", help=f"Where everything is kept [{_USUAL.data_dir}].")
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
    for name in unknown(os.environ):
        _log.warning("no setting is called that", extra={"variable": name})
    os.umask(0o077)  # nothing that is made from here on is for others to read

    def ready(url: str) -> None:
        click.echo(f"Reelrace is ready: open {url} in a browser. Ctrl+C stops it.")
        sys.stdout.flush()

    try:
        asyncio.run(run(settings, ready))
    except StoreInUse as error:
        where = Path(settings.data_dir).resolve()
        raise click.ClickException(f"{error.sentence()} It is {where}") from error
    except (OSError, UnicodeError) as error:
        raise click.ClickException(_why(error, settings)) from error


def _why(error: OSError | UnicodeError, settings: Settings) -> str:
    """Why it did not start, and what would help."""
    if isinstance(error, UnicodeError):
        return f"{settings.host!r} is no name of a host"
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} on {settings.host} is taken; --port 0 takes a free one"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{Path(settings.data_dir).resolve()} is not a directory"
    return f"cannot start: {error}"
