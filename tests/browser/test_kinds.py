from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import FIRST, Visitors
from tests.conftest import Clips
from tests.support.clips import Clip
from tests.support.rotation import rotated
from tests.support.server import Server

SILENT = Clip(seconds=3, audio=False, options=FIRST)
PORTRAIT = Clip(seconds=3, width=180, height=320, options=FIRST)
WIDE = Clip(seconds=3, width=240, height=180, pixel_aspect=Fraction(16, 9) / Fraction(4, 3))
SOUND = Clip(seconds=6, video=False)


def test_sound_alone(shared_server: Server, visitors: Visitors, clips: Clips) -> None:
    visitor = visitors(shared_server)
    visitor.choose(clips("song.m4a", SOUND))
    visitor.is_done("song")
    expect(visitor.card("song").get_by_text("Sound only")).to_be_visible()
    screen = visitor.watch("song")
    screen.plays(past=1)
    shown = screen.shown()
    assert (shown.width, shown.height, shown.error) == (0, 0, None)
    assert abs(shown.duration - 6) < 0.1
    assert screen.element.evaluate("video => video.webkitAudioDecodedByteCount") > 0
    screen.hurry()
    screen.until("video.ended")


@pytest.mark.parametrize(
    ("name", "clip", "turned", "size"),
    [
        ("silent", SILENT, 0, (320, 180)),
        ("portrait", PORTRAIT, 0, (180, 320)),
        ("rotated", SILENT, 90, (180, 320)),
        ("anamorphic", WIDE, 0, (320, 180)),
    ],
)
def test_pictures_keep_their_shape(
    shared_server: Server,
    visitors: Visitors,
    clips: Clips,
    tmp_path: Path,
    name: str,
    clip: Clip,
    turned: int,
    size: tuple[int, int],
) -> None:
    path = clips(f"{name}.mp4", clip)
    if turned:
        path = rotated(path, tmp_path / path.name, turned)
    visitor = visitors(shared_server, viewport={"width": 1280, "height": 720})
    visitor.choose(path)
    visitor.is_done(name)
    expect(
        visitor.card(name).get_by_text(f"{size[0]} \N{MULTIPLICATION SIGN} {size[1]}")
    ).to_be_visible()
    screen = visitor.watch(name)
    screen.plays(past=0.5)
    shown = screen.shown()
    aspect = size[0] / size[1]
    assert shown.width / shown.height == pytest.approx(aspect, rel=0.02)
    assert shown.frames > 5
    box = screen.element.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    assert box["y"] + box["height"] <= 720
    expect(screen.element).to_have_css("object-fit", "contain")
    if aspect > 1:
        assert box["width"] / box["height"] == pytest.approx(aspect, rel=0.02)
    screen.hurry()
    screen.until("video.ended")


def test_a_picture_a_second(shared_server: Server, visitors: Visitors, clips: Clips) -> None:
    """A screen that was recorded slowly: it lasts as long as it lasted."""
    visitor = visitors(shared_server)
    slow = Clip(seconds=12, fps=Fraction(1), audio=False, keyframe_every=5, options=FIRST)
    visitor.choose(clips("lecture.mp4", slow))
    visitor.is_done("lecture")
    screen = visitor.watch("lecture")
    screen.plays(past=2)
    assert screen.shown().duration == pytest.approx(12, abs=0.1)
    screen.hurry()
    screen.until("video.ended")
