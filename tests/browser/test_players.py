"""Players of others, in a page of others: all that they get is an address."""

from __future__ import annotations

import pytest

from tests.browser.conftest import FIRST, Visitors
from tests.conftest import Clips
from tests.support.browser import Screen, Visitor
from tests.support.clips import Clip
from tests.support.server import ROOT, Server, until

MODULES = ROOT / "tests" / "peers" / "node_modules"
TEN = Clip(options=FIRST)
HLS = """(video, url) => {
  window.fatal = [];
  const hls = new Hls({ startPosition: 0 });
  hls.on(Hls.Events.ERROR, (_, { fatal, details }) => fatal && window.fatal.push(details));
  hls.loadSource(url);
  hls.attachMedia(video);
}"""
# Shaka 5.2.12 takes the sound's end for that of all, and waits for pictures that never come, if it
# happens to change renditions while it reads the playlist that ends a growing video.
SHAKA = """async (video, url) => {
  window.fatal = [];
  const player = new shaka.Player();
  player.configure('abr.enabled', false);
  await player.attach(video);
  player.addEventListener('error', ({ detail }) => window.fatal.push(String(detail)));
  void player.load(url, 0);
}"""
CHROMIUM = """(video, url) => {
  window.fatal = [];
  video.addEventListener('error', () => window.fatal.push(video.error.message));
  video.crossOrigin = 'anonymous';
  video.src = url;
}"""
PLAYERS = {
    "hls.js": ("hls.js/dist/hls.js", HLS),
    "Shaka": ("shaka-player/dist/shaka-player.compiled.js", SHAKA),
    "Chromium": (None, CHROMIUM),
}


def opened(visitor: Visitor, player: str, path: str) -> Screen:
    """`player` with the address of a video."""
    script, start = PLAYERS[player]
    if script:
        assert (MODULES / script).is_file(), "Run `npm ci` in tests/peers first."
        visitor.page.add_script_tag(path=MODULES / script)
    screen = Screen(visitor.page.locator("video"))
    screen.element.evaluate(start, visitor.server.url.rstrip("/") + path)
    return screen


def troubles(visitor: Visitor) -> list[str]:
    found: list[str] = visitor.page.evaluate("window.fatal")
    return found


@pytest.mark.parametrize("player", PLAYERS)
def test_a_finished_video_plays_and_seeks(
    shared_server: Server, visitors: Visitors, clips: Clips, elsewhere: str, player: str
) -> None:
    video = shared_server.finished(shared_server.upload(clips("ten.mp4", TEN)))
    stranger = visitors(shared_server, address=elsewhere)
    screen = opened(stranger, player, video["playback"]["hls"])
    screen.play()
    screen.plays(past=0.5)
    assert screen.shown().frames > 5
    assert abs(screen.shown().duration - 10) < 0.1
    for at in (8.5, 2.5):
        screen.seek(at)
        screen.shows(TEN, at)
    screen.seek(8.5)
    screen.play()
    screen.until("video.ended")
    assert abs(screen.shown().time - 10) < 0.1
    assert troubles(stranger) == []


@pytest.mark.parametrize("player", ["hls.js", "Shaka"])
def test_a_growing_video_is_followed(
    shared_server: Server, visitors: Visitors, clips: Clips, elsewhere: str, player: str
) -> None:
    data = clips("ten.mp4", TEN).read_bytes()
    held = len(data) * 2 // 3
    created = shared_server.create(len(data), body=data[:held])
    video = shared_server.playable(created.headers["Reelrace-Video-Id"])
    until(lambda: shared_server.video(video["id"])["playback"]["seconds"] == 4)
    stranger = visitors(shared_server, address=elsewhere)
    screen = opened(stranger, player, video["playback"]["hls"])
    screen.play()
    screen.plays(past=3)
    assert not screen.shown().ended
    assert shared_server.video(video["id"])["playback"]["growing"]
    url = created.headers["Location"]
    assert shared_server.patch(url, held, data[held:]).status_code == 204
    screen.hurry()
    screen.until("video.ended")
    assert abs(screen.shown().time - 10) < 0.1
    assert troubles(stranger) == []
