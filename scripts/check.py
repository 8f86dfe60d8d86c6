"""Changes when: which independent checks are run, and how, does.

    python -m scripts.check FOLDER [PART ...]

FOLDER has `checks/`, `media/` and `hostile/`: judges written apart from the project, and files to
judge it by. Each part starts from a fresh server. Parts: tus, clients, crash, hls, players,
hostile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from scripts.build_web import NODE
from scripts.steps import ROOT
from tests.support.browser import Screen, chromium
from tests.support.server import Server

MODULES = ROOT / "tests" / "peers" / "node_modules"
PLAYED = (
    "mkv-2audio-2subs-14chapters.mkv",
    "webm-vp8-vorbis-bbb-30s.webm",
    "mp4-fragmented-60fps.mp4",
)
SOUNDS = ("audio-mp3-41s.mp3", "audio-aac-8khz.m4a", "audio-flac-with-cover.flac")
NOT_YET = {"animated.gif": "not_media"}
"""Media that end otherwise than completed, and how."""
FLAWS = {("mp4-moov-at-end-sintel-720p.mp4", "A7.4")}
"""A rule that judges wrongly there: it takes the length 0x000001ff of a NAL unit for a start code
of Annex B."""
_PUT = """src => document.body.append(
  Object.assign(document.createElement('video'), { src, muted: true }))"""
REAL = {"media_preset": "veryfast", "media_ladder": "1080,720,480,360,240"}


class Failure(Exception):
    """A check did not hold."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs the independent checks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[[], *PARTS])
    arguments = parser.parse_args()
    failed = []
    for name in arguments.parts or PARTS:
        begun = time.monotonic()
        try:
            PARTS[name](arguments.folder.resolve())
            outcome = "ok"
        except Failure as error:
            failed.append(name)
            outcome = f"FAILED\n{error}"
        print(f"check {name}: {outcome}, {time.monotonic() - begun:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


@contextmanager
def fresh(**settings: object) -> Iterator[Server]:
    """A server with the real ladder, and nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", **{**REAL, **settings}).start()
        try:
            yield server
        finally:
            server.end()


def judge(*command: str | Path) -> str:
    """Runs one judge; what it printed. Raises `Failure` with that when it was not content."""
    environment = {**os.environ, "NODE_MODULES": str(MODULES), "NODE_PATH": str(MODULES)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}")
    return done.stdout


# The parts


def tus(folder: Path) -> None:
    """The protocol, as its text has it."""
    with fresh() as server:
        script = folder / "checks" / "tus_conformance.py"
        said = judge(sys.executable, script, f"{server.url}files/", "-q")
        print(said.strip().splitlines()[-1])


def clients(folder: Path) -> None:
    """The protocol, as its clients have it."""
    with fresh() as server:
        said = judge(sys.executable, folder / "checks" / "client_tuspy.py", f"{server.url}files/")
        said += judge(
            NODE / "bin" / "node", folder / "checks" / "client_tusjs.mjs", f"{server.url}files/"
        )
    print("\n".join(line for line in said.splitlines() if line.startswith("SKIP")))


def crash(folder: Path) -> None:
    """Nothing acknowledged is lost when the server is killed."""
    with tempfile.TemporaryDirectory() as data:
        server = Server(Path(data) / "data")
        script = folder / "checks" / "crash_resume.py"
        target = ("--url", f"{server.url}files/", "--dir", server.data)
        judge(sys.executable, script, "--rounds", "5", *target, "--", *server.command)


def hls(folder: Path) -> None:
    """Every medium becomes a presentation without a fault."""
    files = [entry for entry in sorted((folder / "media").iterdir()) if _is_medium(entry)]
    with fresh() as server, ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = list(pool.map(lambda file: _presentation(server, folder, file), files))
    if any(faults):
        raise Failure("\n".join(filter(None, faults)))


def _presentation(server: Server, folder: Path, file: Path) -> str:
    """What is wrong with it; nothing if nothing is."""
    video = server.finished(server.upload(file), 300)
    ended = "completed" if file.name not in NOT_YET else "failed"
    if video["state"] != ended:
        return f"{file.name}: {video['state']}, {video['error']}"
    if not video["width"]:
        return ""
    url = f"{server.url}{video['playback']['hls'][1:]}"
    with tempfile.NamedTemporaryFile() as report:
        command = (sys.executable, folder / "checks" / "check_hls.py", url, "--source", file)
        try:
            judge(*command, "--decode", "--quiet", "--json", report.name)
        except Failure as error:
            found = json.loads(Path(report.name).read_text() or "null")
            if found is None:
                return f"{file.name}: {error}"
            faults = [row for row in found if row["status"] == "FAIL"]
            wrong = [row for row in faults if (file.name, row["rule"]) not in FLAWS]
            return "\n".join(f"{file.name}: {row['rule']} {row['text']}" for row in wrong)
    return ""


def players(folder: Path) -> None:
    """Three players play and seek; a sound without pictures plays as well."""
    script = folder / "checks" / "play_hls.mjs"
    with fresh() as server, chromium() as browser:
        for name in (*PLAYED, *SOUNDS):
            video = server.finished(server.upload(folder / "media" / name), 300)
            url = f"{server.url}{video['playback']['hls'][1:]}"
            if name in SOUNDS:
                _listen(browser, server.url, url)
                continue
            for player in ("hls", "shaka", "native"):
                try:
                    judge(NODE / "bin" / "node", script, url, "--player", player)
                except Failure as error:
                    raise Failure(f"{name} in {player}: {error}") from error


def _listen(browser: Browser, page_url: str, url: str) -> None:
    """play_hls.mjs waits for a picture, so sound is played without it."""
    page = browser.new_page()
    page.goto(page_url)
    page.evaluate(_PUT, url)
    screen = Screen(page.locator("body > video"))
    screen.play()
    screen.plays(past=1)
    half = screen.shown().duration / 2
    screen.seek(half)
    screen.play()
    screen.plays(past=half + 1)
    page.close()


def poses(folder: Path) -> None:
    """Landmarks are those that MediaPipe finds itself, at the files' own times."""
    print(judge(sys.executable, "-m", "scripts.check_pose", folder / "media"), end="")


def hostile(folder: Path) -> None:
    """Every bad file comes to an end with a code, and the server goes on."""
    files = [entry for entry in sorted((folder / "hostile").iterdir()) if _is_medium(entry)]
    with fresh() as server:
        ids = {file.name: server.upload(file) for file in files}
        for name, video_id in ids.items():
            video = server.finished(video_id, 120)
            if video["state"] != "completed" and not _has_code(video):
                raise Failure(f"{name}: {video}")
        if not server.get("healthz").ok:
            raise Failure("the server does not answer")


def _has_code(video: dict[str, Any]) -> bool:
    code = (video["error"] or {}).get("code")
    return bool(code) and code not in ("job_error", "internal")


def _is_medium(path: Path) -> bool:
    return path.suffix not in (".md", ".json", ".jsonl")


PARTS: dict[str, Callable[[Path], None]] = {
    "tus": tus,
    "clients": clients,
    "crash": crash,
    "hls": hls,
    "players": players,
    "poses": poses,
    "hostile": hostile,
}

if __name__ == "__main__":
    main()
