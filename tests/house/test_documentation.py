"""Documentation is tested: what exists is in it, and what is in it exists."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from server.cli.main import main
from server.errors import STATUS
from server.job_errors import JobError
from server.settings import MediaSettings, Settings
from storage.errors import ReelraceError

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rows(section: str) -> dict[str, list[str]]:
    """The cells of a table's rows by the name in the first."""
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in found}


@pytest.mark.parametrize(("kind", "part"), [(Settings, 0), (MediaSettings, 1)])
def test_settings(kind: type[msgspec.Struct], part: int) -> None:
    written = rows(text("docs/settings.md").split("## `[media]`")[part])
    fields = {f.name: f.default for f in msgspec.structs.fields(kind) if f.name != "media"}
    assert set(written) == set(fields)
    for name, default in fields.items():
        assert json.loads(written[name][0].strip("`")) == json.loads(json.dumps(default)), name


def test_errors() -> None:
    requests, videos, inside = re.split(
        r"^## (?:A video|Inside).*$", text("docs/errors.md"), flags=re.MULTILINE
    )
    answers = {kind.code: str(status) for kind, status in STATUS.items()} | {"internal": "500"}
    assert {code: cells[0] for code, cells in rows(requests).items()} == answers
    of_jobs = {code for code, kind in ReelraceError.known.items() if issubclass(kind, JobError)}
    assert set(rows(videos)) == of_jobs | {"disk_full"}
    assert set(rows(inside)) == set(ReelraceError.known) - set(answers) - of_jobs


def commands() -> dict[str, click.Command]:
    assert isinstance(main, click.Group)
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


@pytest.mark.parametrize("name", commands())
def test_flags(name: str) -> None:
    section = re.search(
        rf"^## `reelrace {name}.*?(?=^## |\Z)", text("docs/commands.md"), re.MULTILINE | re.DOTALL
    )
    assert section is not None
    flags = {
        option
        for parameter in commands()[name].params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert set(re.findall(r"`(--[a-z-]+)", section[0])) == flags - {"--help"}


def test_dependencies() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    declared = list(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        declared += [entry for entry in group if isinstance(entry, str)]
    node = [json.loads(text(f"{where}/package.json")) for where in ("static", "tests/peers")]
    names = {re.split(r"[<>=\[]", entry)[0] for entry in declared} | {"uv"}
    for package in node:
        names |= set(package.get("dependencies", {})) | set(package.get("devDependencies", {}))
    named = set(re.findall(r"[@\w/.-]+", text("docs/dependencies.md")))
    assert names - named == set()
    for entry in declared:
        assert re.search(r">=.*,<", entry), f"{entry} has no bounds"


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
