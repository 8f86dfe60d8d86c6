from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols.disposition import filename


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("", ""),
        ("inline", ""),
        ("inline; filename=a.mp4", "a.mp4"),
        ('inline; filename="My dance.mp4"', "My dance.mp4"),
        (r'attachment; filename="a\"b\\c;filename=d"', r'a"b\c;filename=d'),
        ("inline; filename=\"a.mp4\"; filename*=UTF-8''%c3%a4%20b.mp4", "\u00e4 b.mp4"),
        ("inline; filename*=UTF-8'de'%c3%a4.mp4; filename=a.mp4", "\u00e4.mp4"),
        ("inline; filename*=iso-8859-1''%e4.mp4", "\u00e4.mp4"),
        ("inline; filename=a.mp4; filename*=x-unknown''b", "a.mp4"),
        ("inline; title=x; FileName = a.mp4 ; size=3", "a.mp4"),
        ("filename=a.mp4", ""),
        ("inline; filename", ""),
        ("inline; x y; filename=a.mp4", ""),
    ],
)
def test_names(field: str, name: str) -> None:
    """RFC 6266, section 4.3."""
    assert filename(field) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_name_can_be_sent(name: str) -> None:
    """RFC 8187, section 3.2."""
    assert filename(f"inline; filename=x; filename*=UTF-8''{quote(name, safe='')}") == name


@given(st.text())
def test_anything_is_read(field: str) -> None:
    filename(field)
