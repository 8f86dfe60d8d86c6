"""Skeletons lie where people are, in step with the picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHORT, Visitors
from tests.conftest import Clips
from tests.support.browser import Visitor
from tests.support.people import swaying
from tests.support.rotation import rotated
from tests.support.server import Server, until

SECONDS = 6
TIMES = tuple(n / 25 for n in range(25 * SECONDS))
NOSE = (221, 132)
"""Of the astronaut, in pixels of her picture."""
WIDTH, HEIGHT = 640, 512
PARTS = {0: (255, 255, 255), 11: (255, 154, 31), 12: (63, 184, 255)}
"""Nose, left and right shoulder, and the colours that they are drawn in."""
CANVAS = (
    "document.querySelector('reelrace-page').shadowRoot.querySelector('reelrace-player-dialog')"
    ".shadowRoot.querySelector('reelrace-player').shadowRoot.querySelector('reelrace-pose')"
    ".shadowRoot.querySelector('canvas')"
)
# Where the canvas has a colour nearest to a place: places are shares of the picture, and so is the
# distance, of its width; null if there is none.
NEAREST = """([canvas, video, places]) => {
  const { width, height } = canvas;
  const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
  const [w, h] = [video.videoWidth * scale, video.videoHeight * scale];
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  return places.map(({ x, y, colour }) => {
    const [left, top] = [(width - w) / 2 + x * w, (height - h) / 2 + y * h];
    let nearest = null;
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const at = 4 * (row * width + column);
        if (data[at + 3] < 250) continue;
        if (colour.some((part, n) => Math.abs(data[at + n] - part) > 3)) continue;
        const away = Math.hypot(column + 0.5 - left, row + 0.5 - top) / w;
        if (nearest === null || away < nearest) nearest = away;
      }
    }
    return nearest;
  });
}"""
"""Frames that were shown, and how far from their landmarks skeletons were drawn."""


@pytest.fixture(scope="module")
def pose_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Looks for people as well."""
    found = Server(
        tmp_path_factory.mktemp("server") / "data",
        media_outputs="renditions,thumbnails,storyboard,pose",
        media_pose_model="lite",
        media_ladder="480,240",
    ).start()
    yield found
    found.end()


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    return swaying(folder / "astronaut.mp4", TIMES, width=WIDTH, height=HEIGHT)


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same; its pictures lie on a side, and the file says how they are to be turned."""
    folder = tmp_path_factory.mktemp("people")
    path = swaying(folder / "lying.mp4", TIMES, width=WIDTH, height=HEIGHT, turned=90)
    return rotated(path, folder / "turned.mp4", 90)


def frames(visitor: Visitor) -> list[dict[str, Any]]:
    """All poses of the only video."""
    (video,) = visitor.videos()
    answer = visitor.page.request.get(urljoin(visitor.server.url, video["pose"]["ndjson"]))
    return [json.loads(line) for line in answer.text().splitlines()]


def off(visitor: Visitor, places: list[dict[str, Any]]) -> list[float | None]:
    """How far from `places` their colours are drawn."""
    canvas = visitor.page.evaluate_handle(CANVAS)
    video = visitor.screen.element.element_handle()
    found: list[float | None] = visitor.page.evaluate(NEAREST, [canvas, video, places])
    return found


def lies_at(visitor: Visitor, places: list[dict[str, Any]]) -> None:
    """To half a percent of the picture's width."""
    far: list[float | None] = []

    def near() -> bool:
        far[:] = off(visitor, places)
        return all(away is not None and away < 0.005 for away in far)

    until(near, what="a joint is drawn elsewhere")


def nose_at(second: float) -> dict[str, Any]:
    """Where the clip has it."""
    left = (WIDTH - 512) / 2 * (1 + math.sin(2 * second))
    x, y = (left + NOSE[0]) / WIDTH, NOSE[1] / HEIGHT
    return {"x": x, "y": y, "colour": PARTS[0]}


@pytest.mark.parametrize("turned", [False, True])
def test_it_lies_where_the_person_is(
    pose_server: Server, visitors: Visitors, person: Path, lying: Path, turned: bool
) -> None:
    path = lying if turned else person
    visitor = visitors(pose_server, viewport={"width": 1000, "height": 700})
    visitor.choose(path)
    visitor.is_done(path.stem)
    told = frames(visitor)
    screen = visitor.watch(path.stem)
    screen.plays(past=0.2)
    visitor.page.get_by_role("switch", name="Skeleton").click()
    for size in ((1000, 700), (420, 800)):
        visitor.page.set_viewport_size({"width": size[0], "height": size[1]})
        for second in (0.5, 3.14, 5.1):
            screen.seek(second)
            frame = max((f for f in told if f["time"] <= second), key=lambda f: f["time"])
            (someone,) = frame["people"]
            marks = someone["landmarks"]
            places = [
                {"x": marks[n][0], "y": marks[n][1], "colour": colour}
                for n, colour in PARTS.items()
            ]
            lies_at(visitor, places)
            (away,) = off(visitor, [nose_at(frame["time"])])
            assert away is not None
            assert away < 0.03


def test_it_keeps_step(pose_server: Server, visitors: Visitors, person: Path) -> None:
    """With every picture that is shown."""
    visitor = visitors(pose_server, viewport={"width": 700, "height": 500})
    visitor.choose(person)
    visitor.is_done(person.stem)
    told = frames(visitor)
    screen = visitor.watch(person.stem)
    visitor.page.get_by_role("switch", name="Skeleton").click()
    screen.seek(0)
    noses = [
        {"time": f["time"], "x": p["landmarks"][0][0], "y": p["landmarks"][0][1]}
        for f in told
        for p in f["people"]
    ]
    measure = f"""(video, noses) => new Promise((done) => {{
      const canvas = {CANVAS};
      const nearest = {NEAREST};
      const seen = [];
      const look = (_, {{ mediaTime }}) => {{
        const nose = noses.findLast(({{ time }}) => time <= mediaTime + 0.001);
        const [away] = nearest([canvas, video, [{{ ...nose, colour: [255, 255, 255] }}]]);
        seen.push([mediaTime, away]);
        if (mediaTime > 3) done(seen);
        else video.requestVideoFrameCallback(look);
      }};
      video.requestVideoFrameCallback(look);
      void video.play();
    }})"""
    seen = screen.element.evaluate(measure, noses)
    assert len(seen) > 10
    wrong = [(at, away) for at, away in seen if away is None or away > 0.004]
    assert wrong == []


def test_the_switch_is_remembered(pose_server: Server, visitors: Visitors, person: Path) -> None:
    """Nothing is loaded, and nothing drawn, while it is off."""
    visitor = visitors(pose_server)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.choose(person)
    visitor.is_done(person.stem)
    visitor.watch(person.stem).plays(past=0.5)
    page = visitor.page
    switch = page.get_by_role("switch", name="Skeleton")
    expect(switch).not_to_be_checked()
    assert not [url for url in asked if "pose" in url]
    page.keyboard.press("s")
    expect(switch).to_be_checked()
    canvas = page.evaluate_handle(CANVAS)
    inked = (
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.some((part) => part > 0)"
    )
    until(lambda: canvas.evaluate(inked))
    page.reload()
    visitor.screen.plays(past=0.2)
    expect(switch).to_be_checked()
    canvas = page.evaluate_handle(CANVAS)
    until(lambda: canvas.evaluate(inked))
    switch.click()
    until(lambda: not canvas.evaluate(inked))


def test_nobody(pose_server: Server, visitors: Visitors, clips: Clips) -> None:
    """That is said, once it is known."""
    visitor = visitors(pose_server)
    visitor.choose(clips("nobody.mp4", SHORT))
    visitor.is_done("nobody")
    visitor.watch("nobody").plays(past=0.2)
    note = visitor.page.get_by_text("Nobody was found here")
    expect(note).to_have_count(0)
    visitor.page.get_by_role("switch", name="Skeleton").click()
    expect(note).to_be_visible()


def test_there_is_no_switch_where_nobody_was_looked_for(
    shared_server: Server, visitors: Visitors, person: Path
) -> None:
    visitor = visitors(shared_server)
    visitor.choose(person)
    visitor.is_done(person.stem)
    visitor.watch(person.stem).plays(past=0.2)
    expect(visitor.page.get_by_role("switch")).to_have_count(0)
