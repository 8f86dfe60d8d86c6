"""Changes when: what our command keeps in the user's configuration folder does."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

import click
from tusclient.storage.filestorage import FileStorage


def folder() -> Path:
    """Where the session and the unfinished uploads are. Raises `click.ClickException`."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    path = Path(base) / "reelrace"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _useless(path, error) from error
    return path


def session_secret() -> str:
    """This user's session: made once, readable by nobody else. Raises `click.ClickException`."""
    path = folder() / "session"
    try:
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32))
        return path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise _useless(path, error) from error


class Unfinished:
    """The uploads that were begun and not ended, by what was uploaded where."""

    def __init__(self) -> None:
        path = folder() / "unfinished.json"
        try:
            _set_aside_if_damaged(path)
            self._kept = FileStorage(str(path))  # type: ignore[no-untyped-call]
        except OSError as error:
            raise _useless(path, error) from error

    def location(self, url: str, path: Path) -> str | None:
        """The upload of this very file to this server."""
        found: str | None = self._kept.get_item(_key(url, path))
        return found

    def keep(self, url: str, path: Path, location: str) -> None:
        self._kept.set_item(_key(url, path), location)

    def forget(self, url: str, path: Path) -> None:
        self._kept.remove_item(_key(url, path))


def _key(url: str, path: Path) -> str:
    stat = path.stat()
    facts = (url, path.resolve(), stat.st_size, stat.st_mtime_ns)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _set_aside_if_damaged(path: Path) -> None:
    """What cannot be read any more must not be in the way for ever."""
    try:
        text = path.read_text("utf-8")
        if text and not isinstance(json.loads(text), dict):
            raise ValueError
    except FileNotFoundError:
        return
    except ValueError:
        aside = path.replace(path.with_suffix(".damaged"))
        click.echo(f"{path} was damaged and lies in {aside} now; uploads begin anew.", err=True)


def _useless(path: Path, error: Exception) -> click.ClickException:
    why = error.strerror if isinstance(error, OSError) else "it is damaged"
    return click.ClickException(f"{path} cannot be used: {why}")
