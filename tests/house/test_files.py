"""The rules of the house, as far as a program can tell."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSED_OVER = {"node_modules", "dist", "models", "build", "data", "__pycache__"}
CODE = {".py", ".ts", ".css", ".mjs", ".js", ".sh", ".sql", ".yaml"}
UNSAYING = {"util", "utils", "common", "helper", "helpers", "manager", "misc"}
SQL = re.compile(r"(?is)\b(select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from)\s")


def files() -> Iterator[Path]:
    """All that belongs to the project, whether or not it is committed yet."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in PASSED_OVER and not f.startswith(".")]
        yield from (Path(folder, name) for name in names)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


FILES = sorted(files())
MODULES = [f for f in FILES if f.suffix == ".py" and named(f).startswith(("server/", "storage/"))]


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", [f for f in FILES if f.suffix in CODE], ids=named)
def test_is_not_too_long(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_names_say_something() -> None:
    words = {named(f): set(re.split(r"[^a-z]+", named(f).lower())) for f in FILES}
    assert not {name for name, found in words.items() if found & UNSAYING}


@pytest.mark.parametrize("path", [f for f in MODULES if f.name[:2] != "__"], ids=named)
def test_says_what_it_changes_for(path: Path) -> None:
    assert (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").startswith("Changes when")


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_public_things_are_explained(path: Path) -> None:
    """Classes and functions of a module; methods as far as they are public."""
    missing = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            bare = ast.get_docstring(node) is None
            if bare and not node.name.startswith("_") and len(node.body) > 3:
                missing.append(node.name)
    assert not missing


@pytest.mark.parametrize(
    "path", [f for f in MODULES if not named(f).startswith("storage/")], ids=named
)
def test_sql_stays_in_storage(path: Path) -> None:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert not [text for text in texts if SQL.search(text) and text not in docstrings]


def test_requirements_are_locked_by_hash() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        for entry in re.split(r"\n(?=\S)", file.read_text("utf-8").strip()):
            assert "==" in entry, entry
            assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("folder", ["static", "tests/peers"])
def test_npm_locks_name_no_registry(folder: str) -> None:
    assert '"resolved"' not in (ROOT / folder / "package-lock.json").read_text("utf-8")
