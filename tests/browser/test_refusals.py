from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server


@pytest.fixture
def narrow_server(tmp_path: Path) -> Iterator[Server]:
    """Nothing above 30 kB is taken."""
    found = Server(tmp_path / "data", max_upload_size=30_000).start()
    yield found
    found.end()


@pytest.mark.parametrize(
    ("locale", "button", "state", "sentence"),
    [
        (
            "en-GB",
            "Choose videos",
            "Failed",
            "This is not a video or a sound that can be read here.",
        ),
        (
            "de-DE",
            "Videos auswählen",
            "Fehlgeschlagen",
            "Das ist kein Video und kein Ton, der hier gelesen werden kann.",
        ),
    ],
)
def test_no_video_at_all(
    shared_server: Server,
    visitors: Visitors,
    tmp_path: Path,
    locale: str,
    button: str,
    state: str,
    sentence: str,
) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("this is only text, whatever its name says\n" * 2000)
    visitor = visitors(shared_server, locale=locale)
    visitor.choose(path, button=button)
    card = visitor.card("text")
    expect(card.get_by_text(state, exact=True)).to_be_visible()
    expect(card.get_by_text(sentence)).to_be_visible()
    expect(card.get_by_role("button")).to_have_count(1)


@pytest.mark.parametrize(
    ("locale", "button", "sentence", "remove"),
    [
        ("en-GB", "Choose videos", "The file is larger than this server accepts.", "Remove"),
        (
            "de-DE",
            "Videos auswählen",
            "Die Datei ist größer, als dieser Server erlaubt.",
            "Entfernen",
        ),
    ],
)
def test_too_large(
    narrow_server: Server,
    visitors: Visitors,
    clips: Clips,
    locale: str,
    button: str,
    sentence: str,
    remove: str,
) -> None:
    """Trying again would not help, so it is not offered."""
    visitor = visitors(narrow_server, locale=locale)
    visitor.forgiven.append(r"status of 413")
    visitor.choose(clips("short.mp4", SHORT), button=button)
    card = visitor.card("short")
    expect(card.get_by_text(sentence)).to_be_visible()
    expect(card.get_by_role("button")).to_have_count(1)
    assert visitor.sent == []
    card.get_by_role("button", name=remove).click()
    expect(card).to_have_count(0)
    assert visitor.videos() == []
