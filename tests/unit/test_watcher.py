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
from tests.support.streams import Line


def event(number: int, video_id: str = "v", size: int = 10, kind: str = "cut") -> Event:
    data = f'{{"video":"{video_id}","pad":"{"x" * size}"}}'
    return Event("me", number, video_id, number, kind, data, 0)


class Store:
    """What is committed; a read may come before or after others."""

    def __init__(self, *events: Event) -> None:
        self.events = list(events)

    async def read(self, after: int, limit: int) -> list[Event]:
        found = [e for e in self.events if e.feed_number > after][:limit]
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
                    bus.progress("v", "me", b"{}", 0)
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
    one.progress(WireProgress("v", b'"newer"', 3))
    newer = [WireProgress("v", b'"older"', 3), WireProgress("w", b"1", 0)]
    task = asyncio.create_task(one.run(line, line.drain, 2, 2, b"beginning\n", newer))
    await until(lambda: b"progress\ndata: 1" in line.sent)
    assert line.numbers() == [3]
    assert line.sent.startswith(b"beginning\n")
    assert line.sent.index(b"id: 3") < line.sent.index(b"newer")
    assert b"older" not in line.sent
    task.cancel()


VIDEOS = ("v", "w")
STEPS_OF_STATES = st.lists(
    st.tuples(
        st.sampled_from(["commit", "hear", "read", "tell", "run", "full"]), st.integers(0, 1)
    ),
    max_size=40,
)


class House:
    """Commits, tells and reads as the server does: each step may come long after the one before."""

    def __init__(self) -> None:
        self.store = Store()
        self.bus = Bus()
        self.line = Line()
        self.untold: list[Event] = []
        self.reading: dict[str, int] = {}
        """States that were read, but those that an event came of meanwhile."""
        self.due: set[str] = set()

    def count(self, video_id: str) -> int:
        return sum(event.video_id == video_id for event in self.store.events)

    def step(self, name: str, video_id: str) -> None:
        if name == "commit":
            number, of_video = len(self.store.events) + 1, self.count(video_id) + 1
            made = Event("me", number, video_id, of_video, "cut", f'"{video_id}{of_video}"', 0)
            self.store.events.append(made)
            self.untold.append(made)
        elif name == "hear" and self.untold:
            heard = self.untold.pop(0)
            self.reading.pop(heard.video_id, None)
            self.due.add(heard.video_id)
            self.bus.publish(heard)
        elif name == "read":
            self.reading[video_id] = self.count(video_id)
            self.due.discard(video_id)
        elif name == "tell" and video_id in self.reading:
            number = self.reading.pop(video_id)
            self.bus.progress(video_id, "me", b'"%b%d"' % (video_id.encode(), number), number)
        elif name == "full":
            self.line.waiting = 1 << 20
        elif name == "run":
            self.line.waiting = 0

    def settle(self) -> None:
        """All that was committed is heard, and what is due is told."""
        while self.untold:
            self.step("hear", "")
        for video_id in sorted(self.due | set(self.reading)):
            self.step("read", video_id)
            self.step("tell", video_id)

    def told(self) -> list[tuple[str, str, int]]:
        """Kind, video and the video's number, of all that was sent."""
        found = re.findall(rb'^event: (\w+)\ndata: "(\w)(\d+)"$', self.line.sent, re.MULTILINE)
        return [(kind.decode(), video.decode(), int(number)) for kind, video, number in found]


@settings(max_examples=300, deadline=None)
@given(
    steps=st.tuples(STEPS_OF_STATES, STEPS_OF_STATES, STEPS_OF_STATES, STEPS_OF_STATES),
    alone=st.booleans(),
    snapshot=st.booleans(),
    back=st.integers(0, 3),
)
async def test_no_state_is_told_after_an_event_that_it_does_not_know(
    steps: tuple[list[tuple[str, int]], ...], *, alone: bool, snapshot: bool, back: int
) -> None:
    """Of one video, and of a feed; whenever it begins to listen, to read and to tell."""
    house = House()

    async def take(some: list[tuple[str, int]]) -> None:
        for name, which in some:
            house.step(name, VIDEOS[0 if alone else which])
            await asyncio.sleep(0)

    store = house.store
    one = Watcher("v" if alone else "me", store.read, by_video=alone, chunked=False)
    await take(steps[0])
    with house.bus.joined(one):
        await take(steps[1])
        if not alone:  # reads take their turns, and are told in turn
            for video_id in list(house.reading):
                house.step("tell", video_id)
        latest = len(store.events)
        begun = latest if snapshot else max(0, latest - back)
        missed = [
            WireProgress(
                video, b'"%b%d"' % (video.encode(), house.count(video)), house.count(video)
            )
            for video in VIDEOS
            if any(event.video_id == video for event in store.events[begun:])
        ]
        shown = {video: house.count(video) for video in VIDEOS} if alone and snapshot else {}
        await take(steps[2])
        task = asyncio.create_task(
            one.run(house.line, house.line.drain, begun, latest, b"", missed)
        )
        await take(steps[3])
        house.settle()
        due = {video for kind, video, _ in house.told()} | {wire.video_id for wire in missed}
        last = {("progress", video, house.count(video)) for video in due}

        def all_came() -> bool:
            house.line.waiting = 0
            return one.number == len(store.events) and last <= set(house.told())

        await until(all_came)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    known = dict(shown)
    for kind, video, number in house.told():
        if kind == "progress":
            assert number >= known.get(video, 0), house.told()
        else:
            known[video] = number
    assert house.line.numbers() == list(range(begun + 1, len(store.events) + 1))


async def test_a_late_state_ends_no_stream() -> None:
    """What was looked at before the end may come after it, and be there first."""
    line = Line()
    store = Store(event(1), event(2))
    one = Watcher("v", store.read, by_video=True, chunked=False, last=lambda e: e.number == 2)
    one.progress(WireProgress("v", b'"before"', 1))
    task = asyncio.create_task(one.run(line, line.drain, 0, 2))
    await until(lambda: line.numbers() == [1, 2])
    one.progress(WireProgress("v", b'"late"', 1))
    one.progress(WireProgress("v", b'"after"', 2))
    async with asyncio.timeout(10):
        await task
    assert line.sent.count(b"progress") == 1
    assert line.sent.endswith(b'data: "after"\n\n')


async def test_what_was_missed_is_not_told_if_more_happened_meanwhile() -> None:
    """Between the look at the rows and the stream."""
    line, store = Line(), Store(event(1), event(2))
    missed = [WireProgress("v", b'"older"', 1), WireProgress("w", b'"same"', 1)]
    one = store.watcher()
    one.event(Wire(store.events[1]))
    task = asyncio.create_task(one.run(line, line.drain, 0, 1, b"", missed))
    await until(lambda: b"same" in line.sent)
    assert line.numbers() == [1, 2]
    assert b"older" not in line.sent
    task.cancel()


async def test_a_feed_shows_only_what_is_asked_for() -> None:
    line, store = Line(), Store()
    one = store.watcher({"b"})
    async with running(one, line):
        for number, video_id in enumerate("abcab", 1):
            store.events.append(event(number, video_id))
            one.event(Wire(store.events[-1]))
        one.progress(WireProgress("a", b"{}", 4))
        one.progress(WireProgress("b", b"{}", 5))
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
            one.progress(WireProgress("v", b"x" * 1000, number))
        assert len(line.sent) < 30_000


async def test_who_was_slow_gets_the_newest_state_only() -> None:
    line, store = Line(), Store()
    one = store.watcher()
    async with running(one, line):
        line.waiting = 1 << 20
        for number in range(100):
            one.progress(WireProgress("v", b"%d" % number, 0))
            await asyncio.sleep(0)
        assert line.sent == b""
        line.waiting = 0
        await until(lambda: line.sent)
        assert line.sent.split() == [b"event:", b"progress", b"data:", b"99"]


async def test_nothing_is_told_of_what_was_removed() -> None:
    """A state that had to wait is older than the removal."""
    line, store = Line(), Store(event(1, kind="removed"))
    one = store.watcher()
    one.progress(WireProgress("v", b"{}", 0))
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
    news = [WireProgress("v", b"{}", 3)]
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
