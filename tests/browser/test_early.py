from __future__ import annotations

import random
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import BIG, LATE, Visitors
from tests.conftest import Clips
from tests.support.server import Server, until


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


def test_a_file_with_its_index_at_its_end_plays_early(
    server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Its head and its index are sent first. Most of it is not there when it can be watched."""
    path = clips("late.mp4", LATE)
    visitor = visitors(server)
    visitor.throttle(60_000)
    visitor.choose(path)
    card = visitor.card("late")
    expect(card.get_by_role("button", name="Play")).to_be_visible()
    assert visitor.arrived() < path.stat().st_size * 0.2
    expect(card.get_by_text("Plays once all of it has arrived")).to_be_hidden()
    card.get_by_role("button", name="Pause").click()
    expect(card.get_by_text("Paused", exact=True)).to_be_visible()
    visitor.watch("late").plays(past=0.5)
    visitor.page.keyboard.press("Escape")
    visitor.throttle(None)
    card.get_by_role("button", name="Resume").click()
    visitor.is_done("late")
    assert len({sent.url for sent in visitor.sent}) == 3
    (video,) = visitor.videos()
    assert video["size"] == path.stat().st_size
    assert source_of(server) == path.read_bytes()


def test_an_upload_in_windows_can_be_taken_back(
    server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(server)
    visitor.throttle(60_000)
    visitor.choose(clips("late.mp4", LATE))
    visitor.has_sent("late", 10)
    card = visitor.card("late")
    card.get_by_role("button", name="Cancel").click()
    visitor.page.get_by_role("button", name="Cancel upload").click()
    expect(card).to_have_count(0)
    until(lambda: visitor.videos() == [])


def test_several_connections(
    server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """A large file is sent in parts, three at a time; all of it arrives where it belongs."""
    path = tmp_path / "large.mp4"
    padding = bytes(4) + b"free"
    size = 50_000_000
    head = clips("dance.mp4", BIG).read_bytes()
    path.write_bytes(head + size.to_bytes(4) + padding[4:] + random.Random(1).randbytes(size - 8))
    visitor = visitors(server)
    visitor.page.get_by_label("Several connections for each file").check()
    visitor.choose(path)
    visitor.is_done("large")
    assert len({sent.url for sent in visitor.sent}) == 4
    assert source_of(server) == path.read_bytes()
    visitor.page.reload()
    expect(visitor.page.get_by_label("Several connections")).to_be_checked()


def source_of(server: Server) -> bytes:
    """The bytes of the only source that a server has."""
    (path,) = (path for path in (server.data / "sources").rglob("*") if path.is_file())
    return path.read_bytes()
