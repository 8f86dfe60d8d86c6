"""Changes when: how Server-Sent Events are written does. WHATWG HTML, section 9.2."""

from __future__ import annotations

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}
_MOST = 1 << 53


def event(data: bytes, kind: str, *, identity: int | str | None = None) -> bytes:
    """One event. `data` has no line breaks (JSON has none); `identity` is its id, if it has one."""
    head = "" if identity is None else f"id: {identity}\n"
    return b"%sevent: %s\ndata: %s\n\n" % (head.encode(), kind.encode(), data)


def retry(milliseconds: int) -> bytes:
    """How long a client waits before it comes again."""
    return b"retry: %d\n\n" % milliseconds


HEARTBEAT = b": still here\n\n"
"""A comment: clients pass over it."""


def chunk(data: bytes) -> bytes:
    """`data` as a chunk of an HTTP/1.1 body (RFC 9112, section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def last_event_id(text: str | None) -> int | None:
    """The number in a Last-Event-ID; None for what we never sent."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 16:
        return None
    number = int(text)
    return number if number < _MOST else None
