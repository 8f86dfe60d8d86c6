"""What lies in the data directory is for nobody else to read."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.paths import DataDirectory


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """As most people have it: what is made without a mode can be read by all."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def use(root: Path) -> None:
    """As a server does that writes a row."""
    directory = DataDirectory(root)
    directory.prepare()
    database = Database(directory.database)
    database.open()
    directory.secret()
    database.close()
    directory.release()


def readable(root: Path) -> list[str]:
    """What others may do anything with."""
    return [str(path) for path in (root, *root.rglob("*")) if path.stat().st_mode & 0o077]


def test_of_a_new_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    use(tmp_path / "data")
    assert readable(tmp_path / "data") == []
    assert not caplog.records


def test_of_one_that_others_could_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody made it by hand, or an older server did."""
    root = tmp_path / "data"
    use(root)
    for path in (root, root / "sources"):
        path.chmod(0o755)
    (root / "reelrace.sqlite3").chmod(0o644)
    (root / "notes.txt").touch(0o644)
    with caplog.at_level(logging.WARNING):
        use(root)
    assert readable(root) == [str(root / "notes.txt")]  # that is none of ours
    assert {vars(record)["path"] for record in caplog.records} == {
        str(path) for path in (root, root / "sources", root / "reelrace.sqlite3")
    }
    caplog.clear()
    use(root)
    assert not caplog.records


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_of_one_that_belongs_to_somebody_else(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be closed is told; what lies in it is closed by itself."""
    with tempfile.TemporaryDirectory() as name, caplog.at_level(logging.WARNING):
        root = Path(name)
        root.chmod(0o777)
        os.seteuid(65_534)
        try:  # no more than this: our own files may be where nobody else can read
            directory = DataDirectory(root)
            directory.prepare()
            directory.secret()
            directory.release()
        finally:
            os.seteuid(0)
        assert readable(root) == [str(root)]
        assert [vars(record)["path"] for record in caplog.records] == [str(root)]
