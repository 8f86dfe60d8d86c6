from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.browser import Visitor
from tests.support.server import Server

FOCUSED = "element => element.getRootNode().activeElement === element"


def tab_to(visitor: Visitor, place: Locator) -> None:
    """Presses Tab until the focus is there."""
    for _ in range(20):
        visitor.page.keyboard.press("Tab")
        if place.evaluate(FOCUSED):
            return
    raise AssertionError(f"Tab does not lead to {place}")


def test_a_video_is_watched_without_a_mouse(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.choose(clips("short.mp4", SHORT))
    visitor.is_done("short")
    page = visitor.page
    page.reload()
    play = visitor.card("short").get_by_role("button", name="Play")
    expect(play).to_be_visible()
    tab_to(visitor, play)
    for close in (lambda: page.keyboard.press("Escape"), page.go_back):
        page.keyboard.press("Enter")
        expect(page.locator("dialog")).to_be_visible()
        visitor.screen.plays(past=0.5)
        page.keyboard.press("Space")
        visitor.screen.until("video.paused")
        close()
        expect(page.locator("dialog")).to_be_hidden()
        expect(visitor.screen.element).to_have_count(0)
        expect(play).to_be_focused()
        assert page.url == shared_server.url


def test_the_player_keeps_the_focus(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Nothing behind it is reached; its close button is."""
    visitor = visitors(shared_server)
    visitor.choose(clips("short.mp4", SHORT))
    visitor.is_done("short")
    visitor.watch("short").plays(past=0.2)
    delete = visitor.card("short").locator("button", has_text="Delete")
    close = visitor.page.get_by_label("Close player")
    tab_to(visitor, close)
    for _ in range(20):
        visitor.page.keyboard.press("Tab")
        assert not delete.evaluate(FOCUSED)
    tab_to(visitor, close)
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("dialog")).to_be_hidden()


def test_the_list_can_be_skipped_to(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.choose(clips("short.mp4", SHORT))
    visitor.is_done("short")
    visitor.page.reload()
    skip = visitor.page.get_by_role("link", name="Skip to the videos")
    expect(skip).to_be_attached()
    tab_to(visitor, skip)
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("heading", name="Your videos")).to_be_focused()
    tab_to(visitor, visitor.card("short").get_by_role("button", name="Play"))
