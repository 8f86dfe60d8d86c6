"""Streams of frames that break off, change what they are of, are too many or too slow."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import random
import re
import socket
import struct
from pathlib import Path

import aiohttp
import pytest

from tests.support.posed import Posed, posed
from tests.support.server import Server, until
from tests.support.streams import raw, read_until

LARGE = 10
"""People in a frame that makes it large: some 20 KB."""
MANY = 25
"""Large frames of a piece: half a MB."""


def ids(count: int, edition: str = "", since: int = 0) -> list[str]:
    return [f"{edition}{n}" for n in range(since, count)]


async def admitted(place: Posed) -> bool:
    async with place.follow() as stream:
        return stream.answer.status == 200


async def test_the_end_is_that_of_the_work(tmp_path: Path) -> None:
    """Not that of an edition: when it is worked on again there is another one, from its start."""
    async with posed(tmp_path / "data") as place:
        place.begin()
        place.cut(3)
        async with place.follow() as stream:
            assert await stream.take(3) == ids(3)
            place.cut(2)
            assert await stream.take(2) == ids(5, since=3)
            place.write(lambda tx: tx.execute("update editions set ended = 1"))
            place.write(lambda tx: tx.execute("update jobs set state = 'partial'"))
            place.again()  # the edition has ended, and everything is about to go on
            place.begin()
            place.cut(2)
            assert await stream.take(3) == ["1:", "1:0", "1:1"]
            place.cut(2)
            place.end()
            assert await stream.rest() == ["1:2", "1:3", "end"]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, ids(4, "1:")),
        ("", ids(4, "1:")),
        ("what", ids(4, "1:")),
        ("-1", ids(4, "1:")),
        ("2", ["1:", *ids(4, "1:")]),
        ("99", ["1:", *ids(4, "1:")]),
        ("0:2", ["1:", *ids(4, "1:")]),
        ("2:0", ["1:", *ids(4, "1:")]),
        ("1:", ids(4, "1:")),
        ("1:1", ids(4, "1:", 2)),
    ],
)
async def test_an_id_tells_of_which_edition_it_is(
    tmp_path: Path, last: str | None, expected: list[str]
) -> None:
    async with posed(tmp_path / "data") as place:
        for _ in range(2):
            place.begin()
            place.cut(4)
        place.end()
        async with place.follow(last) as stream:
            assert await stream.rest() == [*expected, "end"]
        async with place.follow("1:3") as over:
            assert over.answer.status == 204
        async with place.follow("3") as other:
            assert (await other.take(1)) == ["1:"]


async def test_nothing_is_there_yet(tmp_path: Path) -> None:
    async with posed(tmp_path / "data") as place, place.follow(query="?from=2") as stream:
        place.begin()
        place.cut(3)
        assert await stream.take(1) == ["2"]
        place.begin()
        place.cut(1)
        place.end()
        assert await stream.rest() == ["1:", "1:0", "end"]


async def test_who_comes_and_goes_misses_nothing_and_gets_nothing_twice(tmp_path: Path) -> None:
    """While frames are found, and editions replaced."""
    chance = random.Random()
    async with posed(tmp_path / "data") as place:

        def make() -> None:
            for _ in range(4):
                place.begin()
                for _ in range(chance.randrange(1, 20)):
                    place.cut(chance.randrange(4))
            place.end()

        making = asyncio.create_task(asyncio.to_thread(make))
        found: list[str] = []
        last: str | None = None
        while "end" not in found:
            async with place.follow(last) as stream:
                if stream.answer.status == 204:  # everything had been told before
                    found.append("end")
                for _ in range(chance.randrange(1, 12)):
                    told = await stream.next()
                    if told is None:
                        break
                    found.append(told.id or told.kind)
                last = stream.last or last
        await making
    of_edition: dict[str, list[int]] = {}
    for identity in found[:-1]:
        edition, _, index = identity.rpartition(":")
        of_edition.setdefault(edition, [])
        if index:
            of_edition[edition].append(int(index))
        else:
            assert not of_edition[edition]  # a reset is told once, before the frames
    assert list(of_edition) == sorted(of_edition)
    for indexes in of_edition.values():
        assert indexes == list(range(len(indexes)))
    assert len(of_edition["3"]) == place.frames


async def test_a_replaced_edition_that_is_erased_stops_nobody(tmp_path: Path) -> None:
    """Somebody reads it slowly, and then it is gone."""
    async with posed(tmp_path / "data") as place:
        place.begin()
        for _ in range(12):
            place.cut(MANY, LARGE)
        with place.raw("pose/stream") as sock:
            text = await asyncio.to_thread(read_until, sock, b"id: 1\n")
            replaced = place.edition
            place.begin()
            place.cut(2)
            place.erase(replaced)
            place.end()
            text += await asyncio.to_thread(read_until, sock, b"event: end")
    found = re.findall(r"^id: (\S+)$", text.decode(), re.MULTILINE)
    before = found.index("1:")
    assert found[:before] == ids(before)
    assert before < 12 * MANY
    assert found[before:] == ["1:", "1:0", "1:1"]


async def test_places_are_bounded(tmp_path: Path) -> None:
    async with (
        posed(tmp_path / "data", most=5, most_of_one=2) as place,
        place.follow() as first,
        place.follow(),
    ):
        assert first.answer.status == 200
        async with place.ask("pose/stream") as refused:
            assert refused.status == 429
            assert refused.headers["Retry-After"]
            assert (await refused.json(content_type=None))["code"] == "too_many_streams"
    async with posed(tmp_path / "another", most=1) as place, place.follow():
        async with place.ask("pose/stream") as refused:
            assert refused.status == 503
            assert (await refused.json(content_type=None))["code"] == "streams_full"
        place.begin()
        place.cut(1)
        async with place.ask("pose.ndjson") as lines:
            assert lines.status == 200


@pytest.mark.parametrize("politely", [True, False])
async def test_nothing_is_left_of_who_is_gone(tmp_path: Path, politely: bool) -> None:
    """Though nothing happens that it would be told."""
    async with posed(tmp_path / "data", most_of_one=1) as place:
        with place.raw("pose/stream") as sock:
            await asyncio.to_thread(read_until, sock, b"retry: ")
            assert not await admitted(place)
            if not politely:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await place.until_left()
        assert await admitted(place)


async def test_who_reads_nothing_is_sent_away(tmp_path: Path) -> None:
    async with posed(tmp_path / "data", most_of_one=1, patience=0.5) as place:
        place.begin()
        for _ in range(12):
            place.cut(MANY, LARGE)
        with place.raw("pose/stream") as sock:
            await asyncio.to_thread(read_until, sock, b"id: 1\n")
            await place.until_left()
        with place.raw("pose.ndjson") as sock:
            await asyncio.to_thread(read_until, sock, b'"index":1,')
            await place.until_left()


async def test_the_servers_end_is_theirs(tmp_path: Path) -> None:
    """Of who waits, and of who reads slowly."""
    async with posed(tmp_path / "data") as place:
        place.begin()
        for _ in range(12):
            place.cut(MANY, LARGE)
        async with place.follow(query=f"?from={12 * MANY - 1}") as waiting:
            assert await waiting.take(1) == [str(12 * MANY - 1)]
            with place.raw("pose/stream") as sock:
                await asyncio.to_thread(read_until, sock, b"id: 1\n")
                place.streams.drain()
                assert await waiting.rest() == []
        await place.until_left()
        async with place.ask("pose/stream") as late:
            assert late.status == 503
            assert (await late.json(content_type=None))["code"] == "draining"


async def test_a_removed_video_ends_its_streams(tmp_path: Path) -> None:
    async with posed(tmp_path / "data") as place:
        place.begin()
        place.cut(1)
        async with place.follow() as stream:
            assert await stream.take(1) == ["0"]
            place.remove()
            with pytest.raises(aiohttp.ClientError):
                await stream.next()
        async with place.follow("0") as again:
            assert again.answer.status == 404


async def test_a_download_is_of_one_edition(tmp_path: Path) -> None:
    """If that is replaced, the download breaks off, so that nobody takes it for the whole."""
    async with posed(tmp_path / "data") as place:
        place.begin()
        for _ in range(20):
            place.cut(MANY, LARGE)
        with place.raw("pose.ndjson") as sock:
            text = await asyncio.to_thread(read_until, sock, b'"index":1,')
            place.begin()
            for _ in range(20):
                place.cut(MANY)  # as many frames, of one person each
            text += await asyncio.to_thread(read_broken, sock)
    text = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", text)
    whole = [json.loads(line) for line in text.split(b"\n") if line.endswith(b"]}]}")]
    assert [frame["index"] for frame in whole] == list(range(len(whole)))
    assert {len(frame["people"]) for frame in whole} == {LARGE}
    assert len(whole) < 20 * MANY


@pytest.mark.parametrize("query", ["", "?from=3&to=7", "?start=1&end=2.5", "?from=1000"])
async def test_downloads_are_compressed_for_who_takes_that(tmp_path: Path, query: str) -> None:
    async with posed(tmp_path / "data") as place:
        place.begin()
        for _ in range(3):
            place.cut(MANY, LARGE)
        bodies = {}
        for coding in ("identity", "gzip", "gzip;q=0", "gzip, deflate, br"):
            async with place.ask(f"pose.ndjson{query}", {"Accept-Encoding": coding}) as answer:
                assert answer.headers["Vary"] == "Accept-Encoding"
                assert answer.headers["Content-Type"] == "application/x-ndjson"
                bodies[coding] = await answer.read()
                compressed = answer.headers.get("Content-Encoding") == "gzip"
                assert compressed == (coding in ("gzip", "gzip, deflate, br"))
        plain = bodies["identity"]
        assert bodies["gzip;q=0"] == plain
        assert gzip.decompress(bodies["gzip"]) == plain
        assert len(bodies["gzip"]) < max(len(plain) / 3, 30)
        assert place.frames == 3 * MANY
        assert (plain.count(b"\n") == 3 * MANY) == (query == "")


def admitted_to(server: Server, path: str) -> socket.socket:
    """A stream, once there is a place for it."""

    def asked() -> socket.socket | None:
        sock = raw(server, path)
        if b" 200 " in read_until(sock, b"\r\n"):
            return sock
        sock.close()
        return None

    found: socket.socket = until(asked)
    return found


def test_streams_of_poses_and_of_events_share_their_places(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", streams_per_owner=4).start()
    try:
        video_id = server.create(10).headers["Reelrace-Video-Id"]
        paths = f"/api/videos/{video_id}/pose/stream", "/api/events"
        for taken in itertools.product(paths, repeat=2):
            with contextlib.ExitStack() as stack:
                for path in taken * 2:
                    stack.enter_context(admitted_to(server, path))
                for path in paths:
                    refused = server.get(path)
                    assert refused.status_code == 429
                    assert refused.json()["code"] == "too_many_streams"
                assert server.get(f"api/videos/{video_id}/pose.ndjson").status_code == 404
    finally:
        server.end()


def test_the_end_waits_for_no_stream(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    video_id = server.create(10).headers["Reelrace-Video-Id"]
    with raw(server, f"/api/videos/{video_id}/pose/stream") as sock:
        read_until(sock, b"retry: ")
        assert server.stop() == 0
        assert sock.recv(100).endswith(b"0\r\n\r\n")


def read_broken(sock: socket.socket) -> bytes:
    """All that comes until the connection breaks."""
    found = b""
    while True:
        try:
            data = sock.recv(1 << 20)
        except ConnectionError:
            return found
        assert data
        found += data
