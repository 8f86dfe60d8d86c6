from __future__ import annotations

import re

from playwright.sync_api import Dialog, expect

from tests.browser.conftest import BIG, SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server


def test_a_killed_server_is_waited_for(server: Server, visitors: Visitors, clips: Clips) -> None:
    """Nobody has to do anything, and not a byte is lost."""
    path = clips("dance.mp4", BIG)
    visitor = visitors(server)
    visitor.forgiven.append(r"net::ERR_")
    visitor.throttle(300_000)
    visitor.choose(path)
    card = visitor.card("dance")
    visitor.has_sent("dance", 20)
    server.kill()
    expect(card.get_by_text("Waiting for the connection", exact=True)).to_be_visible()
    expect(card.get_by_text("It is tried again by itself.")).to_be_visible()
    link = visitor.page.locator("reelrace-link")
    expect(link.get_by_text(re.compile("Reconnecting|No connection"))).to_be_visible()
    overview = visitor.page.get_by_role("region", name="All uploads")
    expect(overview.get_by_text("1 waiting for the connection")).to_be_visible()
    expect(overview.get_by_text("left")).to_be_hidden()
    visitor.throttle(None)
    server.start()
    visitor.is_done("dance")
    expect(visitor.page.get_by_text("Live", exact=True)).to_be_visible()
    assert visitor.sent[0].offset == 0
    assert visitor.sent[-1].offset > 0
    assert {sent.url for sent in visitor.sent} == {visitor.sent[0].url}
    assert visitor.stored() == path.read_bytes()
    assert len(visitor.videos()) == 1


def test_a_page_that_was_reloaded_goes_on_with_the_file(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    path = clips("dance.mp4", BIG)
    visitor = visitors(shared_server)
    visitor.throttle(300_000)
    visitor.choose(path)
    visitor.has_sent("dance", 10)
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    visitor.page.on("dialog", leave)
    visitor.page.reload()
    assert asked == ["beforeunload"]
    card = visitor.card("dance")
    expect(card.get_by_text("Interrupted", exact=True)).to_be_visible()
    expect(card.get_by_text("Choose the same file again and it goes on.")).to_be_visible()
    url = visitor.sent[-1].url
    held = shared_server.offset(url)
    assert 0 < held < path.stat().st_size

    visitor.choose(clips("short.mp4", SHORT), button="Choose file again")
    other = "That is another file. It goes on with “dance.mp4”."
    expect(visitor.page.get_by_text(other)).to_be_visible()

    visitor.throttle(None)
    visitor.choose(path, button="Choose file again")
    visitor.is_done("dance")
    assert [sent.offset for sent in visitor.sent] == [0, held]
    assert visitor.sent[-1].url == url
    assert visitor.stored() == path.read_bytes()
    assert len(visitor.videos()) == 1


def test_the_player_says_why_there_is_no_more(
    server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(server)
    visitor.forgiven.append(r"net::ERR_")
    visitor.throttle(120_000)
    visitor.choose(clips("dance.mp4", BIG))
    screen = visitor.watch("dance")
    screen.plays(past=0)
    screen.element.evaluate("video => video.pause()")
    foot = visitor.page.locator("reelrace-player .note")
    expect(foot.get_by_text("Still uploading")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    visitor.card("dance").get_by_role("button", name="Pause").click()
    visitor.watch("dance")
    screen.element.evaluate("video => video.pause()")
    expect(foot.get_by_text("The upload is paused")).to_be_visible()
    server.kill()
    expect(foot.get_by_text("No connection")).to_be_visible()


def test_playing_goes_on_after_the_server_was_away(
    server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Also when what is watched is still to be made."""
    path = clips("dance.mp4", BIG)
    visitor = visitors(server)
    visitor.forgiven.append(r"net::ERR_")
    visitor.throttle(120_000)
    visitor.choose(path)
    screen = visitor.watch("dance")
    screen.plays(past=0)
    screen.hurry()
    expect(visitor.page.get_by_text("You have caught up.")).to_be_visible()
    server.kill()
    trouble = visitor.page.get_by_text("The connection is interrupted. It goes on by itself.")
    expect(trouble).to_be_visible()
    visitor.throttle(None)
    server.start()
    screen.until("video.ended")
    assert abs(screen.shown().time - 12) < 0.1
    expect(trouble).to_be_hidden()
    assert visitor.stored() == path.read_bytes()
