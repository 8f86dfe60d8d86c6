"""Changes when: what many tests share does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.jobs.processes import MediaProcesses
from tests.support.clips import Clip, make
from tests.support.server import Server


@pytest.fixture(scope="session")
def processes() -> Iterator[MediaProcesses]:
    """One fork server for all tests."""
    found = MediaProcesses()
    yield found
    found.close()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


class Clips:
    """Makes each clip once a session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], Path] = {}

    def __call__(self, name: str, clip: Clip | None = None) -> Path:
        """The clip called `name`; it must mean the same every time."""
        clip = clip or Clip()
        key = name, repr(clip)
        if key not in self._made:
            assert all(other != name for other, _ in self._made), f"two clips called {name}"
            self._made[key] = make(self._folder / name, clip)
        return self._made[key]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own for a test."""
    found = Server(tmp_path / "data").start()
    yield found
    found.end()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests of a module that do not mind each other."""
    found = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield found
    found.end()
