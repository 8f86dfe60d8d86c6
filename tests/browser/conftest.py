"""Changes when: what all tests in a browser share does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Visitor, chromium
from tests.support.clips import Clip
from tests.support.server import Server

Visitors = Callable[..., Visitor]

PAGE = b"""<!doctype html><link rel=icon href="data:,">
<video muted playsinline width=640 height=360></video>"""

FIRST = {"movflags": "faststart"}
"""The index comes first, so that a beginning can be read."""
BIG = Clip(seconds=12, width=640, height=360, keyframe_every=1, options=FIRST)
"""dance.mp4: 2.5 MB, as its upload should take a while."""
LATE = Clip(seconds=12, width=640, height=360, keyframe_every=1)
"""The same with its index at its end, as cameras write it."""
SHORT = Clip(seconds=4, options=FIRST)
"""short.mp4: 40 kB."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all; it is closed before other tests want an event loop of their own."""
    with chromium() as found:
        yield found


@pytest.fixture
def visitors(browser: Browser) -> Iterator[Visitors]:
    """Lets people in, each a stranger to the others; no fault of their pages goes unnoticed.

    A test asks for its server first, so that the server outlives them.
    """
    came: list[Visitor] = []

    def come(server: Server, **settings: Any) -> Visitor:
        came.append(Visitor(browser, server, **settings))
        return came[-1]

    yield come
    for visitor in came:
        visitor.leave()


class Foreign(BaseHTTPRequestHandler):
    """A site that has nothing but a page."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        """Nobody wants to know."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of a page of another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as site:
        serving = Thread(target=site.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{site.server_port}/"
        site.shutdown()
        serving.join()
