"""Changes when: what many tests share does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from server.jobs.processes import MediaProcesses
from tests.support.clips import Clip, make
from tests.support.server import Server

# How long an example takes depends on what else the machine does.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


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
    """Makes each clip once a session, each in a folder of its own: others may have its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], Path] = {}

    def __call__(self, name: str, clip: Clip | None = None) -> Path:
        """The clip, in a file called `name`."""
        clip = clip or Clip()
        key = name, repr(clip)
        if key not in self._made:
            folder = self._folder / str(len(self._made))
            folder.mkdir()
            self._made[key] = make(folder / name, clip)
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
