"""Changes when: how parts come to lie in what they are joined to does.

Parts that were declared as windows lie where they belong already. All others are copied by the
kernel, one step after another, each synced and recorded: so a fall costs one step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from server.jobs.arrival import Arrival
from storage.database import Database, Transaction
from storage.errors import DiskFull
from storage.model import Upload, now
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows
from storage.sources import Sources

_log = logging.getLogger(__name__)
_STEP = 1 << 26
"""Bytes that are copied at once."""
_KEPT = 3_600_000
"""Milliseconds for which parts that have been copied may be joined once more."""
_PAUSE = 5.0
"""Seconds until it tries again what did not work."""


class Joining:
    """Makes the copies that are due, one at a time. Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        executor: Executor,
        arrival: Arrival,
        on_bytes: Callable[[Upload, int], None],
    ) -> None:
        """`on_bytes(upload, received)` is called whenever bytes have been copied."""
        self._database = database
        self._sources = sources
        self._executor = executor
        self._arrival = arrival
        self._on_bytes = on_bytes
        self._bell = asyncio.Event()
        self._bell.set()
        self._idle = asyncio.Event()

    def ring(self) -> None:
        """A copy may have become due."""
        self._idle.clear()
        self._bell.set()

    async def done(self, seconds: float) -> None:
        """Returns when no copy is due, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            all_made = False
            try:
                all_made = await self._make_all()
            except Exception:
                _log.exception("the joining stumbled")
            if not all_made:
                await asyncio.sleep(_PAUSE)
                self._bell.set()
            if not self._bell.is_set():
                self._idle.set()

    async def _make_all(self) -> bool:
        """Until no copy is due; False if some did not work."""
        while due := await self._database.read(upload_rows.copies_due):
            if not all([await self._made(copy, origin) for copy, origin in due]):
                return False
        return True

    async def _made(self, copy: Upload, origin: Upload) -> bool:
        """False if it did not work, and may later."""
        try:
            await self._make(copy, origin)
        except FileNotFoundError:  # one of the two was removed, or is lost
            return await self._database.read(lambda tx: not _are_there(tx, copy, origin))
        except (OSError, DiskFull) as error:
            _log.warning("a part is not where it belongs", extra={"why": repr(error)})
            return False
        except Exception:
            _log.exception("a part could not be joined", extra={"part": origin.id})
            return False
        return True

    async def _make(self, copy: Upload, origin: Upload) -> None:
        loop = asyncio.get_running_loop()
        done = copy.mark
        while done < origin.mark:
            lacking = await self._database.read(lambda tx: _lacking(tx, copy.source_id))
            done = await loop.run_in_executor(
                self._executor, self._sources.copy, copy, origin, done, _STEP, lacking
            )
            self._sources.announce(copy, done)
            await self._arrival.record(copy, done)
            self._on_bytes(copy, done)
        await self._database.write(partial(_let_go, origin))


def _are_there(tx: Transaction, *uploads: Upload) -> bool:
    return all(upload_rows.get(tx, upload.id) for upload in uploads)


def _lacking(tx: Transaction, source_id: str) -> int:
    source = upload_rows.get_source(tx, source_id)
    return (source.length or 0) - source.there if source else 0


def _let_go(part: Upload, tx: Transaction) -> None:
    """Once it lies in all that it is joined to, a part is kept for a short while only."""
    if upload_rows.is_copied(tx, part.id):
        source_rows.shorten(tx, part.source_id, now() + _KEPT)
