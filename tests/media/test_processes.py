"""Of every media process is heard when it begins and when it ends, however soon that is."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from server.jobs.processes import MediaProcesses
from server.pipeline.messages import Start
from tests.support import media


@pytest.fixture
def busy() -> Iterator[None]:
    """Other threads that hardly let anybody else run."""
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            pass

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("busy")
def test_an_answer_may_come_before_the_asking_is_done(processes: MediaProcesses) -> None:
    for _ in range(60):
        nothing = os.open(os.devnull, os.O_RDONLY)
        process = processes.start(Start(settings=media.SMALL, ranges=[], length=0), nothing)
        os.close(nothing)
        assert process.forked.result(timeout=20) > 0
        process.exited.result(timeout=20)
        process.close()
