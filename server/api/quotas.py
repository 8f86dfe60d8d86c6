"""Changes when: how much somebody may have here does.

An upload counts for the bytes that it will have; one whose length is not known for those that it
may have by now. Such a one gets room by and by while its body arrives, each time in a transaction
of its own: so together they never get more than there may be, however many arrive at once.
"""

from __future__ import annotations

from typing import NamedTuple

from server.errors import NotFound, QuotaExceeded, TooLarge, TooManyFiles
from storage.database import Database, Transaction
from storage.model import Upload
from storage.records import sources as source_rows
from storage.records import uploads as upload_rows

_STEP = 1 << 24
"""Bytes that are given at once, at most: each time costs a transaction."""
_SHARE = 8
"""Nor more than this part of what is left, so that others get some of it too."""


class Most(NamedTuple):
    """How much there may be; 0: any number."""

    size: int
    """Bytes of an upload."""
    owned_bytes: int = 0
    owned_files: int = 0


class Quotas:
    """What owners may have."""

    def __init__(self, database: Database, most: Most) -> None:
        self._database = database
        self.most = most

    def check(self, tx: Transaction, owner: str, size: int, files: int) -> None:
        """May somebody have so much more? Raises `QuotaExceeded`, `TooManyFiles`."""
        _, most, most_files = self.most
        if not most and not most_files:
            return
        held = source_rows.held(tx, owner)
        if most and size > 0 and held.size + size > most:
            raise QuotaExceeded(f"you have {held.size} bytes and may have {most}")
        if most_files and files > 0 and held.files + files > most_files:
            raise TooManyFiles(f"you have {held.files} files and may have {most_files}")

    async def give_room(self, upload: Upload, offset: int, size: int) -> int:
        """Up to where an upload whose length is not known may have bytes, when `size` more come at
        `offset`. Raises `TooLarge`, `QuotaExceeded`."""
        end = offset + size
        if end > self.most.size:
            raise TooLarge(offset=offset, max_size=self.most.size)
        if not self.most.owned_bytes:
            return self.most.size

        def give(tx: Transaction) -> int:
            source = upload_rows.get_source(tx, upload.source_id)
            if source is None:
                raise NotFound
            others = source_rows.held(tx, source.owner).size - upload_rows.reserved(tx, upload.id)
            left = self.most.owned_bytes - others - end
            if left < 0:
                raise QuotaExceeded(offset=offset)
            given = min(end + min(_STEP, left // _SHARE), self.most.size)
            upload_rows.reserve(tx, upload.id, given)
            return given

        return await self._database.write(give)

    async def take_back(self, upload: Upload) -> None:
        """From now on it counts for the bytes that it has."""
        if self.most.owned_bytes:
            await self._database.write(lambda tx: upload_rows.reserve(tx, upload.id, None))
