"""Changes when: how a stream that reads for itself learns that there may be something new does."""

from __future__ import annotations

import asyncio

from server.events.watcher import Transport


class Bell:
    """Rings for one stream when an event of its video was heard, and when it is to end."""

    def __init__(self) -> None:
        self.transport: Transport | None = None
        """Where the stream is written to, once it has begun."""
        self._leaving = False
        self._rung = asyncio.Event()

    @property
    def gone(self) -> bool:
        """Whether nobody reads the stream any more."""
        return self.transport is not None and self.transport.is_closing()

    @property
    def over(self) -> bool:
        """Whether the stream is to end."""
        return self._leaving or self.gone

    def ring(self) -> None:
        """Something happened."""
        self._rung.set()

    def look(self) -> None:
        """A second has passed."""
        if self.gone:
            self.ring()

    def farewell(self) -> None:
        """The server leaves."""
        self._leaving = True
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.abort()  # whoever reads slowly would be waited for
        self.ring()

    async def rung(self, seconds: float) -> bool:
        """Waits until it rings, or has since this was asked last; False if it does not."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True
