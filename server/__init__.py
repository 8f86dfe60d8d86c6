"""Reelrace: a video plays before its upload ends."""

from __future__ import annotations

import importlib.util
from pathlib import Path

__version__ = "0.1.0"


def _guard() -> None:
    """`storage` must be the folder beside this one, not some other package of that name."""
    found = importlib.util.find_spec("storage")
    expected = Path(__file__).resolve().parent.parent / "storage" / "__init__.py"
    if found is None or found.origin is None or Path(found.origin).resolve() != expected:
        raise ImportError(f"the package `storage` beside {__file__} is hidden by {found}")


_guard()
