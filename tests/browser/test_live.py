"""The page hears what happens; it asks only where it cannot listen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.browser import Visitor
from tests.support.server import Server


def questions(page: Page) -> list[str]:
    """Requests for lists of videos from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        if request.method == "GET" and urlsplit(request.url).path == "/api/videos":
            found.append(request.url)

    page.on("request", note)
    return found


def link(visitor: Visitor, word: str) -> None:
    expect(visitor.page.locator("reelrace-link").get_by_text(word, exact=True)).to_be_visible()


def test_a_page_is_told_and_does_not_ask(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Neither for its own uploads nor for what is done elsewhere."""
    visitor = visitors(shared_server)
    link(visitor, "Live")
    other = visitor.context.new_page()
    other.goto(shared_server.url)
    asked = questions(visitor.page) + questions(other)
    visitor.choose(clips("heard.mp4", SHORT))
    visitor.is_done("heard")
    there = other.get_by_role("article", name="heard", exact=True)
    expect(there.get_by_text("Done", exact=True)).to_be_visible()
    (video,) = visitor.videos()
    address = urljoin(shared_server.url, f"api/videos/{video['id']}")
    assert visitor.page.request.delete(address).status == 204
    expect(visitor.card("heard")).to_have_count(0)
    expect(there).to_have_count(0)
    assert asked == []


@pytest.fixture
def lonely_server(tmp_path: Path) -> Iterator[Server]:
    """Everybody gets one stream."""
    found = Server(tmp_path / "data", streams_per_owner=1).start()
    yield found
    found.end()


def test_a_page_that_is_refused_asks(
    lonely_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """It works as well, and nobody has to know."""
    visitor = visitors(lonely_server)
    visitor.forgiven.append("status of 429")
    link(visitor, "Live")
    other = visitor.context.new_page()
    asked = questions(other)
    other.goto(lonely_server.url)
    expect(other.get_by_text("Connected", exact=True)).to_be_visible()
    visitor.choose(clips("heard.mp4", SHORT))
    visitor.is_done("heard")
    there = other.get_by_role("article", name="heard", exact=True)
    expect(there.get_by_text("Done", exact=True)).to_be_visible()
    assert len(asked) > 1
    visitor.page.close()
    expect(other.get_by_text("Live", exact=True)).to_be_visible()


def test_a_restart_under_an_open_page(server: Server, visitors: Visitors, clips: Clips) -> None:
    """What happened in the meantime is there when the connection is."""
    visitor = visitors(server)
    visitor.forgiven.append("net::ERR_|status of 503")
    visitor.choose(clips("heard.mp4", SHORT))
    visitor.is_done("heard")
    server.stop()
    link(visitor, "No connection")
    expect(visitor.page.get_by_text("The server cannot be reached.")).to_be_visible()
    expect(visitor.card("heard")).to_be_visible()
    server.start()
    (video,) = visitor.videos()
    address = urljoin(server.url, f"api/videos/{video['id']}")
    assert visitor.page.request.delete(address).status == 204
    link(visitor, "Live")
    expect(visitor.card("heard")).to_have_count(0)
    expect(visitor.page.get_by_text("The server cannot be reached.")).to_be_hidden()
