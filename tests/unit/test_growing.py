from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.growing import GrowingFile
from storage.ranges import Ranges

DATA = bytes(range(256)) * 4


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    found = os.open(path, os.O_RDONLY)
    yield found
    os.close(found)


def in_thread(function: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    return thread, results


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        threading.Event().wait(0.001)


def test_reads_what_is_there_and_waits_for_the_rest(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 100)]))
    assert file.read(1000) == DATA[:100]
    thread, results = in_thread(lambda: file.read(10))
    until(lambda: file.waiting)
    file.arrived(100, 105)
    thread.join()
    assert results == [DATA[100:105]]


def test_ends_where_the_source_ends(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 50)]), 50)
    assert file.read() == DATA[:50]
    assert file.read(10) == b""
    assert file.read(10) == b""


def test_a_waiting_reader_learns_that_the_source_has_ended(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 50)]))
    file.read()
    thread, results = in_thread(lambda: file.read(10))
    until(lambda: file.waiting)
    file.finish(50)
    thread.join()
    assert results == [b""]


def test_abort_wakes_a_waiting_reader(descriptor: int) -> None:
    file = GrowingFile(descriptor)
    thread, results = in_thread(lambda: file.read(1))
    until(lambda: file.waiting)
    file.abort(LookupError("over"))
    thread.join()
    assert isinstance(results[0], LookupError)
    with pytest.raises(LookupError, match="over"):
        file.read(1)


def test_reads_over_a_gap_only_when_it_is_filled(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 10), (20, 30)]), 30)
    assert file.read(100) == DATA[:10]
    file.seek(20)
    assert file.read(100) == DATA[20:30]
    file.seek(10)
    thread, results = in_thread(lambda: file.read(100))
    until(lambda: file.waiting)
    file.arrived(10, 20)
    thread.join()
    assert results == [DATA[10:30]]


def test_read_at_waits_for_all_of_it(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 4)]))
    thread, results = in_thread(lambda: file.read_at(2, 6))
    until(lambda: file.waiting)
    file.arrived(4, 8)
    thread.join()
    assert results == [DATA[2:8]]


def test_read_at_gives_less_at_the_end(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 10)]), 10)
    assert file.read_at(8, 6) == DATA[8:10]
    assert file.read_at(10, 6) == b""
    assert file.read_at(30, 6) == b""


def test_what_is_hidden_reads_as_the_end(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 100)]), 100)
    file.hidden_from = 40
    assert file.read() == DATA[:40]
    assert file.read() == b""
    file.hidden_from = None
    assert file.read() == DATA[40:100]


def test_seeking_from_the_end_waits_for_the_length(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 10)]))
    thread, results = in_thread(lambda: file.seek(-4, os.SEEK_END))
    until(lambda: file.waiting)
    file.finish(100)
    thread.join()
    assert results == [96]
    with pytest.raises(ValueError, match="negative"):
        file.seek(-1)


def test_seeking_from_a_promised_end_does_not_wait(descriptor: int) -> None:
    file = GrowingFile(descriptor, Ranges([(0, 10)]), promised=100)
    assert file.seek(-1, os.SEEK_END) == 99
    assert file.length is None


def test_has_no_name_that_ffmpeg_could_see(descriptor: int) -> None:
    assert not hasattr(GrowingFile(descriptor), "name")
