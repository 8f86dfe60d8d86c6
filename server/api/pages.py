"""Changes when: how the built web client is handed out does."""

from __future__ import annotations

import gzip
import mimetypes
from importlib import resources
from pathlib import Path

from aiohttp import web

from server.api.headers import accepts_gzip
from server.api.sessions import principal
from server.errors import NotFound

_CSP = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'self'; form-action 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def web_root() -> Path | None:
    """Where the built client lies: in the package, else in the checkout; None if not built."""
    packaged = Path(str(resources.files("server"))) / "web"
    checkout = Path(__file__).resolve().parent.parent.parent / "static" / "dist"
    for root in (packaged, checkout):
        if (root / "index.html").is_file():
            return root
    return None


class Pages:
    """`/` and `/assets/`: read once at start, answered from memory."""

    def __init__(self, root: Path | None) -> None:
        self._index = (root / "index.html").read_bytes() if root else None
        self._assets: dict[str, tuple[bytes, bytes | None, str]] = {}
        for path in sorted((root / "assets").iterdir()) if root else ():
            data = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            packed = gzip.compress(data, 6, mtime=0)
            smaller = packed if len(packed) < len(data) * 0.9 else None
            self._assets[path.name] = data, smaller, kind

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.index), web.get("/assets/{name}", self.asset)]

    async def index(self, request: web.Request) -> web.Response:
        """The page. Somebody new gets a session with it."""
        if self._index is None:
            return web.Response(
                status=503, text="The page is not built. Run scripts/serve, or npm run build.\n"
            )
        principal(request)
        headers = _HEADERS | {"Cache-Control": "no-cache"}
        return web.Response(
            body=self._index, content_type="text/html", charset="utf-8", headers=headers
        )

    async def asset(self, request: web.Request) -> web.Response:
        """Names carry a hash of their content, so they are kept for good."""
        found = self._assets.get(request.match_info["name"])
        if found is None:
            raise NotFound
        data, packed, kind = found
        headers = _HEADERS | {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Type": kind,
            "Vary": "Accept-Encoding",
        }
        if packed is not None and accepts_gzip(request):
            return web.Response(body=packed, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=data, headers=headers)
