"""Changes when: how our own absolute URLs come about does."""

from __future__ import annotations

from aiohttp import web


class Urls:
    """Absolute URLs; forwarded headers count only when a trusted proxy sent them."""

    def __init__(self, trusted_proxies: tuple[str, ...]) -> None:
        self._trusted = frozenset(trusted_proxies)

    def absolute(self, request: web.Request, path: str) -> str:
        """`path` as the client can reach it."""
        scheme, host = self.origin(request)
        return f"{scheme}://{host}{path}"

    def origin(self, request: web.Request) -> tuple[str, str]:
        """Scheme and host that the client sees."""
        scheme, host = request.scheme, request.host
        if request.remote in self._trusted:
            scheme = _first(request.headers.get("X-Forwarded-Proto")) or scheme
            host = _first(request.headers.get("X-Forwarded-Host")) or host
        if scheme not in ("http", "https"):
            scheme = request.scheme
        return scheme, host


def _first(header: str | None) -> str:
    """The value that the proxy nearest to the client wrote."""
    return (header or "").split(",")[0].strip()
