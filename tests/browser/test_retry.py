"""What failed is tried once more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import BIG, Visitors
from tests.conftest import Clips
from tests.support.server import Server, until


def test_what_crashed_goes_on(server: Server, visitors: Visitors, clips: Clips) -> None:
    """The upload as well, from where it was."""
    path = clips("dance.mp4", BIG)
    visitor = visitors(server)
    visitor.throttle(120_000)
    visitor.choose(path)
    card = visitor.card("dance")
    visitor.has_sent("dance", 1)
    for _ in range(3):
        for pid in until(lambda: server.descendants()[1:]):
            os.kill(pid, signal.SIGSEGV)
        until(lambda: not server.descendants()[1:])
    expect(card.get_by_text("Reading this file broke down again and again.")).to_be_visible()
    visitor.throttle(None)
    card.get_by_role("button", name="Try again").click()
    visitor.is_done("dance")
    assert visitor.stored() == path.read_bytes()
    assert visitor.sent[-1].offset > 0


def test_what_ended_early_is_made_anew(
    shared_server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """Until then, and if it cannot be, what there was stays."""
    path = tmp_path / "short of it.mp4"
    data = clips("dance.mp4", BIG).read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    visitor = visitors(shared_server)
    visitor.choose(path)
    card = visitor.card("short of it")
    expect(card.get_by_text("Incomplete", exact=True)).to_be_visible()
    (before,) = visitor.videos()
    card.get_by_role("button", name="Try again").click()
    until(lambda: visitor.videos()[0]["job"] and visitor.videos()[0]["poster"] != before["poster"])
    expect(card.get_by_text("Incomplete", exact=True)).to_be_visible()
    expect(card.get_by_role("button", name="Play")).to_be_visible()

    visitor.forgiven.append("status of 409")
    visitor.page.route(
        "**/retry",
        lambda route: route.fulfill(
            status=409,
            content_type="application/problem+json",
            body='{"code": "not_retryable", "title": "This video cannot be worked on again."}',
        ),
    )
    card.get_by_role("button", name="Try again").click()
    sorry = "“short of it”: This video cannot be worked on again."
    expect(visitor.page.get_by_text(sorry)).to_be_visible()
