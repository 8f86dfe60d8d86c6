"""What the page weighs until a player is needed."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from playwright.sync_api import Response, expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server

BUDGET = 250_000
"""Bytes as they are sent, compressed."""


def test_the_page_is_light(shared_server: Server, visitors: Visitors, clips: Clips) -> None:
    """The player is not part of it: it comes when it is first needed."""
    visitor = visitors(shared_server)
    visitor.choose(clips("light.mp4", SHORT))
    visitor.is_done("light")
    weights: dict[str, int] = {}

    def weigh(response: Response) -> None:
        path = urlsplit(response.url).path
        if path == "/" or path.startswith("/assets/"):
            weights[path] = response.request.sizes()["responseBodySize"]

    page = visitor.context.new_page()
    page.on("response", weigh)
    page.goto(shared_server.url)
    expect(page.get_by_role("article", name="light", exact=True)).to_be_visible()
    page.wait_for_load_state("load")
    kinds = {PurePosixPath(path).suffix for path in weights}
    assert {"", ".js", ".css"} <= kinds
    assert 10_000 < sum(weights.values()) < BUDGET
    assert not [path for path in weights if "player" in path]
    page.get_by_role("button", name="Play").click()
    expect(page.locator("reelrace-player video")).to_be_visible()
    assert [path for path in weights if "player" in path]
