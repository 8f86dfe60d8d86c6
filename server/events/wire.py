"""Changes when: how an event looks on its way to a watcher does.

Encoded once for all watchers of a kind: those of a video get its numbers, those of a feed the
feed's; HTTP/1.1 gets chunks.
"""

from __future__ import annotations

from server.protocols import sse
from storage.model import Event


class Wire:
    """A numbered event."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self._encoded: dict[tuple[bool, bool], bytes] = {}

    def number(self, *, by_video: bool) -> int:
        """Its number in its video, or in its owner's feed."""
        return self.event.number if by_video else self.event.feed_number

    def encoded(self, *, by_video: bool, chunked: bool) -> bytes:
        """Ready to be written."""
        key = by_video, chunked
        if key not in self._encoded:
            number = self.number(by_video=by_video)
            data = sse.event(self.event.data.encode(), self.event.kind, identity=number)
            self._encoded[key] = sse.chunk(data) if chunked else data
        return self._encoded[key]


class WireProgress:
    """Unnumbered state of a video."""

    def __init__(self, video_id: str, data: bytes, number: int) -> None:
        """`number` is that of the video's latest event when its state was looked at."""
        self.video_id = video_id
        self.number = number
        self._plain = sse.event(data, "progress")
        self._chunk = sse.chunk(self._plain)

    def encoded(self, *, chunked: bool) -> bytes:
        """Ready to be written."""
        return self._chunk if chunked else self._plain
