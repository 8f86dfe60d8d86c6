"""Rule by rule: the sections are those of draft-ietf-httpbis-resumable-upload-12."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from server.errors import (
    CompleteInvalid,
    ContentTypeWrong,
    DigestFieldInvalid,
    InteropVersionUnsupported,
    LengthInconsistent,
    NotFound,
    OffsetInvalid,
    OffsetMismatch,
    TooLarge,
    UploadCompleted,
)
from server.protocols import rufh
from server.protocols.rufh import Bounds, State
from storage.errors import ReelraceError

BOUNDS = Bounds(max_size=1000)
VERSIONS = pytest.mark.parametrize("version", rufh.VERSIONS)
PATCH = {"Content_Type": "application/partial-upload", "Upload_Complete": "?0"}


def headers(version: object = 9, **values: object) -> CIMultiDict[str]:
    named = {name.replace("_", "-"): str(value) for name, value in values.items()}
    found = CIMultiDict(named)
    if version is not None:
        found["Upload-Draft-Interop-Version"] = str(version)
    return found


def patch(version: object = 9, **values: object) -> CIMultiDict[str]:
    return headers(version, **PATCH | values)


# --- which protocol, which version ---------------------------------------------------------


def test_what_is_of_this_protocol() -> None:
    """Appendix "Draft Version Identification"; section 4.1.2."""
    assert rufh.is_spoken(headers(9))
    assert rufh.is_spoken(headers(9, Tus_Resumable="1.0.0"))
    assert rufh.is_spoken(headers(None, Upload_Complete="?1"))
    assert rufh.is_spoken(headers(None, Upload_Incomplete="?0"))
    assert not rufh.is_spoken(headers(None, Upload_Complete="?1", Tus_Resumable="1.0.0"))
    assert not rufh.is_spoken(headers(None, Upload_Offset="0"))


@pytest.mark.parametrize(
    ("named", "spoken"),
    [
        *((v, v) for v in rufh.VERSIONS),
        ("9;a=b", 9),
        *((v, None) for v in (5, 7, 10, "9.0", "?1", "", "9, 9", None)),
    ],
)
def test_versions(named: object, spoken: int | None) -> None:
    assert rufh.version(headers(named)) == spoken


def test_two_lines_of_a_field_are_one_field() -> None:
    """RFC 9110, section 5.3: so these two are no Item, and count as none."""
    twice = headers(9, Upload_Complete="?1")
    twice.add("Upload-Complete", "?1")
    with pytest.raises(CompleteInvalid):
        rufh.creation(twice, BOUNDS)


# --- creation ------------------------------------------------------------------------------


@VERSIONS
def test_creation_of_a_whole(version: int) -> None:
    """Sections 4.1.3 (1) and 4.2.2."""
    found = rufh.creation(headers(version, Upload_Complete="?1", Content_Length=10), BOUNDS)
    assert found == rufh.Creation(complete=True, length=10, resumable=True)


@VERSIONS
def test_creation_of_a_part(version: int) -> None:
    """Sections 4.1.3 (2) and 4.2.2."""
    some = headers(version, Upload_Complete="?0", Upload_Length=10, Content_Length=3)
    assert rufh.creation(some, BOUNDS) == rufh.Creation(False, 10, True)
    none = headers(version, Upload_Complete="?0", Upload_Length=10)
    assert rufh.creation(none, BOUNDS) == rufh.Creation(False, 10, True)


def test_creation_without_a_length() -> None:
    """Section 4.1.3: the server might not know it until the upload is complete."""
    part = headers(Upload_Complete="?0", Content_Length=3)
    assert rufh.creation(part, BOUNDS) == rufh.Creation(False, None, True)
    stream = headers(Upload_Complete="?1", Transfer_Encoding="chunked")
    assert rufh.creation(stream, BOUNDS) == rufh.Creation(True, None, True)


def test_creation_of_nothing() -> None:
    """Section 4.2.1: the content can be empty."""
    assert rufh.creation(headers(Upload_Complete="?1"), BOUNDS) == rufh.Creation(True, 0, True)


@pytest.mark.parametrize("value", [None, "1", "true", "?2", '"?1"', "?1, ?0"])
def test_creation_must_say_whether_it_is_complete(value: str | None) -> None:
    """Section 4.1.2: other values are as if there were none."""
    said = {} if value is None else {"Upload_Complete": value}
    with pytest.raises(CompleteInvalid):
        rufh.creation(headers(9, **said), BOUNDS)


@pytest.mark.parametrize(
    "said",
    [
        {"Upload_Complete": "?1", "Upload_Length": 11, "Content_Length": 10},
        {"Upload_Complete": "?1", "Upload_Length": 11},
        {"Upload_Complete": "?0", "Upload_Length": 9, "Content_Length": 10},
    ],
)
def test_creation_with_lengths_that_do_not_match(said: dict[str, object]) -> None:
    """Sections 4.1.3 and 7.3."""
    with pytest.raises(LengthInconsistent):
        rufh.creation(headers(9, **said), BOUNDS)


def test_lengths_that_are_none_are_passed_over() -> None:
    """Section 4.1.3."""
    for value in ("-1", "1.0", "x", "1, 1", ""):
        said = headers(Upload_Complete="?1", Upload_Length=value, Content_Length=5)
        assert rufh.creation(said, BOUNDS).length == 5


@pytest.mark.parametrize(
    "said",
    [
        {"Upload_Complete": "?0", "Upload_Length": 1001},
        {"Upload_Complete": "?1", "Content_Length": 1001},
        {"Upload_Complete": "?0", "Content_Length": 1001},
    ],
)
def test_creation_over_the_limit(said: dict[str, object]) -> None:
    """Section 4.1.4: the answer has the limit."""
    with pytest.raises(TooLarge) as raised:
        rufh.creation(headers(9, **said), BOUNDS)
    answer = rufh.refused("POST", headers(9), raised.value)
    assert answer["Upload-Limit"] == "max-size=1000"


@pytest.mark.parametrize("version", [None, 3, 5, 7, 10, "x"])
def test_who_speaks_another_version_can_send_all_at_once(version: object) -> None:
    """Sections 4.2.2 and 12.1.1, appendix: the server need not offer resumption."""
    whole = headers(version, Upload_Complete="?1", Content_Length=10)
    assert rufh.creation(whole, BOUNDS) == rufh.Creation(True, 10, False)
    before = headers(version, Upload_Incomplete="?0", Content_Length=10)
    assert rufh.creation(before, BOUNDS) == rufh.Creation(True, 10, False)
    part = headers(version, Upload_Complete="?0", Upload_Length=10)
    if version is None:
        assert rufh.creation(part, BOUNDS) == rufh.Creation(False, 10, False)
    else:
        for refused in (part, headers(version, Upload_Incomplete="?1"), headers(version)):
            with pytest.raises(InteropVersionUnsupported):
                rufh.creation(refused, BOUNDS)


# --- appending -----------------------------------------------------------------------------


def test_append() -> None:
    """Section 4.4.1."""
    found = rufh.append(patch(Upload_Offset=7, Content_Length=3, Upload_Length=20))
    assert found == rufh.Append(offset=7, complete=False, length=20, body=3)
    chunked = rufh.append(patch(Upload_Offset=7, Transfer_Encoding="chunked"))
    assert chunked.body is None
    assert rufh.append(patch(Upload_Offset=7)).body == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Upload_Offset": "-1"}, OffsetInvalid),
        ({"Upload_Offset": "x"}, OffsetInvalid),
        ({}, OffsetInvalid),
        ({"Upload_Offset": 1, "Upload_Complete": "1"}, CompleteInvalid),
        ({"Upload_Offset": 1, "Content_Type": "application/offset+octet-stream"}, ContentTypeWrong),
        ({"Upload_Offset": 1, "Content_Type": ""}, ContentTypeWrong),
    ],
)
def test_append_refuses(changes: dict[str, object], error: type[ReelraceError]) -> None:
    """Sections 4.1.1, 4.1.2, 4.4.1 and 6."""
    with pytest.raises(error):
        rufh.append(patch(9, **changes))


def test_append_in_another_version() -> None:
    with pytest.raises(InteropVersionUnsupported):
        rufh.append(patch(5, Upload_Offset=0))
    assert rufh.append(patch(None, Upload_Offset=0)).offset == 0


STATES = st.builds(State, st.integers(0, 50), st.none() | st.integers(50, 100), st.booleans())
SIZES = st.none() | st.integers(0, 120)


@given(STATES, st.integers(0, 60), st.booleans(), SIZES, SIZES, st.sampled_from(rufh.VERSIONS))
def test_what_may_be_appended(
    state: State, offset: int, complete: bool, length: int | None, body: int | None, version: int
) -> None:
    """Sections 4.1.3, 4.1.4 and 4.4.2, against the rules written down once more."""
    said: dict[str, object] = {"Upload_Offset": offset, "Upload_Complete": f"?{complete:d}"}
    said |= {"Transfer_Encoding": "chunked"} if body is None else {"Content_Length": body}
    said |= {} if length is None else {"Upload_Length": length}
    lengths = {n for n in (state.length, length) if n is not None}
    if complete and body is not None:
        lengths.add(offset + body)
    end = offset + (body or 0)
    bounds = Bounds(max_size=90)

    def judged() -> int | None:
        return rufh.judge(patch(version, **said), state, bounds)

    if offset != state.offset:
        with pytest.raises(OffsetMismatch):
            judged()
    elif state.complete:
        with pytest.raises(LengthInconsistent if version == 9 and body != 0 else UploadCompleted):
            judged()
    elif len(lengths) > 1:
        with pytest.raises(LengthInconsistent):
            judged()
    elif max([end, *lengths]) > 90:
        with pytest.raises(TooLarge):
            judged()
    elif lengths and end > min(lengths):
        with pytest.raises(LengthInconsistent):
            judged()
    else:
        assert judged() == next(iter(lengths), None)


def test_completion() -> None:
    """Sections 4.1.2 and 4.1.3."""
    rufh.judge_completion(10, None)
    rufh.judge_completion(10, 10)
    with pytest.raises(LengthInconsistent):
        rufh.judge_completion(9, 10)


def test_who_loses_an_upload_that_is_too_long() -> None:
    """Section 4.4.2; until version 6 it was refused only."""
    assert [rufh.invalidates(headers(v)) for v in (6, 8, 9, None)] == [False, True, True, True]


# --- answers -------------------------------------------------------------------------------


@VERSIONS
def test_standing(version: int) -> None:
    """Section 4.3.2."""
    assert rufh.standing(headers(version), State(5, 10, False), BOUNDS) == {
        "Upload-Draft-Interop-Version": str(version),
        "Upload-Offset": "5",
        "Upload-Complete": "?0",
        "Upload-Length": "10",
        "Upload-Limit": "max-size=1000",
        "Cache-Control": "no-store",
    }
    unknown = rufh.standing(headers(version), State(5, None, False), BOUNDS)
    assert "Upload-Length" not in unknown


def test_all_that_was_said_is_there_and_it_is_not_complete() -> None:
    """Section 4.1.3, last paragraph."""
    answer = rufh.standing(headers(), State(10, 10, False), BOUNDS)
    assert answer["Upload-Complete"] == "?0"
    assert rufh.judge(patch(Upload_Offset=10, Upload_Complete="?1"), State(10, 10, False), BOUNDS)


@VERSIONS
def test_created(version: int) -> None:
    """Section 4.2.2."""
    answer = rufh.created(headers(version), State(3, 10, False), BOUNDS, "http://a/files/1")
    assert answer["Location"] == "http://a/files/1"
    assert answer["Upload-Limit"] == "max-size=1000"
    assert answer["Upload-Complete"] == "?0"


@VERSIONS
def test_appended(version: int) -> None:
    """Section 4.4.2."""
    answer = rufh.appended(headers(version), State(3, 10, False), BOUNDS)
    assert answer["Upload-Complete"] == "?0"
    assert answer["Upload-Offset"] == "3"
    assert "Location" not in answer


def test_limits() -> None:
    """Section 4.1.4; the age was called `expires` before it was called `max-age`."""
    bounds = Bounds(max_size=1000, max_age=60)
    told = {v: rufh.standing(headers(v), State(0, 1, False), bounds) for v in (6, 8, 9)}
    assert told[6]["Upload-Limit"] == "max-size=1000, expires=60"
    assert told[8]["Upload-Limit"] == told[9]["Upload-Limit"] == "max-size=1000, max-age=60"
    assert rufh.options(bounds) == {
        "Accept-Patch": "application/partial-upload",
        "Upload-Limit": "max-size=1000, max-age=60",
    }


@VERSIONS
def test_interim_answers(version: int) -> None:
    """Sections 4.2.2, 4.4.2 and 5, appendix."""
    named = f"Upload-Draft-Interop-Version: {version}".encode()
    first = rufh.announcement(headers(version), BOUNDS, "http://a/files/1")
    assert first.split(b"\r\n") == [
        b"HTTP/1.1 104 Upload Resumption Supported",
        named,
        b"Location: http://a/files/1",
        b"Upload-Limit: max-size=1000",
        b"",
        b"",
    ]
    later = rufh.progress(headers(version), 77)
    assert later.split(b"\r\n")[1:] == [named, b"Upload-Offset: 77", b"", b""]


def test_without_a_version_there_is_none_to_echo() -> None:
    assert "Upload-Draft-Interop-Version" not in rufh.cancelled(headers(None))
    assert rufh.cancelled(headers(8)) == {"Upload-Draft-Interop-Version": "8"}


# --- problems ------------------------------------------------------------------------------


def test_the_problem_of_an_offset() -> None:
    """Sections 4.4.2 and 7.1."""
    request = patch(Upload_Offset=9)
    with pytest.raises(OffsetMismatch) as raised:
        rufh.judge(request, State(5, 10, False), BOUNDS)
    answer = rufh.refused("PATCH", request, raised.value)
    assert (answer["Upload-Offset"], answer["Upload-Complete"]) == ("5", "?0")
    assert rufh.problem(request, raised.value) == {
        "type": "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
        "expected-offset": 5,
        "provided-offset": 9,
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UploadCompleted(), "completed-upload"),
        (LengthInconsistent(), "inconsistent-upload-length"),
        (DigestFieldInvalid(), "digest-invalid-values"),
        (NotFound(), None),
    ],
)
def test_types_of_problems(error: ReelraceError, kind: str | None) -> None:
    """Sections 7.2 and 7.3."""
    found: dict[str, Any] = rufh.problem(headers(), error)
    start = "https://iana.org/assignments/http-problem-types#"
    assert found == ({} if kind is None else {"type": start + kind})


def test_whether_a_refusal_ends_the_upload() -> None:
    """Section 4.4.1: who reads ?1 there takes the upload for complete."""
    assert rufh.refused("PATCH", headers(), UploadCompleted())["Upload-Complete"] == "?1"
    assert rufh.refused("PATCH", headers(), LengthInconsistent())["Upload-Complete"] == "?0"
    assert "Upload-Complete" not in rufh.refused("HEAD", headers(), NotFound())
    wrong = rufh.refused("PATCH", headers(), ContentTypeWrong())
    assert wrong["Accept-Patch"] == "application/partial-upload"
