"""Playlists from rows: the same whether a video is met early or late, and never at others' cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import m3u8
import msgspec
import pytest

from server.api.shelf import Presentation, Shelf
from server.jobs.finish import finish_edition
from server.outputs.port import OutputFacts
from server.settings import MediaSettings
from storage.database import Database, Transaction
from storage.model import Cut, Output, Piece, Video, new_id, now
from storage.records import editions as edition_rows
from storage.records import videos as video_rows

SECOND = {"v180": 12_800, "v120": 12_800, "a1": 48_000}
"""Ticks of each output's timescale."""


class Edition:
    """An edition that grows, and a shelf that shows it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.shelf = Shelf(database)
        self.id = new_id()
        self.video = Video(new_id(), "o", "", "", new_id(), self.id, "private", 1, now())
        self.cuts = 0

    def begin(self, tx: Transaction) -> None:
        settings = msgspec.json.encode(MediaSettings(cut_seconds=4)).decode()
        edition_rows.create(tx, self.id, self.video.source_id, settings, now())
        outputs = [_output(number, name) for number, name in enumerate(SECOND)]
        facts = {"timescale": 12_800, "frame_rate": [25, 1]}
        edition_rows.freeze(tx, self.id, msgspec.json.encode(facts).decode(), outputs)
        video_rows.create(tx, self.video)

    async def grow(self, cuts: int) -> None:
        """Publishes more cuts of 4 seconds with two keyframes each; every seventh is larger."""

        def publish(tx: Transaction) -> None:
            for _ in range(cuts):
                number = self.cuts
                pieces = [_piece(number, name) for name in SECOND]
                row = Cut(number, 1, number * 51_200, 51_200, "{}")
                edition_rows.publish(tx, self.id, row, pieces)
                self.cuts += 1

        await self.database.write(publish)

    async def shown(self, shelf: Shelf | None = None) -> Presentation:
        shelf = shelf or self.shelf
        shelf.forget(self.video.id)
        video = await shelf.video(self.video.id)
        assert video is not None
        found = shelf.presentation(video)
        assert found is not None
        return found


def _output(number: int, name: str) -> Output:
    kind, size = ("audio", 0) if name[0] == "a" else ("video", 180)
    facts = OutputFacts(
        name=name,
        kind=kind,
        codec="avc1.64001f",
        timescale=SECOND[name],
        peak=900,
        average=800,
        width=size,
        height=size,
    )
    return Output(name, number, msgspec.json.encode(facts).decode(), b"init", 900, 800)


def _piece(number: int, name: str) -> Piece:
    second, size = SECOND[name], 1000 + 500 * (number % 7 == 0)
    keyframes = [(40, 100 + number % 7, 0), (500, 100, 2 * second)] if name[0] == "v" else []
    return Piece(number, name, f"{name}.{number:06d}.1.m4s", size, 4 * second, 100, keyframes)


@pytest.fixture
async def edition(tmp_path: Path) -> AsyncIterator[Edition]:
    database = Database(tmp_path / "rows.sqlite3")
    database.open()
    made = Edition(database)
    await database.write(made.begin)
    yield made
    database.close()


async def texts(shown: Presentation) -> list[str]:
    """All playlists of a presentation."""
    names = ["index", *(n for name in SECOND for n in (name, f"{name}.keyframes"))]
    found = [await shown.playlist(name) for name in names]
    return [rendered.plain.data.decode() for rendered in found if rendered is not None]


async def test_is_the_same_whether_it_was_watched_from_its_beginning_or_not(
    edition: Edition,
) -> None:
    for cuts in (1, 1, 50, 200):
        await edition.grow(cuts)
        shown = await edition.shown()
        assert shown.cuts == edition.cuts
        assert await texts(shown) == await texts(await edition.shown(Shelf(edition.database)))
    await edition.database.write(lambda tx: finish_edition(tx, edition.id))
    ended = await edition.shown()
    assert ended.ended
    assert await texts(ended) == await texts(await edition.shown(Shelf(edition.database)))
    index, first, keyframes = (m3u8.loads(text) for text in (await texts(ended))[:3])
    assert len(first.segments) == 252
    assert len(keyframes.segments) == 504
    assert sum(Fraction(segment.duration) for segment in keyframes.segments) == 252 * 4
    assert index.playlists[0].stream_info.bandwidth == 2 * 3000
    assert index.iframe_playlists[0].iframe_stream_info.bandwidth == 8 * 106 / 2


async def test_a_revision_does_not_change_under_who_has_it(edition: Edition) -> None:
    await edition.grow(3)
    early = await edition.shown()
    await edition.grow(2)
    late = await edition.shown()
    assert (early.cuts, late.cuts) == (3, 5)
    for shown in (early, late):
        rendered = await shown.playlist("v180")
        assert rendered is not None
        assert rendered.plain.data.count(b".m4s") == shown.cuts
    assert await edition.shown() is late


async def test_there_are_only_the_playlists_that_there_are(edition: Edition) -> None:
    await edition.grow(1)
    shown = await edition.shown()
    for name in ("v720", "a1.keyframes", "v180.other", "index.keyframes", ""):
        assert await shown.playlist(name) is None


async def test_others_may_read_while_a_long_video_is_taken_in(edition: Edition) -> None:
    """And all who come for it wait for the same rows."""
    await edition.grow(1000)
    looks = asyncio.gather(*(edition.shown() for _ in range(10)))
    others = 0
    while not looks.done():
        await edition.database.read(lambda tx: tx.row("select 1"))
        others += 1
    assert others >= 20
    assert len({id(shown) for shown in await looks}) == 1


async def test_measures_what_was_made(edition: Edition) -> None:
    await edition.grow(20)
    assert await edition.database.write(lambda tx: finish_edition(tx, edition.id)) == 20
    outputs = await edition.database.read(lambda tx: edition_rows.outputs(tx, edition.id))
    average = round(8 * (20 * 1000 + 3 * 500) / 80)
    assert [(output.peak, output.average) for output in outputs] == [(3000, average)] * 3
