"""What the page can say covers what the server can tell."""

from __future__ import annotations

import re
from pathlib import Path

import server.errors
import server.job_errors  # noqa: F401 (both register their codes)
from storage.errors import ReelraceError

INSIDE = {"fenced", "store_in_use"}
"""Codes that never reach a page: a worker's own, and of a server that does not start."""
ENGLISH = Path(__file__).resolve().parents[2] / "static" / "src" / "i18n" / "en.ts"


def test_every_error_code_has_words() -> None:
    """German has the same keys, or the page does not compile."""
    section = re.search(r"\n  errors: \{\n(.*?)\n  \},", ENGLISH.read_text("utf-8"), re.DOTALL)
    assert section is not None
    keys = set(re.findall(r"^    (\w+):", section[1], re.MULTILINE))
    assert set(ReelraceError.known) - keys == INSIDE
