"""axe-core finds nothing wrong with the page, in any state, in light or dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import BIG, SHORT, Visitors
from tests.conftest import Clips
from tests.support.people import swaying
from tests.support.server import ROOT, Server

AXE = ROOT / "tests" / "peers" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations, passes } = await axe.run(document, { runOnly: tags });
  const places = ({ nodes }) => nodes.map(({ target }) => target.flat().join(' '));
  return {
    passed: passes.length,
    faults: violations.map((fault) => `${fault.impact} ${fault.id}: ${places(fault).join(', ')}`),
  };
}"""


@pytest.fixture(scope="module")
def pose_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Looks for people as well."""
    found = Server(
        tmp_path_factory.mktemp("server") / "data",
        media_outputs="renditions,thumbnails,storyboard,pose",
        media_pose_model="lite",
    ).start()
    yield found
    found.end()


def faults(page: Page) -> list[str]:
    assert AXE.is_file(), "Run `npm ci` in tests/peers first."
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        # Evaluated, not added as a script: the page's own rules forbid what is not from there.
        page.evaluate(AXE.read_text("utf-8"))
        told: dict[str, Any] = page.evaluate(RUN)
        assert told["passed"] > 10
        found += [f"{scheme}: {fault}" for fault in told["faults"]]
    return found


def test_no_state_has_faults(
    pose_server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    text = tmp_path / "no video.mp4"
    text.write_text("this is only text, whatever its name says\n" * 2000)
    cut = tmp_path / "cut off.mp4"
    cut.write_bytes(clips("dance.mp4", BIG).read_bytes()[:1_500_000])
    astronaut = swaying(tmp_path / "astronaut.mp4", tuple(n / 25 for n in range(50)))
    visitor = visitors(pose_server, reduced_motion="reduce")
    page = visitor.page
    expect(page.get_by_role("heading", name="Watch it before")).to_be_visible()
    assert faults(page) == [], "empty"

    visitor.choose(text, cut, astronaut, clips("short.mp4", SHORT))
    expect(visitor.card("no video").get_by_text("Failed", exact=True)).to_be_visible()
    expect(visitor.card("cut off").get_by_text("Incomplete", exact=True)).to_be_visible()
    visitor.is_done("astronaut")
    visitor.is_done("short")
    visitor.throttle(60_000)
    visitor.choose(clips("dance.mp4", BIG))
    expect(visitor.card("dance").get_by_text("Plays while it uploads")).to_be_visible()
    assert faults(page) == [], "all kinds of cards"

    visitor.card("short").get_by_role("button", name="Delete").click()
    visitor.card("dance").get_by_role("button", name="Cancel").click()
    assert faults(page) == [], "questions"
    page.keyboard.press("Escape")

    visitor.card("dance").get_by_role("button", name="Pause").click()
    visitor.watch("astronaut").plays(past=0.2)
    page.get_by_role("switch", name="Skeleton").click()
    assert faults(page) == [], "player"
    page.get_by_label("Close player").click()
    visitor.card("dance").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel upload").click()
