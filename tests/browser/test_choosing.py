from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server


@pytest.fixture
def folder(tmp_path: Path, clips: Clips) -> Path:
    """A video among other things, one of them hidden."""
    found = tmp_path / "trip"
    (found / "day 1").mkdir(parents=True)
    (found / "day 1" / "Käfer & Ähre.mp4").write_bytes(clips("short.mp4", SHORT).read_bytes())
    (found / "day 1" / ".hidden.mp4").write_bytes(b"no video")
    (found / "notes.txt").write_text("no video either")
    return found


def test_what_is_dropped_is_uploaded(
    shared_server: Server, visitors: Visitors, folder: Path, clips: Clips
) -> None:
    """Folders as well, and what is no video in them is left out."""
    visitor = visitors(shared_server)
    visitor.drag(folder, clips("short.mp4", SHORT))
    expect(visitor.page.get_by_text("Let go to upload")).to_be_visible()
    visitor.drop(folder, clips("short.mp4", SHORT))
    expect(visitor.page.get_by_text("Let go to upload")).to_be_hidden()
    notice = visitor.page.get_by_text("2 files that are not videos were left out.")
    expect(notice).to_be_visible()
    visitor.is_done("Käfer & Ähre")
    visitor.is_done("short")
    assert {video["filename"] for video in visitor.videos()} == {"Käfer & Ähre.mp4", "short.mp4"}
    visitor.page.get_by_role("button", name="Close").click()
    expect(notice).to_be_hidden()


def test_a_folder_is_chosen(shared_server: Server, visitors: Visitors, folder: Path) -> None:
    visitor = visitors(shared_server)
    visitor.choose(folder, button="Choose a folder")
    notice = visitor.page.get_by_text("2 files that are not videos were left out.")
    expect(notice).to_be_visible()
    visitor.is_done("Käfer & Ähre")
    assert len(visitor.videos()) == 1


def test_a_folder_without_videos(shared_server: Server, visitors: Visitors, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    visitor = visitors(shared_server)
    visitor.drop(tmp_path)
    expect(visitor.page.get_by_text("There is no video in there.")).to_be_visible()
    assert visitor.videos() == []


def test_the_same_file_twice_is_one(
    shared_server: Server, visitors: Visitors, clips: Clips
) -> None:
    visitor = visitors(shared_server)
    visitor.throttle(5_000)
    visitor.choose(clips("short.mp4", SHORT))
    expect(visitor.card("short")).to_be_visible()
    visitor.choose(clips("short.mp4", SHORT))
    expect(visitor.page.get_by_text("This file is already on the list.")).to_be_visible()
    expect(visitor.card("short")).to_have_count(1)
    visitor.throttle(None)
    visitor.is_done("short")
    assert len(visitor.videos()) == 1
