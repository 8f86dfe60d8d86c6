"""Changes when: which headers all answers of a kind share does."""

from __future__ import annotations

from aiohttp import web

from server.protocols import rufh, tus

_EXPOSED = {
    "/files": f"{tus.EXPOSED}, {rufh.EXPOSED}",
    "/v/": "Content-Length, Content-Range, ETag",
}
"""What pages of any origin may read, by the beginning of the path."""


async def cors(request: web.Request, answer: web.StreamResponse) -> None:
    """Any page may upload and play, with a session of its own or none: never with cookies."""
    for beginning, exposed in _EXPOSED.items():
        if request.path.startswith(beginning):
            answer.headers["Access-Control-Allow-Origin"] = "*"
            answer.headers["Access-Control-Expose-Headers"] = exposed


def accepts_gzip(request: web.Request) -> bool:
    """Whether the client takes gzipped content (RFC 9110, section 12.5.3)."""
    for entry in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.strip().rstrip("0.") != "q="
    return False
