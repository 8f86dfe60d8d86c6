from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import DiskFull, StoreInUse
from storage.model import Source, Upload, new_id
from storage.paths import DataDirectory
from storage.sources import Sources


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    found = DataDirectory(tmp_path / "data")
    found.prepare()
    yield found
    found.release()


def upload(sources: Sources, length: int, start: int = 0) -> Upload:
    made = Upload(
        id=new_id(),
        source_id=new_id(),
        video_id=new_id(),
        start=start,
        length=length,
        mark=0,
        boot=sources.boot,
        metadata="",
        created_at=0,
        updated_at=0,
    )
    sources.create(made.source_id)
    return made


@settings(max_examples=40)
@given(st.lists(st.lists(st.binary(max_size=40), max_size=5), max_size=6), st.integers(0, 100))
def test_bytes_lie_where_they_belong(
    tmp_path_factory: pytest.TempPathFactory, writes: list[list[bytes]], start: int
) -> None:
    directory = DataDirectory(tmp_path_factory.mktemp("data"))
    directory.prepare()
    sources = Sources(directory)
    sent = b"".join(b"".join(buffers) for buffers in writes)
    one = upload(sources, len(sent), start)
    writer = sources.open_writer(one, 0)
    for buffers in writes:
        writer.write(buffers)
    assert writer.received == len(sent)
    assert writer.sync() == len(sent)
    writer.close()
    data = sources.path(one.source_id).read_bytes()
    assert data[start : start + len(sent)] == sent
    assert sources.recovered(one) == len(sent)
    directory.release()


def test_more_buffers_than_one_call_takes(directory: DataDirectory) -> None:
    sources = Sources(directory)
    one = upload(sources, 5000)
    writer = sources.open_writer(one, 0)
    writer.write([b"x"] * 5000)
    writer.close()
    assert sources.path(one.source_id).read_bytes() == b"x" * 5000


def test_the_same_boot_rule(directory: DataDirectory) -> None:
    sources = Sources(directory)
    one = upload(sources, 100)
    writer = sources.open_writer(one, 0)
    writer.write([bytes(60)])
    writer.close()
    recorded = msgspec.structs.replace(one, mark=20)
    assert sources.recovered(recorded) == 60
    elsewhere = msgspec.structs.replace(recorded, boot="another boot")
    assert sources.recovered(elsewhere) == 20
    sources.erase_mark(one.id)
    assert sources.recovered(recorded) == 20


def test_a_broken_mark_never_takes_back_what_was_acknowledged(directory: DataDirectory) -> None:
    sources = Sources(directory)
    one = msgspec.structs.replace(upload(sources, 100), mark=30)
    path = directory.mark(one.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    for data in (b"", b"123", (5).to_bytes(8, "little")):
        path.write_bytes(data)
        assert sources.recovered(one) == 30
        assert sources.recovered(msgspec.structs.replace(one, length=None)) == 30
    path.write_bytes((1 << 40).to_bytes(8, "little"))
    assert sources.recovered(one) == 100


def test_who_cannot_open_all_holds_nothing(directory: DataDirectory) -> None:
    sources = Sources(directory)
    one = upload(sources, 100)
    directory.mark(one.id).parent.mkdir(parents=True, exist_ok=True)
    directory.mark(one.id).mkdir()  # it cannot be opened as a file
    free = os.dup(0)
    os.close(free)
    with pytest.raises(OSError, match="directory"):
        sources.open_writer(one, 0)
    again = os.dup(0)
    os.close(again)
    assert again == free


def test_listeners_hear_what_arrives_until_they_stop(directory: DataDirectory) -> None:
    sources = Sources(directory)
    one = upload(sources, 100, start=1000)
    heard: list[tuple[int, int]] = []
    stop = sources.listen(one.source_id, lambda *news: heard.append(news))
    sources.announce(one, 10)
    sources.announce(one, 30)
    stop()
    stop()
    sources.announce(one, 40)
    assert heard == [(1000, 1010), (1010, 1030)]
    assert list(sources.ranges([one])) == [(1000, 1040)]


def test_what_is_there_of_an_ended_source_needs_no_uploads(directory: DataDirectory) -> None:
    sources = Sources(directory)
    one = upload(sources, 100)
    sources.announce(one, 40)
    growing, ended = (Source(one.source_id, 100, ended) for ended in (False, True))
    assert list(sources.ranges_of(growing, [one])) == [(0, 40)]
    assert list(sources.ranges_of(growing, [])) == []
    assert list(sources.ranges_of(ended, [])) == [(0, 100)]
    assert list(sources.ranges_of(Source(one.source_id, 0, ended=True), [])) == []


def test_only_the_last_uploads_are_remembered_beyond_their_rows(directory: DataDirectory) -> None:
    """Of the others the row tells; what is going on is announced again and again."""
    sources = Sources(directory)
    going_on = upload(sources, 100)
    finished = msgspec.structs.replace(going_on, id=new_id(), mark=7)
    sources.announce(finished, 9)
    assert sources.received(finished) == 9
    for number in range(5000):
        sources.announce(msgspec.structs.replace(going_on, id=f"{number:032x}"), 100)
        sources.announce(going_on, number % 100)
    assert len(sources._received) < 5000
    assert sources.received(finished) == 7
    assert sources.received(going_on) == 4999 % 100


def test_one_server_a_directory(directory: DataDirectory) -> None:
    with pytest.raises(StoreInUse):
        DataDirectory(directory.root).prepare()
    code = (
        "from pathlib import Path; from storage.paths import DataDirectory;"
        f"DataDirectory(Path({str(directory.root)!r})).prepare()"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert other.returncode != 0
    assert b"StoreInUse" in other.stderr


def test_the_secret_is_made_once_and_private(directory: DataDirectory) -> None:
    secret = directory.secret()
    assert len(secret) == 32
    assert directory.secret() == secret
    assert (directory.root / "secret").stat().st_mode & 0o077 == 0
    assert directory.root.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("identifier", ["../etc/passwd", "", "a" * 31, "A" * 32, "g" * 32])
def test_only_ids_of_ours_become_paths(directory: DataDirectory, identifier: str) -> None:
    for path in (directory.source, directory.mark, directory.edition):
        with pytest.raises(ValueError, match="not an id"):
            path(identifier)


def test_a_full_disk_keeps_what_went_in(directory: DataDirectory) -> None:
    """/dev/full stands in for the source: every write to it says ENOSPC."""
    sources = Sources(directory)
    one = upload(sources, 100)
    writer = sources.open_writer(one, 0)
    writer.write([bytes(10)])
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, writer.descriptor)
    os.close(full)
    with pytest.raises(DiskFull):
        writer.write([bytes(10)])
    assert writer.received == 10
    assert sources.recovered(one) == 10
    writer.close()


def test_what_could_not_be_synced_counts_no_more(directory: DataDirectory) -> None:
    """A sync tells of an error once: the next one would succeed, and nothing would be there."""
    sources = Sources(directory)
    one = upload(sources, 100)
    writer = sources.open_writer(one, 0)
    writer.write([b"0123456789"])
    assert writer.sync() == 10
    writer.write([b"0123456789"])
    ours, theirs = os.pipe()
    os.dup2(theirs, writer.descriptor)  # a pipe cannot be synced
    for _ in range(2):
        with pytest.raises(OSError, match="Invalid"):
            writer.sync()
    with pytest.raises(OSError, match="Invalid"):
        writer.write([b"behind what is not there"])
    writer.settle()
    assert writer.received == 10
    assert sources.recovered(one) == 10
    writer.close()
    for end in (ours, theirs):
        os.close(end)
