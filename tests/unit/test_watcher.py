from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from server.events.bus import Bus
from server.events.watcher import Watcher
from server.events.wire import Wire, WireProgress
from storage.model import Event


class Line:
    """A connection whose reader takes bytes when it is told to."""

    def __init__(self) -> None:
        self.sent = b""
        self.waiting = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data
        self.waiting += len(data)

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.waiting

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def numbers(self) -> list[int]:
        return [int(found) for found in re.findall(rb"^id: (\d+)$", self.sent, re.MULTILINE)]


def event(number: int, video_id: str = "v", size: int = 10, kind: str = "cut") -> Event:
    data = f'{{"video":"{video_id}","pad":"{"x" * size}"}}'
    return Event("me", number, video_id, number, kind, data, 0)


class Store:
    """What is committed; a read may come before or after others."""

    def __init__(self, *events: Event) -> None:
        self.events = list(events)

    async def read(self, after: int, limit: int) -> list[Event]:
        found = [e for e in self.events if e.number > after][:limit]
        await asyncio.sleep(0)
        return found

    def watcher(
        self, videos: set[str] | None = None, last: Callable[[Event], bool] = lambda _: False
    ) -> Watcher:
        return Watcher("me", self.read, by_video=False, chunked=False, videos=videos, last=last)


@contextlib.asynccontextmanager
async def running(one: Watcher, line: Line, after: int = 0, latest: int = 0) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run(line, line.drain, after, latest))
    await asyncio.sleep(0)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


STEPS = st.lists(st.sampled_from(["commit", "tell", "run", "read", "big", "progress"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 5))
async def test_no_number_is_left_out_or_doubled(steps: list[str], begun: int) -> None:
    """However commits, their telling, reads and a slow reader follow each other."""
    line, store, bus = Line(), Store(*map(event, range(1, 6))), Bus()
    one = store.watcher()
    with bus.joined(one):
        async with running(one, line, begun, 5):
            untold: list[Event] = []
            for step in steps:
                if step in ("commit", "big"):
                    size = 100_000 if step == "big" else 10
                    untold.append(event(len(store.events) + 1, size=size))
                    store.events.append(untold[-1])
                elif step == "tell" and untold:
                    bus.publish(untold.pop(0))
                elif step == "read":
                    line.waiting = 0
                elif step == "progress":
                    bus.progress("v", "me", b"{}")
                await asyncio.sleep(0)
            for late in untold:
                bus.publish(late)

            def all_came() -> bool:
                line.waiting = 0
                return one.number == len(store.events)

            await until(all_came)
    assert line.numbers() == list(range(begun + 1, len(store.events) + 1))
    assert len(bus) == 0


async def test_what_happens_before_it_runs_is_told() -> None:
    """Between the moment that it hears and the one that the rows were read in, and after."""
    line, store = Line(), Store(*map(event, range(1, 4)))
    one = store.watcher()
    one.event(Wire(store.events[2]))
    one.progress(WireProgress("v", b'"newer"'))
    newer = [WireProgress("v", b'"older"'), WireProgress("w", b"1")]
    task = asyncio.create_task(one.run(line, line.drain, 2, 2, b"beginning\n", newer))
    await until(lambda: b"progress\ndata: 1" in line.sent)
    assert line.numbers() == [3]
    assert line.sent.startswith(b"beginning\n")
    assert line.sent.index(b"id: 3") < line.sent.index(b"newer")
    assert b"older" not in line.sent
    task.cancel()


async def test_a_feed_shows_only_what_is_asked_for() -> None:
    line, store = Line(), Store()
    one = store.watcher({"b"})
    async with running(one, line):
        for number, video_id in enumerate("abcab", 1):
            store.events.append(event(number, video_id))
            one.event(Wire(store.events[-1]))
        one.progress(WireProgress("a", b"{}"))
        one.progress(WireProgress("b", b"{}"))
        assert line.numbers() == [2, 5]
        assert one.number == 5
        assert line.sent.count(b"event: progress") == 1


async def test_a_reader_that_never_reads_costs_little() -> None:
    line, store = Line(), Store()
    one = store.watcher()
    async with running(one, line):
        for number in range(1, 5000):
            store.events.append(event(number, size=1000))
            one.event(Wire(store.events[-1]))
            one.progress(WireProgress("v", b"x" * 1000))
        assert len(line.sent) < 30_000


async def test_who_was_slow_gets_the_newest_state_only() -> None:
    line, store = Line(), Store()
    one = store.watcher()
    async with running(one, line):
        line.waiting = 1 << 20
        for number in range(100):
            one.progress(WireProgress("v", b"%d" % number))
            await asyncio.sleep(0)
        assert line.sent == b""
        line.waiting = 0
        await until(lambda: line.sent)
        assert line.sent.split() == [b"event:", b"progress", b"data:", b"99"]


async def test_nothing_is_told_of_what_was_removed() -> None:
    """A state that had to wait is older than the removal."""
    line, store = Line(), Store(event(1, kind="removed"))
    one = store.watcher()
    one.progress(WireProgress("v", b"{}"))
    async with running(one, line, 0, 1):
        await until(lambda: one.number == 1)
        await asyncio.sleep(0)
        assert b"progress" not in line.sent


async def test_silence_is_broken_by_a_sign_of_life_and_who_is_gone_is_let_go() -> None:
    line = Line()
    one = Store().watcher()
    task = asyncio.create_task(one.run(line, line.drain, 0, 0))
    await asyncio.sleep(0)
    for _ in range(25):
        one.look()
        line.waiting = 0
    assert line.sent.count(b": still here") == 2
    line.closed = True
    one.look()
    async with asyncio.timeout(10):
        await task


async def test_a_gap_ends_the_stream() -> None:
    """Events expired that a slow reader lacks: only a snapshot can help."""
    line, store = Line(), Store(event(1), event(4))
    async with asyncio.timeout(10):
        await store.watcher().run(line, line.drain, 1, 4)
    assert line.numbers() == []
    store.events.clear()
    async with asyncio.timeout(10):
        await store.watcher().run(line, line.drain, 1, 4)


async def test_the_last_event_and_the_state_after_it_end_the_stream() -> None:
    line, store = Line(), Store(event(1), event(2), event(3))
    news = [WireProgress("v", b"{}")]
    one = store.watcher(last=lambda e: e.number == 3)
    async with asyncio.timeout(10):
        await one.run(line, line.drain, 0, 3, b"", news)
    assert line.numbers() == [1, 2, 3]
    assert line.sent.endswith(b"event: progress\ndata: {}\n\n")


async def test_it_ends_without_that_state_if_none_comes() -> None:
    line, store = Line(), Store(event(1))
    one = store.watcher(last=lambda e: e.number == 1)
    task = asyncio.create_task(one.run(line, line.drain, 0, 1))
    await until(lambda: line.numbers() == [1])
    for _ in range(4):
        one.look()
    async with asyncio.timeout(10):
        await task


async def test_farewell_is_said_at_once_but_not_to_who_is_slow() -> None:
    quick, slow, late = Line(), Line(), Line()
    watchers = {line: Store().watcher() for line in (quick, slow, late)}
    tasks = [
        asyncio.create_task(watchers[line].run(line, line.drain, 0, 0)) for line in (quick, slow)
    ]
    await asyncio.sleep(0)
    slow.waiting = 1
    for one in watchers.values():
        one.farewell()
    tasks.append(asyncio.create_task(watchers[late].run(late, late.drain, 0, 0, b"never")))
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert quick.sent == late.sent == b"event: bye\ndata: {}\n\n"
    assert slow.closed
    assert not slow.sent
