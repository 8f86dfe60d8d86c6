"""A real, confined pose process, and what is heard when there can be none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from server.jobs.processes import PoseProcesses, Process
from server.pipeline import pictures
from server.pipeline.pose_messages import Look, PoseStart, Ready, Seen
from server.protocols.pose import LANDMARKS, PERSON, people
from tests.support.people import astronaut

START = PoseStart(model="lite", people=1, memory=1 << 30)


@pytest.fixture(scope="module")
def processes() -> Iterator[PoseProcesses]:
    found = PoseProcesses()
    yield found
    found.close()


@pytest.fixture
def shared() -> Iterator[int]:
    descriptor = pictures.create()
    yield descriptor
    os.close(descriptor)


def begun(processes: PoseProcesses, start: PoseStart, shared: int) -> Process:
    seen = pictures.read_only(shared)
    try:
        return processes.start(start, seen)
    finally:
        os.close(seen)


def heard(process: Process) -> object:
    received = process.link.receive()
    return received and received[0]


def test_it_sees_who_is_there_and_ends_with_its_link(processes: PoseProcesses, shared: int) -> None:
    memory = pictures.attach(os.dup(shared), write=True)
    person = astronaut()
    height, width, _ = person.shape
    memory[pictures.SLOT : pictures.SLOT + person.nbytes] = person.tobytes()
    process = begun(processes, START, shared)
    assert heard(process) == Ready()
    process.link.send(Look(1, width, height, 0))
    process.link.send(Look(0, width, height, 33))
    somebody, nobody = heard(process), heard(process)
    assert isinstance(somebody, Seen)
    assert (somebody.slot, len(somebody.people)) == (1, PERSON)
    values = people(somebody.people, 1)
    assert values is not None
    left, right = values[4 * 11], values[4 * 12]
    assert 0 < right < left < 1  # we see their left on our right
    assert len(values) == 7 * LANDMARKS
    assert isinstance(nobody, Seen)
    process.close()
    assert process.exited.result(timeout=20).status == 0


def test_memory_that_is_shared_keeps_its_size(shared: int) -> None:
    for size in (0, 1 << 40):
        with pytest.raises(PermissionError):
            os.ftruncate(shared, size)
    other = pictures.read_only(shared)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(other, b"x")
    os.close(other)


def test_a_model_that_is_not_there(processes: PoseProcesses, shared: int) -> None:
    start = PoseStart(model="huge", people=1, memory=1 << 30)
    process = begun(processes, start, shared)
    assert heard(process) is None
    exited = process.exited.result(timeout=20)
    assert (exited.status, exited.fault) == (0, "the pose bundle huge is not built")
    process.close()
    again = begun(processes, START, shared)
    assert heard(again) == Ready()
    again.close()


class Missing(PoseProcesses):
    """As where MediaPipe is not there."""

    kind = "tests.support.nowhere"


def test_where_there_can_be_none_it_is_told(shared: int) -> None:
    processes = Missing()
    process = begun(processes, START, shared)
    assert heard(process) is None
    assert "nowhere" in process.exited.result(timeout=20).fault
    assert processes.fault == "ModuleNotFoundError: No module named 'tests.support.nowhere'"
    process.close()
    processes.close()
