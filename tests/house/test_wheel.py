"""The wheel as somebody installs it: complete, and not led astray by what lies around."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (found,) = out.glob("*.whl")
    return found


def test_carries_the_page_and_the_pose_bundles_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "server/web/index.html" in names
    assert any(name.startswith("server/web/assets/") for name in names)
    assert {n for n in names if n.endswith(".task")} == {
        f"server/models/pose_landmarker_{size}.task" for size in ("lite", "full", "heavy")
    }
    assert "storage/migrations/sqlite/0001_spine.sql" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"server", "storage"}


def test_works_among_decoys(wheel: Path, tmp_path: Path) -> None:
    """The working directory has modules of the same names; the command takes its own."""
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    command = installed / "bin" / "reelrace"
    command.parent.mkdir()
    text = "import sys; from server.cli.main import main; sys.exit(main())\n"
    command.write_text(f"#!{sys.executable}\n{text}")
    command.chmod(0o755)
    place = tmp_path / "place"
    place.mkdir()
    for name in ("server", "storage", "av", "msgspec"):
        (place / f"{name}.py").write_text("raise SystemExit('a decoy was imported')\n")
    done = subprocess.run(
        [command, "doctor", "--json", "--data-dir", tmp_path / "data"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {entry["subject"]: entry for entry in json.loads(done.stdout)}
    assert found["web client"]["text"] == str(installed / "server" / "web")
    assert found["pose bundles"]["text"] == "lite, full, heavy"
    assert found["codecs: encoders"]["state"] == "good"
