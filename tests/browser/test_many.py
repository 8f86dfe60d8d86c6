"""Many files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import FIRST, Visitors
from tests.conftest import Clips
from tests.support.browser import Visitor
from tests.support.clips import Clip
from tests.support.server import Server

FILES = 10
# Words of a card, and the states of a video (None: there is none yet) that they may stand for.
TRUE: dict[str, set[str | None]] = {
    "Waiting": {None, "created", "waiting", "active"},
    "Uploading": {None, "created", "waiting", "active"},
    "Processing": {"active", "completed"},
    "Done": {"completed"},
}
ORDER = list(TRUE)
STATES = [None, "created", "waiting", "active", "completed"]


def words(visitor: Visitor) -> dict[str, str]:
    """What each card says."""
    chips = visitor.page.locator("reelrace-card .chip")
    titles = visitor.page.locator("reelrace-card h3")
    return dict(zip(titles.all_inner_texts(), chips.all_inner_texts(), strict=True))


def known(visitor: Visitor) -> dict[str, dict[str, Any]]:
    return {Path(video["filename"]).stem: video for video in visitor.videos()}


def test_ten_files_at_once(
    shared_server: Server, visitors: Visitors, clips: Clips, tmp_path: Path
) -> None:
    """All are made; at every moment what a card says is true, and the newest is on top."""
    paths = []
    for n in range(FILES):
        clip = Clip(seconds=3, width=160 + 16 * n, height=96, options=FIRST)
        paths.append(clips(f"many {n}.mp4", clip))
    visitor = visitors(shared_server)
    visitor.throttle(80_000)
    visitor.drop(*paths)
    names = [path.stem for path in reversed(paths)]
    expect(visitor.page.get_by_role("article")).to_have_count(FILES)
    assert list(words(visitor)) == names
    said: dict[str, list[str]] = {name: [] for name in names}
    most = 0
    while True:
        before = known(visitor)
        now = words(visitor)
        after = known(visitor)
        assert list(now) == names
        flying = list(now.values()).count("Uploading")
        most = max(most, flying)
        assert flying <= 3
        for name, word in now.items():
            first, last = (seen.get(name, {}).get("state") for seen in (before, after))
            between = STATES[: STATES.index(last) + 1]
            assert TRUE[word] & set(between), f"{name} says {word}: {first}, {last}"
            if said[name][-1:] != [word]:
                said[name].append(word)
        if set(now.values()) == {"Done"}:
            break
    assert most > 1
    for name in names:
        ranks = [ORDER.index(word) for word in said[name] if word != "Waiting"]
        assert ranks == sorted(ranks), f"{name} said {said[name]}"
    videos = known(visitor)
    assert {video["state"] for video in videos.values()} == {"completed"}
    for n, name in enumerate(reversed(names)):
        assert videos[name]["width"] == 160 + 16 * n
        size = f"{160 + 16 * n} \N{MULTIPLICATION SIGN} 96"
        expect(visitor.card(name).get_by_text(size)).to_be_visible()
    visitor.page.reload()
    visitor.is_done(names[-1])
    # Three at a time are created, and a reloaded page has the order in which the server did.
    assert list(words(visitor)) == [Path(video["filename"]).stem for video in visitor.videos()]
    assert set(words(visitor)) == set(names)
