"""The page at every width, in both schemes and languages, in its various states."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import BIG, SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server

WIDTHS = (320, 360, 390, 600, 1024, 1440)
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
LANGUAGES = ("Deutsch", "English")
FAULTY = """<!doctype html><style>
  * { margin: 0; font: 16px/20px sans-serif; }
  div { height: 30px; }
</style>
<div><p style="width: 900px; height: 1px; background: red"></div>
<div><p style="width: 60px; overflow: hidden; white-space: nowrap">Some of this is lost</div>
<div><p style="width: 60px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis"
  title="All of this is told">All of this is told</div>
<div><p style="color: #777">Faint</div>
<div style="background: linear-gradient(#fff, #000)"><p style="color: #fff">Half faint</div>
<div><button style="width: 20px; height: 28px">x</button></div>
<div>Under<button style="margin-left: -20px">Over</button></div>"""
RUNGS = "300,240,180,144,120,96"
AUDIT = Path(__file__).with_name("layout.js").read_text("utf-8")


@pytest.fixture
def server_with_many_rungs(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "data", media_ladder=RUNGS).start()
    yield found
    found.end()


def faults(page: Page) -> list[str]:
    """What overflows, overlaps, is cut off, too small to be hit or too faint to be read."""
    found = []
    for language in LANGUAGES:
        page.get_by_role("button", name=language).click()
        for width, scheme in product(WIDTHS, SCHEMES):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            found += [f"{width} {scheme} {language}: {fault}" for fault in page.evaluate(AUDIT)]
    return found


def test_faults_are_found(shared_server: Server, visitors: Visitors) -> None:
    """One of each kind: else the other test would be content with anything."""
    page = visitors(shared_server, viewport={"width": 800, "height": 600}).page
    page.goto("about:blank")
    page.set_content(FAULTY)
    assert page.evaluate(AUDIT) == [
        "the page is 900 wide",
        "<p> “Some of this is lost” is cut off",
        "<p> “Faint” has a contrast of 4.48",
        "<p> “Half faint” has a contrast of 1.00",
        "<button> “x” is 20 by 28",
        "<div> “UnderOver” lies over <button> “Over”",
    ]


def test_an_interrupted_upload_fits(
    server_with_many_rungs: Server, visitors: Visitors, clips: Clips
) -> None:
    """It has the most buttons, and here so many qualities that they take two lines."""
    visitor = visitors(server_with_many_rungs, reduced_motion="reduce")
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.throttle(200_000)
    visitor.choose(clips("a long stay.mp4", BIG))
    card = visitor.card("a long stay")
    expect(card.get_by_role("button", name="Play")).to_be_visible()
    visitor.page.reload()
    expect(card.get_by_text("Interrupted", exact=True)).to_be_visible()
    expect(card.get_by_text("300p, 240p, 180p, 144p, 120p, 96p")).to_be_visible()
    assert faults(visitor.page) == []


def test_everything_fits_and_can_be_read(
    shared_server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """Empty; with a failed, a partial, a done and an uploading video; and when it asks back."""
    text = tmp_path / "A rather long name of a file that is, as it happens, no video at all.mp4"
    text.write_text("this is only text, whatever its name says\n" * 2000)
    visitor = visitors(shared_server, reduced_motion="reduce")
    page = visitor.page
    expect(page.get_by_role("heading", name="Watch it before")).to_be_visible()
    assert faults(page) == []

    cut = tmp_path / "cut off.mp4"
    cut.write_bytes(clips("dance.mp4", BIG).read_bytes()[:1_500_000])
    visitor.choose(text, cut, clips("short.mp4", SHORT))
    expect(visitor.card("cut off").get_by_text("Incomplete", exact=True)).to_be_visible()
    expect(visitor.card(text.stem).get_by_text("Failed", exact=True)).to_be_visible()
    visitor.is_done("short")
    visitor.throttle(20_000)
    visitor.choose(clips("dance.mp4", BIG))
    visitor.has_sent("dance", 1)
    assert faults(page) == []

    for title, action in (("short", "Delete"), ("dance", "Cancel")):
        visitor.card(title).get_by_role("button", name=action).click()
    expect(visitor.card("dance").get_by_text("Cancel this upload?")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Cancel upload").click()
    expect(visitor.card("dance")).to_have_count(0)
