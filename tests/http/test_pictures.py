"""Poster, thumbnails and storyboard as a client finds them."""

from __future__ import annotations

import base64
import functools
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.conftest import Clips
from tests.support import stills
from tests.support.clips import Clip
from tests.support.server import Server, until

FAST = {"movflags": "faststart"}
DAWN = Clip(seconds=20, options=FAST, black_until=3)
CUE = re.compile(r"^(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})\n(.+)$", re.MULTILINE)
Cue = tuple[float, float, str]


def fetch(server: Server, path: str, **headers: str) -> requests.Response:
    """Without a session: a grant is all that pictures need."""
    return requests.get(urljoin(server.url, path), headers=headers, timeout=60)


def cues(server: Server, path: str) -> list[Cue]:
    answer = fetch(server, path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    text = answer.content.decode()
    assert text.startswith("WEBVTT\n\n")
    found = []
    for line in CUE.findall(text):
        start, end = (3600 * int(h) + 60 * int(m) + float(s) for h, m, s in (line[:3], line[3:6]))
        found.append((start, end, line[6]))
    assert len(found) == text.count("-->")
    return found


def covered(found: list[Cue]) -> float:
    """The second up to which cues cover the time, without a gap."""
    at = 0.0
    for start, end, _ in found:
        assert start == at < end
        at = end
    return at


def created(server: Server, data: bytes, part: int, outputs: str) -> requests.Response:
    pairs = {"filename": "a.mp4", "outputs": outputs}
    encoded = (f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())
    return server.create(len(data), body=data[:part], **{"Upload-Metadata": ",".join(encoded)})


def test_every_picture_that_is_told_can_be_fetched(shared_server: Server, clips: Clips) -> None:
    server = shared_server
    video = server.finished(server.upload(clips("dawn.mp4", DAWN)))
    seconds = video["playback"]["seconds"]
    poster = stills.rgb(fetch(server, video["poster"]).content)
    assert poster.shape == (180, 320, 3)
    assert 40 < poster.mean() < 200  # neither black nor a white flash
    thumbnails = cues(server, video["thumbnails"])
    assert len(thumbnails) == 6
    assert covered(thumbnails) == seconds == 20
    assert video["poster"] in [urljoin(video["thumbnails"], name) for _, _, name in thumbnails]
    for _, _, name in thumbnails:
        picture = fetch(server, urljoin(video["thumbnails"], name))
        assert picture.headers["Content-Type"] == "image/jpeg"
        assert picture.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert picture.headers["Access-Control-Allow-Origin"] == "*"
        assert picture.headers["X-Content-Type-Options"] == "nosniff"
        assert stills.rgb(picture.content).shape == (180, 320, 3)
    tiles = cues(server, video["storyboard"])
    assert [start for start, _, _ in tiles] == [float(n) for n in range(0, 20, 2)]
    assert covered(tiles) == seconds
    for start, _, text in tiles:
        name, place = text.split("#xywh=")
        x, y, width, height = map(int, place.split(","))
        strip = stills.rgb(fetch(server, urljoin(video["storyboard"], name)).content)
        tile = strip[y : y + height, x : x + width]
        assert tile.shape == (90, 160, 3)
        black = start < DAWN.black_until
        assert (
            stills.apart(tile, stills.pattern(320, 180, 25 * int(start), start) * (not black)) < 7
        )


def test_lists_are_cached_like_playlists(shared_server: Server, clips: Clips) -> None:
    video = shared_server.finished(shared_server.upload(clips("dawn.mp4", DAWN)))
    for path in (video["thumbnails"], video["storyboard"]):
        plain = fetch(shared_server, path, **{"Accept-Encoding": "identity"})
        assert plain.headers["Cache-Control"] == "private, max-age=60"
        again = fetch(shared_server, path, **{"Accept-Encoding": "identity"} | match(plain))
        assert again.status_code == 304
        packed = requests.get(
            urljoin(shared_server.url, path),
            headers={"Accept-Encoding": "gzip"},
            stream=True,
            timeout=60,
        )
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert gzip.decompress(packed.raw.read()) == plain.content


def match(answer: requests.Response) -> dict[str, str]:
    return {"If-None-Match": answer.headers["ETag"]}


def test_only_with_the_grant_and_only_what_there_is(shared_server: Server, clips: Clips) -> None:
    server = shared_server
    video = server.finished(server.upload(clips("dawn.mp4", DAWN)))
    for path in (video["poster"], video["thumbnails"], video["storyboard"]):
        for wrong, code in (
            (path.replace("/v/", "/v/x"), "grant_invalid"),
            (re.sub(r"[0-9a-f]{32}/(?=[a-z]+\.)", "0" * 32 + "/", path), "not_found"),
            (path.replace("thumbnails", "other").replace("storyboard", "other"), "not_found"),
        ):
            answer = fetch(server, wrong)
            assert (answer.status_code, answer.json()["code"]) == (404, code), wrong
    folder = video["thumbnails"].rpartition("/")[0]
    for name in ("v180.vtt", "a1.vtt", "index.vtt", "thumbnails.m3u8", "thumbnails.init.mp4"):
        assert fetch(server, f"{folder}/{name}").status_code == 404
    assert fetch(server, video["poster"].replace(".jpg", ".m4s")).status_code == 404


def more(look: Callable[[], float], than: float) -> bool:
    return look() > than


def test_they_grow_with_what_plays(server: Server, clips: Clips) -> None:
    """What was told stays, but for the end of the last cue; a good poster stays as well."""
    data = clips("dawn.mp4", DAWN).read_bytes()
    part = len(data) // 5
    made = server.create(len(data), body=data[:part])
    url, video_id = made.headers["Location"], made.headers["Reelrace-Video-Id"]
    server.playable(video_id)
    seen: list[dict[str, Any]] = []
    told: dict[str, list[Cue]] = {"thumbnails": [], "storyboard": []}

    def look() -> float:
        """How far the pictures go; what is told of them is there at once."""
        video = server.video(video_id)
        assert fetch(server, video["poster"]).status_code == 200
        for kind, before in told.items():
            now = cues(server, video[kind])
            assert covered(now) >= covered(before)
            starts = [(at, text) for at, _, text in now]
            assert starts[: len(before)] == [(at, text) for at, _, text in before]
            told[kind] = now
        seen.append(video)
        return min(covered(told["thumbnails"]), covered(told["storyboard"]))

    for start in range(part, len(data), part):
        published = look()
        server.patch(url, start, data[start : start + part])
        if start + 2 * part < len(data):
            until(functools.partial(more, look, published))
    seen.append(server.finished(video_id))
    posters = [video["poster"] for video in seen]
    black = stills.rgb(fetch(server, posters[0]).content)
    assert black.mean() < 5
    assert len(set(posters)) == 2, "the black one, and the first good one"
    assert stills.rgb(fetch(server, posters[-1]).content).mean() > 40
    assert covered(cues(server, seen[-1]["storyboard"])) == 20


def test_pictures_alone(shared_server: Server, clips: Clips) -> None:
    data = clips("dawn.mp4", DAWN).read_bytes()
    answer = created(shared_server, data, len(data), "thumbnails")
    video = shared_server.finished(answer.headers["Reelrace-Video-Id"])
    assert (video["state"], video["playback"], video["storyboard"]) == ("completed", None, None)
    assert (video["width"], video["height"], video["duration"]) == (320, 180, 20)
    assert len(cues(shared_server, video["thumbnails"])) == 6
    assert fetch(shared_server, video["poster"]).status_code == 200
    folder = video["thumbnails"].rpartition("/")[0]
    index = f"{folder.rpartition('/')[0]}/index.m3u8"
    assert fetch(shared_server, index).status_code == 404


@pytest.mark.parametrize(
    ("outputs", "state"), [("thumbnails,storyboard", "failed"), ("renditions", "completed")]
)
def test_sound_has_no_pictures(
    shared_server: Server, clips: Clips, outputs: str, state: str
) -> None:
    data = clips("tone.m4a", Clip(seconds=3, video=False)).read_bytes()
    answer = created(shared_server, data, len(data), outputs)
    video = shared_server.finished(answer.headers["Reelrace-Video-Id"])
    assert video["state"] == state
    assert (video["poster"], video["thumbnails"], video["storyboard"]) == (None, None, None)
    if state == "failed":
        assert video["error"]["code"] == "nothing_wanted"


def test_the_same_after_a_crash(server: Server, clips: Clips, tmp_path: Path) -> None:
    """Strips that a second attempt made follow those of the first as if it had been one."""
    path = clips("dawn.mp4", DAWN)
    data = path.read_bytes()
    half = len(data) // 2
    made = server.create(len(data), body=data[:half])
    url, video_id = made.headers["Location"], made.headers["Reelrace-Video-Id"]
    server.playable(video_id)
    before = server.video(video_id)
    server.kill()
    server.start()
    path_of_url = url.split("/files/")[1]
    url = urljoin(server.url, f"files/{path_of_url}")
    server.patch(url, server.offset(url), data[server.offset(url) :])
    crashed = server.finished(video_id)
    whole = server.finished(server.upload(path))
    assert before["poster"] is not None
    for kind in ("thumbnails", "storyboard"):
        found = [cues(server, video[kind]) for video in (crashed, whole)]
        assert [c[:2] for c in found[0]] == [c[:2] for c in found[1]]
        names = [[text.partition("#")[0] for _, _, text in one] for one in found]
        for one, other in zip(*names, strict=True):
            pictures = [
                fetch(server, urljoin(video[kind], name)).content
                for video, name in ((crashed, one), (whole, other))
            ]
            assert pictures[0] == pictures[1]
    epochs = {text.split(".")[2] for _, _, text in cues(server, crashed["thumbnails"])}
    assert len(epochs) == 2
