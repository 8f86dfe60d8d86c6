"""Changes when: how structured fields are written does (RFC 9651).

What is not exactly of that form is None: who asks for such a field then passes it over as a whole,
or refuses it, as its own specification says. Parameters are read and dropped, as nobody here asks
for one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar
from urllib.parse import unquote_to_bytes


class Token(str):
    """A word without quotation marks."""

    __slots__ = ()


class Date(int):
    """Seconds since 1970."""

    __slots__ = ()


class Display(str):
    """A string that may have any character."""

    __slots__ = ()


Bare = int | Decimal | str | bytes | bool
Member = Bare | tuple[Bare, ...]
_T = TypeVar("_T", bound=Bare)
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_ITEM = re.compile(
    r"""(?P<decimal>-?[0-9]{1,12}\.[0-9]{1,3})
      | (?P<integer>-?[0-9]{1,15})
      | "(?P<string>(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"
      | (?P<token>[A-Za-z*][A-Za-z0-9!\#$%&'*+.^_`|~:/-]*)
      | :(?P<binary>[A-Za-z0-9+/]*)=*:
      | \?(?P<boolean>[01])
      | @(?P<date>-?[0-9]{1,15})
      | %"(?P<display>(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*)" """,
    re.VERBOSE,
)
_SPACES = re.compile(r" *")
_WHITE = re.compile(r"[ \t]*")


class _FaultError(Exception):
    """This is no structured field."""


class _Text:
    """What is still to be read of a field."""

    def __init__(self, text: str) -> None:
        self._text = text.strip(" ")
        self._at = 0

    def ended(self) -> bool:
        return self._at == len(self._text)

    def skip(self, pattern: re.Pattern[str]) -> bool:
        """Passes over what may stand there; whether anything did."""
        before, match = self._at, pattern.match(self._text, self._at)
        self._at = match.end() if match else before
        return self._at > before

    def sees(self, char: str) -> bool:
        """Whether this character comes next; if so it is read."""
        found = self._text.startswith(char, self._at)
        self._at += found
        return found

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _FaultError
        self._at = match.end()
        return match


def integer(field: str | None) -> int | None:
    """An Item that is an Integer."""
    return _item_of(int, field)


def boolean(field: str | None) -> bool | None:
    """An Item that is a Boolean."""
    return _item_of(bool, field)


def _item_of(kind: type[_T], field: str | None) -> _T | None:
    if field is None:
        return None
    text = _Text(field)
    try:
        value = _item(text)
    except _FaultError:
        return None
    return value if text.ended() and type(value) is kind else None


def dictionary(field: str) -> dict[str, Member] | None:
    """A Dictionary. Of a key that comes twice the last one counts (section 4.2.2)."""
    try:
        return dict(_members(_Text(field)))
    except _FaultError:
        return None


def _members(text: _Text) -> Iterator[tuple[str, Member]]:
    while not text.ended():
        key = text.take(_KEY)[0]
        if text.sees("="):
            yield key, _inner(text) if text.sees("(") else _item(text)
        else:
            _parameters(text)
            yield key, True
        text.skip(_WHITE)
        if text.ended():
            return
        if not text.sees(","):
            raise _FaultError
        text.skip(_WHITE)
        if text.ended():
            raise _FaultError


def _inner(text: _Text) -> tuple[Bare, ...]:
    """An Inner List behind its opening bracket."""
    found: list[Bare] = []
    apart = True
    while True:
        apart = text.skip(_SPACES) or apart
        if text.sees(")"):
            _parameters(text)
            return tuple(found)
        if not apart:
            raise _FaultError
        found.append(_item(text))
        apart = False


def _item(text: _Text) -> Bare:
    value = _bare(text.take(_ITEM))
    _parameters(text)
    return value


def _parameters(text: _Text) -> None:
    while text.sees(";"):
        text.skip(_SPACES)
        text.take(_KEY)
        if text.sees("="):
            _bare(text.take(_ITEM))


def _bare(match: re.Match[str]) -> Bare:
    kind = match.lastgroup or ""
    try:
        return _MADE[kind](match[kind])
    except ValueError as error:
        raise _FaultError from error


def _bytes(written: str) -> bytes:
    """Padding may be missing (section 4.2.7)."""
    return base64.b64decode(written + "=" * (-len(written) % 4), validate=True)


_MADE: dict[str, Callable[[str], Bare]] = {
    "decimal": Decimal,
    "integer": int,
    "string": lambda written: re.sub(r"\\(.)", r"\1", written),
    "token": Token,
    "binary": _bytes,
    "boolean": lambda written: written == "1",
    "date": Date,
    "display": lambda written: Display(unquote_to_bytes(written).decode("utf-8")),
}
"""By the names of the groups in `_ITEM`."""
