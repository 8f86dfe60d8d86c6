from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import BIG, SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server, until


def test_a_paused_upload_goes_on_where_it_was(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    path = clips("dance.mp4", BIG)
    visitor = visitors(shared_server)
    visitor.throttle(300_000)
    visitor.choose(path)
    card = visitor.card("dance")
    visitor.has_sent("dance", 10)
    card.get_by_role("button", name="Pause").click()
    expect(card.get_by_text("Paused", exact=True)).to_be_visible()
    expect(card.get_by_role("button", name="Resume")).to_be_focused()
    held = shared_server.offset(visitor.sent[-1].url)
    assert 0 < held < path.stat().st_size
    visitor.throttle(None)
    card.get_by_role("button", name="Resume").click()
    visitor.is_done("dance")
    assert visitor.sent[0].offset == 0
    assert held <= visitor.sent[-1].offset < path.stat().st_size
    assert visitor.stored() == path.read_bytes()


def test_all_uploads_pause_and_go_on(
    shared_server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """Three at a time; the others wait their turn."""
    paths = [tmp_path / f"part {n}.mp4" for n in range(5)]
    for path in paths:
        path.write_bytes(clips("short.mp4", SHORT).read_bytes())
    visitor = visitors(shared_server)
    visitor.throttle(5_000)
    visitor.choose(*paths)
    overview = visitor.page.get_by_role("region", name="All uploads")
    expect(overview.get_by_text("3 uploads running, 2 waiting")).to_be_visible()
    overview.get_by_role("button", name="Pause all").click()
    expect(overview.get_by_text("5 paused")).to_be_visible()
    visitor.throttle(None)
    overview.get_by_role("button", name="Resume all").click()
    for path in paths:
        visitor.is_done(path.stem)
    expect(overview).to_be_hidden()
    names = visitor.page.get_by_role("article").get_by_role("heading")
    expect(names).to_have_text([path.stem for path in reversed(paths)])  # the newest on top


def test_a_cancelled_upload_is_gone(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Once it is confirmed; until then it goes on."""
    visitor = visitors(shared_server)
    visitor.throttle(150_000)
    visitor.choose(clips("dance.mp4", BIG))
    card = visitor.card("dance")
    visitor.has_sent("dance", 5)
    for way_back in ("Enter", "Escape"):
        card.get_by_role("button", name="Cancel").click()
        expect(card.get_by_text("Cancel this upload? What has arrived is deleted.")).to_be_visible()
        expect(card.get_by_role("button", name="Go on uploading")).to_be_focused()
        visitor.page.keyboard.press(way_back)
        expect(card.get_by_role("button", name="Cancel")).to_be_focused()
    expect(card.get_by_text("Uploading", exact=True)).to_be_visible()
    url = visitor.sent[-1].url
    assert shared_server.get(url).status_code == 200
    card.get_by_role("button", name="Cancel").click()
    card.get_by_role("button", name="Cancel upload").click()
    expect(card).to_have_count(0)
    expect(visitor.page.get_by_role("button", name="Choose videos")).to_be_focused()
    until(lambda: visitor.videos() == [])
    assert shared_server.head(url).status_code in (404, 410)


def test_a_deleted_video_is_gone(
    shared_server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """Once it is confirmed; the focus stays where the next one moves up."""
    other = tmp_path / "other.mp4"
    other.write_bytes(clips("short.mp4", SHORT).read_bytes())
    visitor = visitors(shared_server)
    visitor.choose(clips("short.mp4", SHORT), other)
    visitor.is_done("short")
    visitor.is_done("other")
    card = visitor.card("short")
    video_id = next(v["id"] for v in visitor.videos() if v["filename"] == "short.mp4")
    address = f"{shared_server.url}api/videos/{video_id}"
    card.get_by_role("button", name="Delete").click()
    expect(card.get_by_text("Delete this video for good?")).to_be_visible()
    card.get_by_role("button", name="Keep it").click()
    assert visitor.page.request.get(address).status == 200
    card.get_by_role("button", name="Delete").click()
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    expect(visitor.card("other").get_by_role("button", name="Play")).to_be_focused()
    until(lambda: visitor.page.request.get(address).status == 404)
    assert [video["filename"] for video in visitor.videos()] == ["other.mp4"]
    visitor.page.reload()
    expect(visitor.card("other")).to_be_visible()
    expect(card).to_have_count(0)
