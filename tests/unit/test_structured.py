from __future__ import annotations

import base64
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import structured
from server.protocols.structured import Date, Display, Member, Token

KEYS = st.from_regex(r"\A[a-z*][a-z0-9_.*-]{0,8}\Z")
INTEGERS = st.integers(-(10**15) + 1, 10**15 - 1)
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


def decimal(thousandths: int) -> tuple[Decimal, str]:
    value = Decimal(thousandths) / 1000
    return value, f"{value:.3f}"


def string(text: str) -> tuple[str, str]:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return text, f'"{escaped}"'


def display(text: str) -> tuple[Display, str]:
    coded = "".join(
        chr(b) if 0x20 <= b <= 0x7E and b not in b'%"' else f"%{b:02x}" for b in text.encode()
    )
    return Display(text), f'%"{coded}"'


def binary(data: bytes) -> tuple[bytes, str]:
    return data, f":{base64.b64encode(data).decode()}:"


BARE = st.one_of(
    INTEGERS.map(lambda n: (n, str(n))),
    st.integers(-(10**14), 10**14).map(decimal),
    VISIBLE.map(string),
    st.from_regex(r"\A[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,8}\Z").map(lambda t: (Token(t), t)),
    st.binary(max_size=70).map(binary),
    st.booleans().map(lambda b: (b, f"?{b:d}")),
    INTEGERS.map(lambda n: (Date(n), f"@{n}")),
    st.text(st.characters(exclude_categories=["Cs"])).map(display),
)
PARAMETERS = st.lists(st.tuples(KEYS, st.none() | BARE), max_size=2).map(
    lambda pairs: "".join(f"; {key}" + (f"={bare[1]}" if bare else "") for key, bare in pairs)
)
ITEMS = st.tuples(BARE, PARAMETERS).map(lambda one: (one[0][0], one[0][1] + one[1]))
INNER = st.tuples(st.lists(ITEMS, max_size=3), PARAMETERS).map(
    lambda one: (tuple(v for v, _ in one[0]), f"({'  '.join(t for _, t in one[0])} ){one[1]}")
)
MEMBERS = st.lists(st.tuples(KEYS, ITEMS | INNER), max_size=5)


@given(MEMBERS, st.sampled_from([",", ", ", " ,\t"]))
def test_dictionaries_are_read_as_they_were_written(
    members: list[tuple[str, tuple[Member, str]]], comma: str
) -> None:
    """RFC 9651, sections 3.2 and 4.2.2."""
    found = structured.dictionary(comma.join(f"{key}={text}" for key, (_, text) in members))
    expected = {key: value for key, (value, _) in members}
    assert found == expected
    assert [type(v) for v in found.values()] == [type(v) for v in expected.values()]


@given(st.text())
def test_anything_is_either_read_or_not(text: str) -> None:
    structured.dictionary(text)
    structured.integer(text)
    structured.boolean(text)


@given(INTEGERS)
def test_integers(number: int) -> None:
    """RFC 9651, section 3.3.1."""
    assert structured.integer(f" {number} ") == number
    assert structured.integer(f"{number};a=1;b") == number


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "1.0", "-", "+1", "1 2", "1, 2", "1" * 16, "?1", "\u0661", '"1"', "1;", "0x1"],
)
def test_what_is_no_integer(text: str | None) -> None:
    assert structured.integer(text) is None


def test_booleans() -> None:
    """RFC 9651, section 3.3.6."""
    assert structured.boolean("?1") is True
    assert structured.boolean(" ?0; why=this") is False
    for text in (None, "", "1", "true", "?2", "?", "?1, ?1", "? 1"):
        assert structured.boolean(text) is None


def test_a_dictionary_of_flags_and_lists() -> None:
    """RFC 9651, section 3.2."""
    assert structured.dictionary('a, b;x=1, c=("d" e);y, a=2') == {
        "a": 2,
        "b": True,
        "c": ("d", "e"),
    }
    assert structured.dictionary("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "a,",
        "a,,b",
        ",a",
        "A=1",
        "a=",
        "a= 1",
        "a=(1",
        "a=(1(2))",
        "a=(1,2)",
        "a=1.",
        "a=1.2345",
        'a="é"',
        'a="\\x"',
        "a=:YQ",
        "a=:Y:",
        "a=:Y=Q:",
        'a=%"%C3"',
        'a=%"%ff"',
        "a=@1.5",
    ],
)
def test_what_is_no_dictionary(text: str) -> None:
    assert structured.dictionary(text) is None


def test_padding_may_be_missing() -> None:
    """RFC 9651, section 4.2.7."""
    assert structured.dictionary("a=:YQ:, b=:YQ==:") == {"a": b"a", "b": b"a"}
