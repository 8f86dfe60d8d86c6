"""Changes when: how a thread reaches the event loop does. Nothing else crosses by itself.

From the loop to a thread: `loop.run_in_executor`. From a thread to the loop: `Crossing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Crossing:
    """The way into one event loop, for any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Calls `function` in the loop, soon. Does nothing once the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs `coroutine` in the loop; the caller may wait for the future's result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
