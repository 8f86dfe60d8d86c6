from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Transaction, connect, migrate
from storage.model import Video, new_id
from storage.records import videos as video_rows


@pytest.fixture(scope="module")
def tx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transaction]:
    connection = connect(tmp_path_factory.mktemp("rows") / "rows.sqlite3")
    migrate(connection)
    yield Transaction(connection)
    connection.close()


@settings(deadline=None)
@given(
    times=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 5),
    gone=st.integers(0, 12),
)
def test_pages_miss_nothing_and_tell_nothing_twice(
    tx: Transaction, times: list[int], limit: int, gone: int
) -> None:
    """Videos of one millisecond too; and the last one of a page may go before the next is read."""
    owner = new_id()
    for at in times:
        video_rows.create(tx, Video(new_id(), owner, "", "", new_id(), None, "private", 1, at))
    everything = video_rows.of_owner(tx, owner, 100)
    assert [video.created_at for video in everything] == sorted(times, reverse=True)
    seen: list[Video] = []
    while page := video_rows.of_owner(
        tx, owner, limit, (seen[-1].created_at, seen[-1].id) if seen else None
    ):
        seen += page
        if len(seen) > gone:
            video_rows.bury(tx, seen[-1].id, 1)
    assert seen == everything
