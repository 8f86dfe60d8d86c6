"""From one video of the list to the next, without leaving the player."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import FIRST, SHORT, Visitors
from tests.browser.test_keyboard import FOCUSED, tab_to
from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.server import Server

UPRIGHT = Clip(seconds=3, width=120, height=200, options=FIRST)


def test_the_player_goes_through_the_list(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """By buttons and by keys; what has no neighbour says so; "back" closes at once."""
    visitor = visitors(shared_server)
    # The newest is on top: what is chosen last.
    visitor.choose(clips("second.mp4", UPRIGHT), clips("first.mp4", SHORT))
    visitor.is_done("first")
    visitor.is_done("second")
    page = visitor.page
    visitor.watch("first").plays(past=0.2)
    title = page.get_by_role("dialog").get_by_role("heading")
    before = page.get_by_role("button", name="Previous video")
    after = page.get_by_role("button", name="Next video")
    expect(title).to_have_text("first")
    expect(before).to_be_disabled()
    expect(after).to_be_enabled()
    tab_to(visitor, after)
    page.keyboard.press("Enter")
    expect(title).to_have_text("second")
    visitor.screen.until("video.videoHeight > video.videoWidth")
    visitor.screen.plays(past=0.2)
    assert after.evaluate(FOCUSED)
    expect(after).to_be_disabled()
    page.keyboard.press("Shift+N")
    expect(title).to_have_text("second")
    page.keyboard.press("Shift+P")
    expect(title).to_have_text("first")
    visitor.screen.until("video.videoHeight < video.videoWidth")
    visitor.screen.plays(past=0.2)
    page.go_back()
    expect(page.locator("dialog")).to_be_hidden()
    assert page.url == shared_server.url


def test_one_video_has_no_neighbours(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.choose(clips("first.mp4", SHORT))
    visitor.is_done("first")
    visitor.watch("first").plays(past=0.2)
    expect(visitor.page.get_by_role("button", name="Next video")).to_have_count(0)
