"""Disks that fail when it counts: nothing wrong is kept, and nothing is told that is not there."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.store import Door

_LARGE = 40 << 20
"""So much that it is synced twice in passing."""


async def parts(data: bytes) -> AsyncIterator[bytes]:
    """A body without a length."""
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


class Faults:
    """Syncs that fail when they are asked to, once; a kernel tells of an error once."""

    def __init__(self) -> None:
        self.next: int | None = None

    def sync(self, descriptor: int) -> None:
        fault, self.next = self.next, None
        if fault is not None:
            raise OSError(fault, os.strerror(fault))
        os.fdatasync(descriptor)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def door(tmp_path: Path, faults: Faults) -> AsyncIterator[Door]:
    found = Door(tmp_path / "data", "boot", sync=faults.sync)
    await found.open()
    yield found
    await found.close()


@pytest.mark.parametrize(("fault", "status"), [(errno.EIO, 500), (errno.ENOSPC, 507)])
async def test_nothing_is_kept_behind_a_sync_that_failed(
    door: Door, faults: Faults, fault: int, status: int
) -> None:
    """What comes after it would lie where the client did not mean it."""
    data = random.Random(0).randbytes(_LARGE)
    made = await door.ask("POST", Upload_Length=str(_LARGE))
    path = "/files/" + made.headers["Location"].rpartition("/")[2]
    faults.next = fault
    answer = await door.ask("PATCH", path, parts(data), Upload_Offset="0")
    assert answer.status == status
    offset = (await door.ask("HEAD", path)).offset
    assert offset == 0
    answer = await door.ask("PATCH", path, parts(data), Upload_Offset="0")
    assert (answer.status, answer.offset) == (204, _LARGE)
    stored = (await door.ask("GET", path)).body
    assert hashlib.sha256(stored).digest() == hashlib.sha256(data).digest()
    upload = door.row(path)
    assert upload is not None
    assert door.disk[upload.source_id] == data


async def test_a_refusal_tells_only_what_is_kept(door: Door) -> None:
    """Of a body that is to prove right nothing is kept when it is too long to be read at all."""
    made = await door.ask("POST", Upload_Length=str(3 << 20))
    path = "/files/" + made.headers["Location"].rpartition("/")[2]
    body = parts(bytes(5 << 20))
    digest = "sha256 " + "A" * 43 + "="
    answer = await door.ask("PATCH", path, body, Upload_Offset="0", Upload_Checksum=digest)
    assert answer.status == 413
    assert answer.offset in (None, 0)
    assert (await door.ask("HEAD", path)).offset == 0
