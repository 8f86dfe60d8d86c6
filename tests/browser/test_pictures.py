"""Posters, and what runs under the pointer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import BIG, FIRST, Visitors
from tests.browser.test_keyboard import tab_to
from tests.conftest import Clips
from tests.support.browser import Visitor
from tests.support.clips import Clip
from tests.support.server import Server, until

PORTRAIT = Clip(seconds=3, width=180, height=320, options=FIRST)
SOUND = Clip(seconds=4, video=False)
SHOWN = (
    "image => image.complete && image.naturalWidth > 0 && getComputedStyle(image).opacity === '1'"
)
PREVIEW = """range => {
  const preview = range.shadowRoot.querySelector('media-preview-thumbnail');
  const image = preview.shadowRoot.querySelector('img');
  const { width, height } = preview.getBoundingClientRect();
  return image.naturalWidth && width ? [image.src, Math.round(width), Math.round(height)] : null;
}"""


def tile(visitor: Visitor, title: str) -> Locator:
    return visitor.card(title).locator("reelrace-tile")


def poster(visitor: Visitor, title: str) -> Locator:
    return visitor.card(title).get_by_role("img", name=f"Still from “{title}”")


def seen(image: Locator) -> None:
    """It has faded in."""
    expect(image).to_be_visible()
    until(lambda: image.evaluate(SHOWN), what="the picture did not come")


def point(visitor: Visitor, place: Locator, share: float) -> None:
    box = place.bounding_box()
    assert box is not None
    visitor.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def test_a_poster_comes_with_the_first_seconds(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """While the rest is on its way; the card stays as large as it was."""
    visitor = visitors(shared_server)
    visitor.throttle(150_000)
    visitor.choose(clips("dance.mp4", BIG))
    place = tile(visitor, "dance")
    expect(place).to_be_visible()
    before = place.bounding_box()
    seen(poster(visitor, "dance"))
    assert visitor.arrived() < visitor.videos()[0]["size"]
    after = place.bounding_box()
    assert before is not None
    assert after is not None
    assert (after["width"], after["height"]) == pytest.approx((before["width"], before["height"]))
    assert before["width"] / before["height"] > 1.7


def test_pictures_are_framed_by_their_shape(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.choose(clips("upright.mp4", PORTRAIT), clips("heard.m4a", SOUND))
    visitor.is_done("upright")
    visitor.is_done("heard")
    upright = poster(visitor, "upright")
    seen(upright)
    expect(upright).to_have_css("object-fit", "contain")
    expect(tile(visitor, "heard").locator("img")).to_have_count(0)
    expect(tile(visitor, "heard").locator(".waves")).to_be_visible()


def test_a_video_runs_under_the_pointer(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.choose(clips("dance.mp4", BIG))
    visitor.is_done("dance")
    place = tile(visitor, "dance")
    window = place.locator(".window img")
    expect(window).to_have_count(0)
    # A tile every two seconds, and a strip for each cut: the first two are half as long.
    for share, strip, shifted in ((0.1, 0, "0%"), (0.4, 2, "0%"), (0.9, 3, "-100%")):
        point(visitor, place, share)
        expect(place.locator(".length")).to_have_text(f"0:{int(share * 12):02}")
        expect(window).to_have_attribute("src", re.compile(rf"storyboard\.00000{strip}"))
        expect(window).to_have_attribute("style", re.compile(f"left: {shifted}"))
    visitor.page.mouse.move(5, 5)
    expect(window).to_have_count(0)
    expect(place.locator(".length")).to_have_text("0:12")


def test_a_video_runs_once_where_the_focus_comes(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Unless people have asked for less motion."""
    still = visitors(shared_server, reduced_motion="reduce")
    visitor = visitors(shared_server)
    for one in (still, visitor):
        one.choose(clips("dance.mp4", BIG))
        one.is_done("dance")
        one.page.reload()
        play = one.card("dance").get_by_role("button", name="Play")
        expect(play).to_be_visible()
        tab_to(one, play)
    window = tile(visitor, "dance").locator(".window img")
    expect(window).to_be_visible()
    expect(window).to_have_count(0)
    expect(tile(still, "dance").locator(".window img")).to_have_count(0)


def test_the_seek_bar_shows_what_is_there(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    """Also what has come since the player was opened."""
    visitor = visitors(shared_server, viewport={"width": 1280, "height": 800})
    visitor.throttle(200_000)
    visitor.choose(clips("dance.mp4", BIG))
    visitor.watch("dance").plays(past=0.5)
    bar = visitor.page.locator("media-time-range")
    point(visitor, bar, 0.1)
    first = until(lambda: bar.evaluate(PREVIEW))
    assert "storyboard.00000" in first[0]
    assert first[1] / first[2] == 160 / 90
    visitor.throttle(None)
    expect(visitor.page.get_by_text("All of it is ready now.")).to_be_visible()

    def last() -> bool:
        point(visitor, bar, 0.98)
        point(visitor, bar, 0.97)
        return "storyboard.000003" in bar.evaluate(PREVIEW)[0]

    until(last, what="the last pictures did not come")
