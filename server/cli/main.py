"""Changes when: there is another command."""

from __future__ import annotations

import importlib

import click

from server import __version__

_COMMANDS = {
    "serve": "Run the server: uploads, work and playback in one process.",
    "upload": "Upload video files, and watch what becomes of them.",
    "doctor": "Tell what this machine can do.",
}


class _Lazy(click.Group):
    """Each command's module is imported when it is called: `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"server.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reelrace")
def main() -> None:
    """Reelrace: a video plays before its upload ends."""
