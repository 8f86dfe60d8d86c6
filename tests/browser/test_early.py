from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import BIG, LATE, Visitors
from tests.conftest import Clips
from tests.support.server import Server


def test_a_video_plays_before_its_upload_ends(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """The promise; and on it goes, over the growing edge, to the end."""
    path = clips("dance.mp4", BIG)
    visitor = visitors(shared_server)
    visitor.throttle(120_000)
    visitor.choose(path)
    card = visitor.card("dance")
    upload = card.get_by_role("progressbar", name="Upload")
    expect(upload).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d?$"))
    expect(upload).to_have_attribute("aria-valuetext", re.compile(r"^\d+%, .+ of 2\.5 MB$"))
    expect(visitor.page).to_have_title(re.compile(r"^\d+% · Reelrace$"))
    expect(card.get_by_text("Plays while it uploads")).to_be_visible()
    expect(card.get_by_text("Uploading", exact=True)).to_be_visible()
    told = visitor.page.get_by_role("status").filter(has_text="dance can be watched now.")
    expect(told).to_be_attached()

    screen = visitor.watch("dance")
    screen.plays(past=1)
    assert screen.shown().frames > 10
    expect(visitor.page.get_by_text(re.compile(r"Still uploading: 0:0\d ready"))).to_be_visible()
    screen.hurry()
    expect(visitor.page.get_by_text("You have caught up.")).to_be_visible()
    edge = screen.shown()
    assert not edge.ended
    assert visitor.arrived() < path.stat().st_size

    visitor.throttle(None)
    screen.plays(past=edge.time + 1)
    screen.until("video.ended")
    end = screen.shown()
    assert abs(end.time - 12) < 0.1
    assert end.frames > 200
    assert end.error is None
    expect(visitor.page.get_by_text("All of it is ready now.")).to_be_visible()
    screen.seek(7.5)
    screen.shows(BIG, at=7.5)

    visitor.page.get_by_label("Close player").click()
    visitor.is_done("dance")
    expect(card.get_by_role("progressbar")).to_have_count(0)
    expect(visitor.page).to_have_title("Reelrace")
    assert visitor.stored() == path.read_bytes()


def test_a_file_with_its_index_at_its_end_says_why_it_does_not_play_yet(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.throttle(100_000)
    visitor.choose(clips("late.mp4", LATE))
    line = visitor.card("late").get_by_text("Plays once all of it has arrived")
    visitor.has_sent("late", 5)
    expect(line).to_be_visible()
    visitor.throttle(None)
    visitor.is_done("late")
    expect(line).to_be_hidden()
