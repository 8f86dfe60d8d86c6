"""Changes when: how a step of making is known to be done does.

A step leaves a stamp in `build/`: a digest of all it was made from. It is taken away before the
step begins and put back after it, so that a step broken off is done again.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def digest(paths: Iterable[Path], *words: str) -> str:
    """SHA-256 of words, and of files and whole folders by name and content."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            total.update(f"\0{file.relative_to(ROOT)}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


@contextmanager
def step(name: str, made_from: str, *results: Path) -> Iterator[bool]:
    """Says whether there is work: `with step(...) as needed: if needed: ...`."""
    stamp = BUILD / f"{name}.stamp"
    if is_done(name, made_from, *results):
        yield False
        return
    stamp.unlink(missing_ok=True)
    yield True
    BUILD.mkdir(exist_ok=True)
    stamp.write_text(made_from)


def is_done(name: str, made_from: str, *results: Path) -> bool:
    """Whether the step was done, from the same, and what it made is still there."""
    stamp = BUILD / f"{name}.stamp"
    made = stamp.exists() and stamp.read_text() == made_from
    return made and all(result.exists() for result in results)


@contextmanager
def alone() -> Iterator[None]:
    """Two scripts that start together make nothing twice."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
