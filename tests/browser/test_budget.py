"""What the page weighs until a player is needed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import expect

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
    asked: dict[str, str] = {}
    weights: dict[str, int] = {}

    def answered(told: dict[str, Any]) -> None:
        path = urlsplit(told["response"]["url"]).path
        if path == "/" or path.startswith("/assets/"):
            asked[told["requestId"]] = path

    def finished(told: dict[str, Any]) -> None:
        if told["requestId"] in asked:
            weights[asked[told["requestId"]]] = told["encodedDataLength"]

    visitor.devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    visitor.devtools.on("Network.responseReceived", answered)
    visitor.devtools.on("Network.loadingFinished", finished)
    visitor.page.reload()
    visitor.is_done("light")
    visitor.page.wait_for_load_state("load")
    assert {"/", ".js", ".css"} <= {path[path.rfind(".") :] for path in weights}
    assert 10_000 < sum(weights.values()) < BUDGET
    assert not [path for path in weights if "player" in path]
    visitor.watch("light").plays(past=0)
    expect(visitor.screen.element).to_be_visible()
    assert [path for path in weights if "player" in path]
