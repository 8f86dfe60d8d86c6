"""Changes when: how media are handed out does.

Everything lies under `/v/{grant}/{video}/`; the grant is part of the path, so that every
relative URI of every playlist inherits it. Pieces never change; playlists only grow.
"""

from __future__ import annotations

import re

from aiohttp import web

from server.api.headers import accepts_gzip
from server.api.shelf import Presentation, Rendered, Shelf
from server.errors import GrantInvalid, NotFound
from server.outputs.port import SUFFIXES
from server.protocols import signing
from storage.editions import Editions
from storage.model import Video, now

_PIECE = re.compile(r"([a-z][a-z0-9]{0,15})\.([0-9]{6,9})\.[0-9]{1,9}\.([a-z0-9]{1,8})")
_PLAYLIST = re.compile(r"([a-z][a-z0-9]{0,15}(?:\.keyframes)?)\.m3u8")
_CUES = re.compile(r"([a-z][a-z0-9]{0,15})\.vtt")
_INIT = re.compile(r"([a-z][a-z0-9]{0,15})\.init\.mp4")
_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
"""In a list, whether weak or not: they are compared weakly (RFC 9110, sections 8.8.3, 13.1.2)."""
_FOREVER = "private, max-age=31536000, immutable"
_COMMON = {
    "Content-Security-Policy": "default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_TYPES = {
    "video": "video/mp4",
    "audio": "audio/mp4",
    "thumbnails": "image/jpeg",
    "storyboard": "image/jpeg",
    "pose": "application/x-ndjson",
}


class Playback:
    """The tree `/v/`."""

    def __init__(self, shelf: Shelf, editions: Editions, secret: bytes) -> None:
        self._shelf = shelf
        self._editions = editions
        self._secret = secret

    def routes(self) -> list[web.RouteDef]:
        video = "/v/{grant}/{video:[0-9a-f]{32}}"
        index, part = f"{video}/index.m3u8", video + "/{edition:[0-9a-f]{32}}/{name}"
        return [
            web.get(index, self.index),
            web.get(part, self.part),
            web.options(index, self.preflight),
            web.options(part, self.preflight),
        ]

    async def index(self, request: web.Request) -> web.Response:
        """The multivariant playlist: stable, pointing to the current edition."""
        presentation = await self._granted(request)
        rendered = await presentation.playlist("index")
        if rendered is None:
            raise NotFound  # there is nothing to play, only what goes with it
        return _text(request, rendered)

    async def part(self, request: web.Request) -> web.StreamResponse:
        """A media playlist, a list of pictures, an init segment or a piece of an edition."""
        name = request.match_info["name"]
        piece = _PIECE.fullmatch(name)
        edition = request.match_info["edition"]
        presentation = await self._granted(request, edition, int(piece[2]) if piece else 0)
        if edition != presentation.edition_id:
            raise NotFound
        if piece:
            return self._piece(presentation, piece[1], int(piece[2]), piece[3], name)
        if match := _PLAYLIST.fullmatch(name):
            rendered = await presentation.playlist(match[1]) if match[1] != "index" else None
            if rendered is None:
                raise NotFound
            return _text(request, rendered)
        if match := _CUES.fullmatch(name):
            rendered = await presentation.cues(match[1])
            if rendered is None:
                raise NotFound
            return _text(request, rendered)
        if match := _INIT.fullmatch(name):
            return self._init(presentation, match[1])
        raise NotFound

    async def preflight(self, request: web.Request) -> web.Response:
        """Any page may play what it has a link to."""
        headers = {
            "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
            "Access-Control-Allow-Headers": "Range",
            "Access-Control-Max-Age": "86400",
        }
        return web.Response(status=204, headers=_COMMON | headers)

    def _init(self, presentation: Presentation, output: str) -> web.Response:
        track = presentation.tracks.get(output)
        if track is None or not track.init:
            raise NotFound
        headers = {"Content-Type": _TYPES[track.facts.kind], "Cache-Control": _FOREVER}
        return web.Response(body=track.init, headers=_COMMON | headers)

    def _piece(
        self, presentation: Presentation, output: str, cut: int, suffix: str, name: str
    ) -> web.FileResponse:
        track = presentation.tracks.get(output)
        if track is None or cut >= presentation.cuts or suffix != SUFFIXES[track.facts.kind]:
            raise NotFound
        headers = {"Content-Type": _TYPES[track.facts.kind], "Cache-Control": _FOREVER}
        path = self._editions.path(presentation.edition_id, name)
        return web.FileResponse(path, headers=_COMMON | headers)

    async def _granted(
        self, request: web.Request, edition: str | None = None, cut: int = 0
    ) -> Presentation:
        """What is published of the video, looked at anew if cut `cut` of `edition` is not known.

        It may have been told since the last look.
        """
        video = await self._allowed(request)
        presentation = self._shelf.presentation(video)
        if (
            presentation is None
            or edition not in (None, presentation.edition_id)
            or (cut >= presentation.cuts and not presentation.ended)
        ):
            self._shelf.forget(video.id)
            presentation = self._shelf.presentation(await self._allowed(request))
        if presentation is None or presentation.cuts == 0:
            raise NotFound
        return presentation

    async def _allowed(self, request: web.Request) -> Video:
        video = await self._shelf.video(request.match_info["video"])
        if video is None:
            raise NotFound
        grant = request.match_info["grant"]
        public = grant == signing.PUBLIC and video.access == "public"
        if not public and not signing.holds(
            self._secret, grant, video.id, video.access_version, now()
        ):
            raise GrantInvalid
        return video


def _text(request: web.Request, rendered: Rendered) -> web.Response:
    gzipped = accepts_gzip(request)
    content = rendered.gzipped if gzipped else rendered.plain
    headers = _COMMON | {
        "Content-Type": rendered.kind,
        "ETag": content.etag,
        "Vary": "Accept-Encoding",
        "Cache-Control": "private, max-age=1" if rendered.growing else "private, max-age=60",
    }
    known = ", ".join(request.headers.getall("If-None-Match", ()))
    if known.strip() == "*" or content.etag in _ETAG.findall(known):
        return web.Response(status=304, headers=headers)
    if gzipped:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=content.data, headers=headers)
