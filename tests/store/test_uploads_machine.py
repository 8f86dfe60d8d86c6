"""Whatever befalls uploads, in whatever order: what was acknowledged is there, and is right.

The real door, store and database on real files and sockets. A kill is a copy of the data
directory as it is at that moment; a power cut is the same with anything in place of what was not
synced.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from storage.model import Source, new_id
from storage.records import uploads as upload_rows
from tests.support.store import Answer, Door, Stalled

T = TypeVar("T")
SIZES = st.one_of(st.integers(0, 40), st.integers(100_000, 400_000))
SHARES = st.floats(0, 1)


class Sent:
    """An upload as its client knows it."""

    def __init__(self, path: str, data: bytes, *, told: bool = True, part: bool = False) -> None:
        self.path = path
        self.data = data
        self.told = told
        self.part = part
        self.offset = 0
        """Acknowledged."""
        self.stalled: Stalled | None = None
        self.unsure = False
        """More may have been received than was acknowledged."""

    @property
    def whole(self) -> bool:
        return self.offset == len(self.data) and self.told


class Assembly(list[Sent]):
    """Windows of one source."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class Uploads(RuleBasedStateMachine):
    uploads: Bundle[Sent] = Bundle("uploads")
    parts: Bundle[Sent] = Bundle("parts")
    windows: Bundle[Sent] = Bundle("windows")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine"))
        self.loop = asyncio.new_event_loop()
        self.random = random.Random(1)
        self.boots = 0
        self.live: dict[str, Sent] = {}
        self.assemblies: list[Assembly] = []
        self.joined: dict[str, list[Sent]] = {}
        """Path -> parts."""
        self.gone: dict[str, set[int]] = {}
        """Path -> statuses that it may answer with."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def limited() -> T:
            async with asyncio.timeout(60):
                return await work

        return self.loop.run_until_complete(limited())

    @initialize()
    def open(self) -> None:
        self.door = Door(self.folder / "0", "boot 0")
        self.run(self.door.open())

    def teardown(self) -> None:
        try:
            self.run(self.settle_everything())
            self.close_door()
        finally:
            self.loop.run_until_complete(_end_others())
            self.loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what clients do -----------------------------------------------------------------------

    def made(self, answer: Answer, data: bytes, **kind: bool) -> Sent:
        assert answer.status == 201, answer
        sent = Sent(urlsplit(answer.headers["Location"]).path, data, **kind)
        sent.offset = answer.offset or 0
        self.live[sent.path] = sent
        return sent

    def ask(self, method: str, path: str = "/files/", body: bytes = b"", **more: str) -> Answer:
        return self.run(self.door.ask(method, path, body, **more))

    @rule(target=uploads, size=SIZES, first=SHARES, told=st.booleans(), promised=st.booleans())
    def create(self, size: int, first: float, told: bool, promised: bool) -> Sent:
        data = self.random.randbytes(size)
        body = data[: int(first * size)]
        headers = {"Upload_Length": str(size)} if told else {"Upload_Defer_Length": "1"}
        if promised:
            digest = base64.b64encode(hashlib.sha256(data).hexdigest().encode()).decode()
            headers["Upload_Metadata"] = f"sha256 {digest}"
        sent = self.made(self.ask("POST", body=body, **headers), data, told=told)
        assert sent.offset == len(body)
        return sent

    @rule(target=parts, size=SIZES)
    def create_part(self, size: int) -> Sent:
        data = self.random.randbytes(size)
        answer = self.ask("POST", Upload_Length=str(size), Upload_Concat="partial")
        return self.made(answer, data, part=True)

    @rule(target=windows, sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=4))
    def create_windows(self, sizes: list[int]) -> Any:
        assembly = Assembly(self.random.randbytes(sum(sizes)))
        name, start = new_id(), 0
        for size in sizes:
            fields = {"assembly": name, "start": str(start), "size": str(sum(sizes))}
            meta = ",".join(
                f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in fields.items()
            )
            answer = self.ask(
                "POST", Upload_Length=str(size), Upload_Concat="partial", Upload_Metadata=meta
            )
            assembly.append(self.made(answer, assembly.data[start : start + size]))
            start += size
        self.assemblies.append(assembly)
        return multiple(*assembly)

    everything = st.one_of(uploads, parts, windows)

    @rule(sent=everything, share=SHARES, checked=st.sampled_from(["", "", "right", "wrong"]))
    def patch(self, sent: Sent, share: float, checked: str) -> None:
        if sent.unsure:
            self.check(sent)
        if sent.path in self.gone or sent.whole:
            return
        body = sent.data[sent.offset :][: int(share * (len(sent.data) - sent.offset + 1))]
        headers = {"Upload_Offset": str(sent.offset)}
        if checked:
            digest = hashlib.sha256(body if checked == "right" else body + b"x").digest()
            headers["Upload_Checksum"] = f"sha256 {base64.b64encode(digest).decode()}"
        ends = sent.offset + len(body) == len(sent.data)
        if not sent.told and ends and checked != "wrong":
            headers["Upload_Length"] = str(len(sent.data))
        answer = self.ask("PATCH", sent.path, body, **headers)
        if sent.stalled is not None and answer.status == 409:
            return  # what the other had sent was taken for received
        if checked == "wrong":
            assert answer.status == 460, answer
            return
        assert answer.status == 204, answer
        assert answer.offset == sent.offset + len(body)
        sent.offset = answer.offset
        sent.told |= "Upload_Length" in headers

    @rule(sent=everything, share=SHARES)
    def stall(self, sent: Sent, share: float) -> None:
        if sent.unsure:
            self.check(sent)
        lacking = len(sent.data) - sent.offset
        if sent.path in self.gone or sent.stalled or lacking < 2:
            return
        body = sent.data[sent.offset :][: int(share * (lacking - 1))]
        sent.stalled = self.run(self.door.begin(sent.path, sent.offset, body, lacking))

    @rule(sent=everything)
    def look(self, sent: Sent) -> None:
        if sent.path not in self.gone:
            self.check(sent)

    @rule(sent=everything)
    def race(self, sent: Sent) -> None:
        if sent.unsure:
            self.check(sent)
        if sent.path in self.gone or sent.stalled or len(sent.data) <= sent.offset:
            return
        body = sent.data[sent.offset :][:1000]

        async def both() -> list[Answer]:
            offset = str(sent.offset)
            patches = (
                self.door.ask("PATCH", sent.path, body, Upload_Offset=offset) for _ in range(3)
            )
            return list(await asyncio.gather(*patches))

        answers = self.run(both())
        assert sorted(answer.status for answer in answers) == [204, 409, 409], answers
        sent.offset += len(body)

    @rule(sent=st.one_of(consumes(uploads), consumes(parts)))
    def delete(self, sent: Sent) -> None:
        if sent.path in self.gone:
            return
        assert self.ask("DELETE", sent.path).status == 204
        self.forget(sent, 404)

    @rule(sent=st.one_of(consumes(uploads), consumes(parts)))
    def expire(self, sent: Sent) -> None:
        row = self.door.row(sent.path)
        if sent.path in self.gone or row is None:
            return
        self.check(sent)
        self.door.expire(row)
        self.run(self.door.expiry.sweep())
        if sent.part or not sent.whole:
            self.forget(sent, 410)

    @rule(chosen=st.lists(parts, min_size=1, max_size=4))
    def join(self, chosen: list[Sent]) -> None:
        urls = " ".join(sent.path for sent in chosen)
        answer = self.ask("POST", Upload_Concat=f"final;{urls}")
        twice = len(set(chosen)) < len(chosen)
        if twice or any(sent.path in self.gone for sent in chosen):
            assert answer.status == 400
            return
        assert answer.status == 201, answer
        self.joined[urlsplit(answer.headers["Location"]).path] = list(chosen)

    @precondition(lambda self: self.assemblies)
    @rule(data=st.data())
    def join_windows(self, data: st.DataObject) -> None:
        assembly = data.draw(st.sampled_from(self.assemblies))
        urls = " ".join(sent.path for sent in assembly)
        answer = self.ask("POST", Upload_Concat=f"final;{urls}")
        assert answer.status == 201, answer
        self.joined[urlsplit(answer.headers["Location"]).path] = list(assembly)

    # --- what befalls the server ---------------------------------------------------------------

    @rule(power=st.booleans())
    def fall(self, power: bool) -> None:
        self.boots += 1
        root = self.folder / str(self.boots)
        (self.door.cut_power if power else self.door.snapshot)(root)
        boot = f"boot {self.boots}" if power else self.door.sources.boot
        self.close_door()
        self.door = Door(root, boot, self.door.disk)
        self.run(self.door.open())

    @rule()
    def stop(self) -> None:
        root, boot = self.door.directory.root, self.door.sources.boot
        self.close_door()
        self.door = Door(root, boot, self.door.disk)
        self.run(self.door.open())

    def close_door(self) -> None:
        for sent in self.live.values():
            if sent.stalled is not None:
                self.run(sent.stalled.close())
                sent.stalled = None
                sent.unsure = True
        self.run(self.door.close())

    # --- what must be true ---------------------------------------------------------------------

    def forget(self, sent: Sent, status: int) -> None:
        if sent.stalled is not None:
            self.run(sent.stalled.close())
        sent.unsure = False
        self.gone[sent.path] = {status}
        del self.live[sent.path]

    def check(self, sent: Sent) -> None:
        """HEAD tells at least what was acknowledged; what is there is what was sent."""
        answer = self.ask("HEAD", sent.path)
        assert answer.status == 200, answer
        assert answer.offset is not None
        assert sent.offset <= answer.offset <= len(sent.data)
        sent.offset = answer.offset
        sent.unsure = False
        if sent.stalled is not None:
            self.run(sent.stalled.close())
            sent.stalled = None
        stored = self.ask("GET", sent.path)
        assert (stored.status, stored.body) == (200, sent.data[: sent.offset])

    @invariant()
    def what_is_gone_stays_gone(self) -> None:
        for path, statuses in list(self.gone.items())[-2:]:
            assert self.ask("HEAD", path).status in statuses

    async def settle_everything(self) -> None:
        await self.door.settled()

    @invariant()
    def one_of_all_is_right(self) -> None:
        if self.live:
            sent = self.random.choice(list(self.live.values()))
            if sent.stalled is None:
                self.check(sent)
        if self.joined:
            self.check_joined(self.random.choice(list(self.joined)))

    def check_joined(self, path: str) -> None:
        parts = self.joined[path]
        if not all(sent.whole or sent.path in self.gone for sent in parts):
            return
        self.run(self.settle_everything())
        whole = b"".join(sent.data for sent in parts)
        answer = self.ask("HEAD", path)
        if any(sent.path in self.gone for sent in parts) and answer.offset is None:
            return  # it went before it was copied, or whole
        assert (answer.status, answer.offset) == (200, len(whole)), answer
        assert self.ask("GET", path).body == whole
        self.check_digest(path, whole)

    def check_digest(self, path: str, whole: bytes) -> None:
        row = self.door.row(path)
        assert row is not None

        async def digested() -> Source:
            while True:
                found = await self.door.database.read(
                    lambda tx: upload_rows.get_source(tx, row.source_id)
                )
                assert found is not None
                if found.digest is not None or not whole:
                    return found
                await asyncio.sleep(0.005)

        source = self.run(digested())
        assert source.ended
        assert not whole or source.digest == hashlib.sha256(whole).hexdigest()

    @rule(sent=uploads)
    def check_whole(self, sent: Sent) -> None:
        if sent.path not in self.gone and sent.whole:
            self.check(sent)
            self.check_digest(sent.path, sent.data)

    @rule(sent=windows)
    def check_window(self, sent: Sent) -> None:
        for assembly in self.assemblies:
            if sent in assembly and all(other.whole for other in assembly):
                self.check_digest(sent.path, assembly.data)


async def _end_others() -> None:
    """Connections that nobody speaks on any more."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


TestUploads = Uploads.TestCase
TestUploads.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
)
