"""Changes when: how a Content-Disposition names a file does (RFC 6266)."""

from __future__ import annotations

import re
from urllib.parse import unquote

_PARAMETER = re.compile(
    r";\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]*))\s*"
)
_EXTENDED = re.compile(r"(?i)(utf-8|iso-8859-1)'[^']*'(.*)")
"""RFC 8187, section 3.2.1."""


def filename(field: str) -> str:
    """The file's name, of whichever characters; empty if there is none that can be read.

    What it is worth as a name is judged by `resumable.judge_filename`.
    """
    plain = extended = ""
    at = len(field.partition(";")[0])
    while match := _PARAMETER.match(field, at):
        at = match.end()
        name, quoted, token = match[1].lower(), match[2], match[3]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
        if name == "filename":
            plain = value
        elif name == "filename*" and (written := _EXTENDED.fullmatch(value)):
            extended = unquote(written[2], written[1], errors="replace")
    return extended or plain
