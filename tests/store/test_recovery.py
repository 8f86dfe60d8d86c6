from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database, Transaction
from storage.editions import Editions
from storage.model import Source, Upload, Video, new_id, now
from storage.paths import DataDirectory
from storage.records import editions as edition_rows
from storage.records import uploads as upload_rows
from storage.records import videos as video_rows
from storage.recovery import recover
from storage.sources import Sources


class Store:
    """A data directory with its rows, as a server would have it open."""

    def __init__(self, root: Path) -> None:
        self.directory = DataDirectory(root)
        self.directory.prepare()
        self.database = Database(self.directory.database)
        self.database.open()
        self.sources = Sources(self.directory)
        self.editions = Editions(self.directory)

    def close(self) -> None:
        self.database.close()
        self.directory.release()

    def recover(self) -> dict[str, int]:
        return recover(self.directory, self.database, self.sources, self.editions)

    def upload(self, length: int) -> Upload:
        at = now()
        upload = Upload(
            id=new_id(),
            source_id=new_id(),
            video_id=new_id(),
            start=0,
            length=length,
            mark=0,
            boot=self.sources.boot,
            metadata="",
            created_at=at,
            updated_at=at,
        )
        video = Video(
            id=upload.video_id,
            owner="o",
            title="t",
            filename="f",
            source_id=upload.source_id,
            edition_id=None,
            access="private",
            access_version=1,
            created_at=at,
        )

        def record(tx: Transaction) -> None:
            upload_rows.create(tx, upload)
            video_rows.create(tx, video)

        self.sources.create(upload.source_id)
        self.database.submit(record).result()
        return upload

    def row(self, upload: Upload) -> Upload | None:
        return self.database.submit(lambda tx: upload_rows.get(tx, upload.id)).result()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "data")
    yield found
    found.close()


def test_what_arrived_before_the_fall_is_acknowledged_after_it(store: Store) -> None:
    part, whole = store.upload(100), store.upload(50)
    for upload, received in ((part, 70), (whole, 50)):
        writer = store.sources.open_writer(upload, 0)
        writer.write([bytes(received)])
        writer.close()
    assert store.recover()["uploads_advanced"] == 2
    row = store.row(part)
    assert row is not None
    assert row.mark == 70
    source = store.database.submit(lambda tx: upload_rows.get_source(tx, whole.source_id)).result()
    assert source == Source(whole.source_id, 50, ended=True, there=50)
    assert store.recover()["uploads_advanced"] == 0


def test_files_without_rows_go_and_others_stay(store: Store) -> None:
    upload = store.upload(10)
    edition = new_id()
    store.database.submit(
        lambda tx: edition_rows.create(tx, edition, upload.source_id, "{}", now())
    ).result()
    store.editions.create(edition)
    orphan, stray = new_id(), new_id()
    store.sources.create(orphan)
    store.editions.create(stray)
    assert store.recover()["orphans_removed"] == 2
    assert store.sources.path(upload.source_id).exists()
    assert not store.sources.path(orphan).exists()
    assert store.directory.edition(edition).exists()
    assert not store.directory.edition(stray).exists()


def test_marks_stay_only_of_uploads_that_wait_for_bytes(store: Store) -> None:
    part, whole, forgotten = store.upload(100), store.upload(50), store.upload(50)
    for upload, received in ((part, 70), (whole, 50), (forgotten, 20)):
        writer = store.sources.open_writer(upload, 0)
        writer.write([bytes(received)])
        writer.close()
    store.database.submit(lambda tx: upload_rows.remove(tx, forgotten.id)).result()
    assert store.recover()["marks_removed"] == 2
    kept = [
        upload for upload in (part, whole, forgotten) if store.directory.mark(upload.id).exists()
    ]
    assert kept == [part]
    assert store.sources.recovered(part) == 70
    assert store.recover()["marks_removed"] == 0


def test_erasing_that_was_interrupted_is_finished(store: Store) -> None:
    upload = store.upload(10)
    writer = store.sources.open_writer(upload, 0)
    writer.write([bytes(10)])
    writer.close()
    store.database.submit(lambda tx: video_rows.bury(tx, upload.video_id, now())).result()
    assert store.recover()["videos_erased"] == 1
    assert not store.sources.path(upload.source_id).exists()
    assert not store.directory.mark(upload.id).exists()
    assert store.row(upload) is None
    assert store.database.submit(video_rows.buried).result() == []


def test_pieces_are_received_sealed_and_swept(store: Store) -> None:
    edition = new_id()
    store.editions.create(edition)
    store.editions.create(edition)
    data = bytes(range(256)) * 10_000
    view = memoryview(data)

    def read(buffer: memoryview) -> int:
        nonlocal view
        count = min(len(buffer), len(view), 70_000)
        buffer[:count] = view[:count]
        view = view[count:]
        return count

    descriptor = store.editions.receive(edition, "v.000000.1.m4s", len(data), read)
    store.editions.seal(edition, [descriptor])
    assert store.editions.path(edition, "v.000000.1.m4s").read_bytes() == data
    with pytest.raises(FileExistsError):
        store.editions.receive(edition, "v.000000.1.m4s", 1, read)
    with pytest.raises(EOFError):
        store.editions.receive(edition, "v.000001.1.m4s", 10, lambda _: 0)
    mine = store.editions.receive(edition, "v.000001.2.m4s", 0, read)
    store.editions.seal(edition, [mine])
    assert store.editions.sweep(edition, {"v.000000.1.m4s"}, epoch=2) == 1
    store.editions.path(edition, "v.000001.2.m4s").unlink()
    assert [p.name for p in store.directory.edition(edition).iterdir()] == ["v.000000.1.m4s"]
    store.editions.erase(edition)
    store.editions.erase(edition)
    assert not store.directory.edition(edition).exists()
