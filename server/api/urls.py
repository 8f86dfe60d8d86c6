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
        scheme, host = request.scheme, request.headers.get("Host") or _address(request)
        if request.remote in self._trusted:
            scheme = _last(request, "X-Forwarded-Proto") or scheme
            host = _last(request, "X-Forwarded-Host") or host
        if scheme not in ("http", "https"):
            scheme = request.scheme
        return scheme, host


def _last(request: web.Request, name: str) -> str:
    """What the proxy next to us wrote: whatever stands before it may come from the client."""
    return ",".join(request.headers.getall(name, ())).rpartition(",")[2].strip()


def _address(request: web.Request) -> str:
    """Where the request came in, for those who name no host (HTTP/1.0)."""
    host, port = (request.get_extra_info("sockname") or ("localhost", 0))[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
