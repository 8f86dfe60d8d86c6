"""Changes when: what a checkout needs before it can serve, or be tested, does.

    python3 -m scripts.environment serve|test

Needs nothing but Python: the rest is made in `.venv`, from requirements with hashes.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.steps import BUILD, ROOT, alone, digest, is_done, step

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements"
UV = BUILD / "uv"
"""uv has a folder of its own: a synced environment holds what its requirements name, no more."""
_POSES = {"libegl1": "libEGL.so.1", "libgles2": "libGLESv2.so.2"}
"""What MediaPipe links to. All else works without."""


def make(purpose: str) -> None:
    """`purpose` is serve or test; an environment for tests serves too."""
    if sys.hexversion < 0x030B0000:
        sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}")
    with alone():
        packages(purpose)
        if purpose == "test" or not is_done("test", _made_from("test"), PYTHON):
            with step(purpose, _made_from(purpose), PYTHON) as needed:
                if needed:
                    print("Making the environment, once.", flush=True)
                    environment(purpose)
    built = subprocess.run([PYTHON, "-m", "scripts.build_web"], cwd=ROOT, check=False)
    if built.returncode:
        sys.exit(built.returncode)  # it has said why


def _made_from(purpose: str) -> str:
    """A virtual environment belongs to one Python and one place."""
    files = (REQUIREMENTS / f"{purpose}.txt", ROOT / "pyproject.toml")
    return digest(files, sys.version, sys.base_prefix, str(ROOT))


def packages(purpose: str) -> None:
    """What only the system has: installed if we may, else named."""
    missing = []
    wished = [package for package, library in _POSES.items() if not _loads(library)]
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if purpose == "test" and shutil.which("chromium") is None:
        missing.append("chromium")
    if not missing and not wished:
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        if wished:
            print(f"No poses without: sudo apt-get install -y {' '.join(wished)}", flush=True)
        if missing:
            sys.exit(f"These packages are missing: sudo apt-get install -y {' '.join(missing)}")
        return
    missing += wished
    print(f"Installing {' '.join(missing)}.", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-qq", "-y", "--no-install-recommends", *missing]
    subprocess.run([apt, "update", "-qq"], env=quiet, check=True)
    subprocess.run(install, env=quiet, check=True, stdout=subprocess.DEVNULL)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def environment(purpose: str) -> None:
    """Holds exactly what the requirements name, each by its hash, and the project itself."""
    other = "serve" if purpose == "test" else "test"
    (BUILD / f"{other}.stamp").unlink(missing_ok=True)
    uv = UV / "bin" / "uv"
    with step("uv", digest([REQUIREMENTS / "uv.txt"], sys.version, str(ROOT)), uv) as needed:
        if needed:
            run(sys.executable, "-m", "venv", "--clear", UV)
            quiet = ("--quiet", "--disable-pip-version-check")
            locked = ("--require-hashes", "--requirement", REQUIREMENTS / "uv.txt")
            run(UV / "bin" / "pip", "install", *quiet, *locked)
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
    into = ("--quiet", "--python", PYTHON)
    run(uv, "pip", "sync", *into, "--require-hashes", REQUIREMENTS / f"{purpose}.txt")
    # Not isolated: what builds it is in there already, by hash.
    run(uv, "pip", "install", *into, "--no-deps", "--no-build-isolation", "--editable", ROOT)


def run(*command: str | Path) -> None:
    """Runs a command to its good end. Raises `subprocess.CalledProcessError`."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    try:
        make(sys.argv[1])
    except subprocess.CalledProcessError as error:
        sys.exit(f"The environment could not be made: {Path(error.cmd[0]).name} failed")
    except KeyboardInterrupt:
        sys.exit(130)
