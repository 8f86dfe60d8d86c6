"""Changes when: what is tested, and in which order, does.

    scripts/test [STEP ...]

Every step runs, whatever became of those before it. Steps: style, types, contracts, page, tests,
soak, checks. `checks` needs independent judges beside the checkout, in `../shared`, and is passed
over where there are none; PYTEST_ADDOPTS reaches the step `tests`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scripts import build_web
from scripts.steps import ROOT, alone, digest, step

BIN = Path(sys.executable).parent
PEERS = ROOT / "tests" / "peers"
JUDGES = ROOT.parent / "shared"


def run(*command: str | Path) -> None:
    """Raises `subprocess.CalledProcessError`."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def style() -> None:
    run(BIN / "ruff", "check", "--quiet", ".")
    run(BIN / "ruff", "format", "--quiet", "--check", ".")


def types() -> None:
    run(BIN / "mypy", "--no-incremental")


def contracts() -> None:
    run(BIN / "lint-imports", "--no-cache")


def page() -> None:
    build_web.modules()
    build_web.npm("run", "--silent", "check")
    build_web.npm("test", "--silent")


def tests() -> None:
    peers()
    run(sys.executable, "-m", "pytest", "-q", "--durations=10")


def soak() -> None:
    run(sys.executable, "-m", "scripts.soak", "--minutes", "0.5")


def checks() -> None:
    if not JUDGES.is_dir():
        print("no judges beside the checkout: passed over")
        return
    peers()
    run(sys.executable, "-m", "scripts.check", JUDGES)


def peers() -> None:
    """The players and clients of others."""
    locked = digest([PEERS / "package.json", PEERS / "package-lock.json", PEERS / ".npmrc"])
    with alone(), step("peers", locked, PEERS / "node_modules") as needed:
        if needed:
            build_web.install(PEERS)


STEPS: dict[str, Callable[[], None]] = {
    "style": style,
    "types": types,
    "contracts": contracts,
    "page": page,
    "tests": tests,
    "soak": soak,
    "checks": checks,
}


def main(names: list[str]) -> None:
    unknown = set(names) - set(STEPS)
    if unknown:
        sys.exit(f"no such step: {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    outcome = {}
    for name in names or STEPS:
        print(f"--- {name}", flush=True)
        begun = time.monotonic()
        try:
            STEPS[name]()
            word = "passed"
        except subprocess.CalledProcessError:
            word = "FAILED"
        outcome[name] = f"{word} in {time.monotonic() - begun:.0f} s"
    print("---")
    for name, words in outcome.items():
        print(f"{name:10} {words}")
    sys.exit(any("FAILED" in words for words in outcome.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
