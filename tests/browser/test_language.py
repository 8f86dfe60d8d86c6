from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.server import Server


def test_the_browsers_language_is_spoken(shared_server: Server, visitors: Visitors) -> None:
    """English where it is one that the page does not know."""
    for locale, code, headline in (
        ("de-AT", "de", "Ansehen, noch bevor alles hochgeladen ist."),
        ("en-US", "en", "Watch it before it has finished uploading."),
        ("fr-FR", "en", "Watch it before it has finished uploading."),
    ):
        page = visitors(shared_server, locale=locale).page
        expect(page.get_by_role("heading", name=headline)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", code)


def test_a_choice_is_remembered(shared_server: Server, visitors: Visitors, clips: Clips) -> None:
    visitor = visitors(shared_server)
    page = visitor.page
    visitor.choose(clips("short.mp4", SHORT))
    visitor.is_done("short")
    told = page.locator(".unseen[role=status]")
    expect(told).to_have_text("short is done.")
    page.get_by_role("button", name="Deutsch").click()
    expect(told).to_be_empty()
    card = visitor.card("short")
    for _ in range(2):
        expect(page.get_by_role("button", name="Deutsch", pressed=True)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.get_by_role("heading", name="Ihre Videos")).to_be_visible()
        expect(card.get_by_text("Fertig", exact=True)).to_be_visible()
        expect(card.get_by_role("button", name="Löschen: short")).to_be_visible()
        page.reload()
    card.get_by_role("button", name="Abspielen").click()
    visitor.screen.plays(past=0.5)
    expect(page.get_by_label("Player schließen")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="English").click()
    visitor.is_done("short")
    expect(page.locator("html")).to_have_attribute("lang", "en")
