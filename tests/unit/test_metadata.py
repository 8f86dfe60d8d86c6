from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import DigestInvalid, FilenameInvalid, MetadataInvalid, WindowInvalid
from server.protocols import metadata
from server.protocols.metadata import Details, Window


def test_nothing_said() -> None:
    said = metadata.read({})
    assert (said.filename, said.title, said.outputs, said.access) == ("", "", None, "private")
    assert (said.details, said.promised, said.window) == (Details(), None, None)


def test_all_that_is_known() -> None:
    said = metadata.read(
        {
            "filename": b"dance.mp4",
            "description": b"first\nsecond",
            "tags": b"a, b,,a",
            "list": b"summer",
            "priority": b"high",
            "access": b"public",
            "outputs": b"thumbnails",
            "sha256": b"AB" * 32,
            "assembly": b"0" * 32,
            "start": b"5",
            "size": b"9",
            "machineModel": b"x",
            "raw": b"\xff",
        }
    )
    assert said.details == Details(
        description="first\nsecond",
        tags=("a", "b"),
        list="summer",
        priority="high",
        fields={"machineModel": "x"},
    )
    assert (said.title, said.access, said.promised) == ("dance", "public", "ab" * 32)
    assert said.window == Window("0" * 32, 5, 9)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"filename": b"a/b"}, FilenameInvalid),
        ({"title": b"\xff"}, MetadataInvalid),
        ({"list": b"x" * 101}, MetadataInvalid),
        ({"tags": b"x" * 101}, MetadataInvalid),
        ({"description": b"\x1b[2J"}, MetadataInvalid),
        ({"priority": b"9"}, MetadataInvalid),
        ({"sha256": b"ab"}, DigestInvalid),
        ({"assembly": b"Z" * 32, "start": b"0"}, WindowInvalid),
        ({"assembly": b"0" * 32}, WindowInvalid),
        ({"assembly": b"0" * 32, "start": b"-1"}, WindowInvalid),
        ({"assembly": b"0" * 32, "start": b"0", "size": b"1.5"}, WindowInvalid),
    ],
)
def test_what_is_refused(fields: dict[str, bytes], error: type[Exception]) -> None:
    with pytest.raises(error):
        metadata.read(fields)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=20), max_size=6))
def test_anything_is_understood_or_refused(fields: dict[str, bytes]) -> None:
    try:
        said = metadata.read(fields)
    except (DigestInvalid, FilenameInvalid, MetadataInvalid, WindowInvalid):
        return
    assert set(said.details.fields) <= set(fields)
