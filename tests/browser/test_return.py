"""Whoever left in the middle of an upload comes back, and it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import BIG, LATE, Visitors
from tests.conftest import Clips
from tests.support.browser import Returning, Visitor
from tests.support.clips import Clip
from tests.support.relay import Relay
from tests.support.server import Server

# Which files the browser remembers.
REMEMBERED = """() => new Promise((done) => {
  const request = indexedDB.open('reelrace');
  request.onsuccess = () => {
    const keys = request.result.transaction('files').objectStore('files').getAllKeys();
    keys.onsuccess = () => done(keys.result);
  };
})"""
Homes = Callable[[Server], Returning]


@pytest.fixture
def comes(browser: Browser, tmp_path: Path) -> Iterator[Homes]:
    """Somebody comes, always with the same profile."""
    came: list[Returning] = []

    def come(server: Server) -> Returning:
        came.append(Returning(tmp_path / "profile", browser, server))
        return came[-1]

    yield come
    came[-1].leave()


def digest(server: Server) -> str:
    """Of the only source that a server has."""
    (path,) = (path for path in (server.data / "sources").rglob("*") if path.is_file())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def go_on(visitor: Visitor, path: Path) -> None:
    """By the same file, from where it stopped."""
    card = visitor.card(path.stem)
    expect(card.get_by_text("Interrupted", exact=True)).to_be_visible()
    visitor.choose(path, button="Choose file again")
    visitor.is_done(path.stem)


@pytest.mark.parametrize(("name", "clip"), [("dance.mp4", BIG), ("late.mp4", LATE)])
def test_the_browser_was_closed(
    server: Server, comes: Homes, clips: Clips, name: str, clip: Clip
) -> None:
    path = clips(name, clip)
    before = comes(server)
    before.throttle(300_000)
    before.choose(path)
    before.has_sent(path.stem, 40)
    before.vanish()
    before.leave()
    after = comes(server)
    go_on(after, path)
    assert sum(sent.offset for sent in after.sent) > 0
    assert {sent.url for sent in after.sent} <= {sent.url for sent in before.sent}
    assert digest(server) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(after.videos()) == 1


def test_a_file_is_remembered(server: Server, visitors: Visitors, clips: Clips) -> None:
    """What was dropped needs not be chosen again."""
    path = clips("late.mp4", LATE)
    visitor = visitors(server)
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.throttle(300_000)
    visitor.drop(path)
    visitor.has_sent("late", 40)
    visitor.page.reload()
    card = visitor.card("late")
    expect(card.get_by_text("It can go on where it stopped.")).to_be_visible()
    visitor.throttle(None)
    card.get_by_role("button", name="Go on").click()
    visitor.is_done("late")
    assert digest(server) == hashlib.sha256(path.read_bytes()).hexdigest()
    visitor.page.reload()
    visitor.is_done("late")
    assert visitor.page.evaluate(REMEMBERED) == []


def test_another_device_of_the_same_session_goes_on(
    server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """Even if the file has another name there."""
    path = clips("late.mp4", LATE)
    here = visitors(server)
    here.throttle(300_000)
    here.choose(path)
    here.has_sent("late", 40)
    cookies = here.context.cookies()
    here.vanish()
    there = visitors(server, storage_state={"cookies": cookies, "origins": []})
    card = there.card("late")
    expect(card.get_by_text("Interrupted", exact=True)).to_be_visible()
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    there.choose(copy, button="Choose file again")
    there.is_done("late")
    assert digest(server) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(there.videos()) == 1


def test_the_network_was_cut(server: Server, visitors: Visitors, clips: Clips) -> None:
    """Nobody has to do anything."""
    path = clips("late.mp4", LATE)
    line = Relay(server.port)
    visitor = visitors(server, address=line.url)
    visitor.forgiven.append(r"net::ERR_")
    visitor.throttle(300_000)
    visitor.choose(path)
    visitor.has_sent("late", 30)
    line.cut()
    card = visitor.card("late")
    expect(card.get_by_text("Waiting for the connection", exact=True)).to_be_visible()
    visitor.throttle(None)
    line.mend()
    visitor.is_done("late")
    line.cut()
    assert digest(server) == hashlib.sha256(path.read_bytes()).hexdigest()
