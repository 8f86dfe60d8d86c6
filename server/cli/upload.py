"""Changes when: what `reelrace upload` shows does."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from server.cli.client import Client, Told, Trouble
from server.cli.remembered import Unfinished, session_secret

_LOOK_EVERY = 0.5
_LIVE = ("created", "waiting", "active")


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
)
@click.option(
    "--url",
    envvar="REELRACE_URL",
    default="http://127.0.0.1:8765/",
    show_default=True,
    help="The server.",
)
@click.option(
    "--rate", type=click.IntRange(min=1), metavar="BYTES/S", help="Send no faster than this."
)
@click.option("--watch", is_flag=True, help="Stay until the videos are done.")
def upload(files: tuple[Path, ...], url: str, rate: int | None, watch: bool) -> None:
    """Upload video FILES, and watch what becomes of them.

    An upload that was broken off goes on where it stopped when the same file is given again.
    """
    for path in files:
        if not path.is_file():
            raise click.BadParameter(f"{str(path)!r} is no file with an end", param_hint="FILES")
    console = Console(stderr=True)
    try:
        client = Client(url, session_secret(), Unfinished())
    except Trouble as error:
        raise click.BadParameter(str(error), param_hint="--url") from error
    failed = 0
    for path in files:
        shown = _Shown(console, client, path)
        try:
            with shown:
                shown.send(rate)
                if watch:
                    shown.follow()
        except Trouble as error:
            shown.failed(error)
            failed += 1
            continue
        failed += shown.outcome()
    if failed:
        raise SystemExit(1)


class _Shown:
    """One file: a bar for its bytes, one for the work, and a line when it can be played."""

    def __init__(self, console: Console, client: Client, path: Path) -> None:
        self._console = console
        self._client = client
        self._path = path
        self._video_id = ""
        self._seen: dict[str, Any] = {}
        self._told_playable = False
        self._over = threading.Event()
        self._looker = threading.Thread(target=self._look, daemon=True)
        self._bars = Progress(
            TextColumn("{task.description}", table_column=Column(width=28, no_wrap=True)),
            BarColumn(),
            TextColumn("{task.percentage:>5.1f} %"),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._work: TaskID | None = None
        self._sending = self._bars.add_task(escape(path.name), total=path.stat().st_size, note="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._looker.is_alive():
            self._looker.join()
        self._bars.stop()

    def send(self, rate: int | None) -> None:
        """Uploads the file."""
        begun = time.monotonic()
        first = 0

        def created(video_id: str, offset: int) -> None:
            nonlocal first
            first = offset
            self._video_id = video_id
            self._say(f"[dim]is video[/dim] {video_id}")
            self._bars.update(self._sending, completed=offset)
            self._looker.start()

        def progress(offset: int) -> None:
            spent = max(0.001, time.monotonic() - begun)
            note = f"{(offset - first) / spent / 1e6:.1f} MB/s"
            self._bars.update(self._sending, completed=offset, note=note)

        def trouble(text: str) -> None:
            self._bars.update(
                self._sending, note=f"[yellow]{escape(text)} Trying again ...[/yellow]"
            )

        self._client.upload(self._path, rate, Told(created, progress, trouble))

    def follow(self) -> None:
        """Waits until the work has ended."""
        while self._seen.get("state") in (None, *_LIVE):
            time.sleep(_LOOK_EVERY)
            if not self._looker.is_alive():
                self._seen = self._client.video(self._video_id)

    def failed(self, error: Trouble) -> None:
        """Says why it was given up."""
        self._say(f"[red]{escape(str(error))}[/red]")
        if self._video_id:
            self._say("What has arrived is kept: give the same file again, and it goes on.")

    def outcome(self) -> int:
        """Says how it ended; 1 if not as a whole."""
        state = self._seen.get("state")
        error = self._seen.get("error")
        if error:
            colour = "yellow" if state == "partial" else "red"
            self._say(f"[{colour}]{error['message']} ({error['code']})[/{colour}]")
        click.echo(f"{self._video_id} {state or 'uploaded'} {self._path.name}")
        return int(state in ("partial", "failed"))

    def _say(self, text: str) -> None:
        """A line above the bars, with markup."""
        name = escape(self._path.name)
        self._bars.console.print(f"{name}: {text}", highlight=False, soft_wrap=True)

    def _look(self) -> None:
        """On a thread: asks the server how far it is."""
        while not self._over.wait(_LOOK_EVERY):
            try:
                self._seen = self._client.video(self._video_id)
            except Trouble:  # it may come back; the upload itself tells if it does not
                if self._work is not None:
                    self._bars.update(self._work, note="[yellow]not known[/yellow]")
                continue
            self._show(self._seen)
            if self._seen["state"] not in _LIVE:
                return

    def _show(self, video: dict[str, Any]) -> None:
        if self._work is None:
            self._work = self._bars.add_task("  processing", total=100.0, note="")
        stages = video["progress"]["stages"]
        left = video["progress"]["time_left"]
        note = video["state"] + (f", {left:.0f} s left" if left else "")
        self._bars.update(self._work, completed=stages["encoding"]["percent"], note=note)
        if video["playback"] and not self._told_playable:
            self._told_playable = True
            share = stages["receiving"]["percent"]
            url = urljoin(self._client.url, video["playback"]["hls"])
            self._say(f"[green]plays since {share:.0f} % of it are up:[/green] {url}")
