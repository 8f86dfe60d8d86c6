from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from server.errors import (
    BodyTooLong,
    ChecksumInvalid,
    ConcatenationInvalid,
    ContentTypeWrong,
    FilenameInvalid,
    LengthInvalid,
    LengthRequired,
    MetadataInvalid,
    OffsetInvalid,
    OffsetMismatch,
    TooLarge,
    TusVersionUnsupported,
)
from server.protocols import tus
from server.protocols.resumable import UploadState, judge_filename, judge_outputs, title_of
from storage.errors import ReelraceError

CAN = tus.Capabilities(max_size=1000)


def headers(**values: str) -> CIMultiDict[str]:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    return CIMultiDict({"Tus-Resumable": "1.0.0", **named})


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_creation() -> None:
    meta = f"filename {b64(b'a.mp4')},flag,binary {b64(bytes([0, 255, 13, 10]))}"
    found = tus.creation(headers(Upload_Length="10", Upload_Metadata=meta), CAN)
    assert found.length == 10
    assert found.metadata == meta
    assert found.fields == {"filename": b"a.mp4", "flag": b"", "binary": b"\x00\xff\r\n"}
    assert not found.with_upload


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, LengthRequired),
        ({"Upload_Length": "-1"}, LengthInvalid),
        ({"Upload_Length": "1.5"}, LengthInvalid),
        ({"Upload_Length": ""}, LengthInvalid),
        ({"Upload_Length": "1" * 40}, LengthInvalid),
        ({"Upload_Length": "\u0663"}, LengthInvalid),
        ({"Upload_Length": "1001"}, TooLarge),
        ({"Upload_Length": "5", "Tus_Resumable": "0.2.2"}, TusVersionUnsupported),
        ({"Upload_Length": "5", "Upload_Metadata": "a ###"}, MetadataInvalid),
        ({"Upload_Length": "5", "Upload_Metadata": "a YQ==,a Yg=="}, MetadataInvalid),
        ({"Upload_Length": "5", "Upload_Metadata": "YQ=="}, MetadataInvalid),
        ({"Upload_Length": "5", "Upload_Metadata": "a YQ== Yg=="}, MetadataInvalid),
        ({"Upload_Length": "5", "Upload_Metadata": "a,,b"}, MetadataInvalid),
        ({"Upload_Length": "5", "Content_Length": "5"}, ContentTypeWrong),
        ({"Upload_Length": "5", "Transfer_Encoding": "chunked"}, ContentTypeWrong),
    ],
)
def test_creation_refuses(changes: dict[str, str], error: type[ReelraceError]) -> None:
    with pytest.raises(error):
        tus.creation(headers(**changes), CAN)


def test_append() -> None:
    good = {"Content_Type": tus.CONTENT_TYPE, "Upload_Offset": "7"}
    assert tus.append(headers(**good)) == 7
    with pytest.raises(ContentTypeWrong):
        tus.append(headers(Upload_Offset="7", Content_Type="text/plain"))
    for bad in ("-1", "x", ""):
        with pytest.raises(OffsetInvalid):
            tus.append(headers(**good | {"Upload_Offset": bad}))
    with pytest.raises(TusVersionUnsupported):
        tus.append(CIMultiDict({"Upload-Offset": "7"}))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 60), st.none() | st.integers(0, 60))
def test_the_verdict_on_a_patch(there: int, lacking: int, offset: int, body: int | None) -> None:
    state = UploadState(there, there + lacking)
    sent = headers(Content_Type=tus.CONTENT_TYPE, Upload_Offset=str(offset))
    if body is not None:
        sent["Content-Length"] = str(body)
    if offset != there:
        with pytest.raises(OffsetMismatch) as caught:
            tus.judge(sent, state)
        assert caught.value.facts["offset"] == there
    elif body is not None and body > lacking:
        with pytest.raises(BodyTooLong):
            tus.judge(sent, state)
    else:
        tus.judge(sent, state)


def test_answers() -> None:
    assert tus.options(CAN)["Tus-Extension"] == "creation,creation-with-upload,termination"
    assert "Tus-Extension" not in tus.options(tus.Capabilities(5, creates=False, terminates=False))
    standing = tus.standing(tus.Standing(3, 9, "a YQ=="))
    assert standing["Upload-Offset"] == "3"
    assert standing["Upload-Length"] == "9"
    assert standing["Upload-Metadata"] == "a YQ=="
    assert standing["Cache-Control"] == "no-store"
    assert tus.refused(5)["Upload-Offset"] == "5"
    assert "Upload-Offset" not in tus.refused(None)


def test_method_override_counts_on_post_alone() -> None:
    override = headers(X_HTTP_Method_Override="patch")
    assert tus.method("POST", override) == "PATCH"
    assert tus.method("GET", override) == "GET"
    assert tus.method("POST", headers(X_HTTP_Method_Override="BREW")) == "POST"


@pytest.mark.parametrize(
    "name",
    ["../a.mp4", "a/b", "a\\b", "a\nb", "a\x00b", "\x7f", ".", "..", "a" * 256, "a\ud800"],
)
def test_refuses_names_that_are_more_than_names(name: str) -> None:
    with pytest.raises(FilenameInvalid):
        judge_filename(name)


@pytest.mark.parametrize("name", ["", "-i.mp4", "CON.mp4", "видео.mp4", "; rm -rf x;.mp4", "$(id)"])
def test_takes_names_as_data(name: str) -> None:
    assert judge_filename(name) == name


def test_names_are_composed_and_trimmed() -> None:
    assert judge_filename("  e\u0301te\u0301.mp4 ") == "été.mp4"


def test_titles() -> None:
    assert title_of("My dance.final.mp4") == "My dance.final"
    assert title_of(".htaccess") == ".htaccess"
    assert title_of("no extension") == "no extension"
    assert title_of("a.verylongextension") == "a.verylongextension"


def test_outputs_that_are_wanted() -> None:
    kinds = ("renditions", "thumbnails", "pose")
    assert judge_outputs("", kinds) is None
    assert judge_outputs(" , ", kinds) is None
    assert judge_outputs("pose, renditions,pose", kinds) == ["renditions", "pose"]
    for wrong in ("poses", "pose;thumbnails", "\x00"):
        with pytest.raises(MetadataInvalid):
            judge_outputs(wrong, kinds)


ALL = tus.Capabilities(
    100, defers_length=True, expires=True, concatenates=True, checksums=("sha1", "crc32c")
)
ONE, TWO = "1" * 32, "2" * 32


def test_what_the_store_can_do_decides_what_is_told() -> None:
    told = tus.options(ALL)
    assert told["Tus-Extension"] == (
        "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum,"
        "concatenation,concatenation-unfinished"
    )
    assert told["Tus-Checksum-Algorithm"] == "sha1,crc32c"
    assert "Tus-Checksum-Algorithm" not in tus.options(CAN)


def test_parts_are_named_by_urls_or_paths() -> None:
    urls = f"final;http://a.example/files/{ONE} /behind/a/proxy/files/{TWO}"
    made = tus.creation({"Tus-Resumable": "1.0.0", "Upload-Concat": urls}, ALL)
    assert made.parts == (ONE, TWO)
    assert made.length is None
    assert made.concat == urls
    sent = {"Tus-Resumable": "1.0.0", "Upload-Concat": "partial", "Upload-Length": "3"}
    part = tus.creation(sent, ALL)
    assert (part.parts, part.length, part.concat) == (None, 3, "partial")


@pytest.mark.parametrize(
    "concat",
    [
        "",
        "final",
        "final;",
        "final; ",
        "whole",
        "final;/files/1",
        f"final;/other/{ONE}",
        "Partial",
        "final;http://[/",
        f"final;/files/{ONE} /files/{TWO} http://a.example/files/{ONE}",
    ],
)
def test_other_ways_to_join_are_refused(concat: str) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Concat": concat, "Upload-Length": "1"}
    with pytest.raises(ConcatenationInvalid):
        tus.creation(headers, ALL)


def test_what_is_joined_has_no_bytes_of_its_own() -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Concat": f"final;/files/{ONE}"}
    body = {"Content-Length": "1", "Content-Type": tus.CONTENT_TYPE}
    with pytest.raises(ConcatenationInvalid):
        tus.creation(headers | body, ALL)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"Upload-Defer-Length": "2"}, LengthInvalid),
        ({"Upload-Defer-Length": "1", "Upload-Length": "1"}, LengthInvalid),
        ({}, LengthRequired),
    ],
)
def test_a_length_is_told_now_or_later(headers: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        tus.creation({"Tus-Resumable": "1.0.0", **headers}, ALL)
    with pytest.raises(LengthRequired):
        tus.creation({"Tus-Resumable": "1.0.0", "Upload-Defer-Length": "1"}, CAN)


@given(st.binary(min_size=1, max_size=64))
def test_checksums(digest: bytes) -> None:
    text = base64.b64encode(digest).decode()
    assert tus.checksum({"Upload-Checksum": f"sha1 {text}"}, ALL) == ("sha1", digest)
    assert tus.checksum({}, ALL) is None
    for wrong in (f"md5 {text}", f"sha1{text}", "sha1 ", f"sha1 {text}!"):
        with pytest.raises(ChecksumInvalid):
            tus.checksum({"Upload-Checksum": wrong}, ALL)


def test_times_are_told_as_http_has_them() -> None:
    assert tus.appended(5, 0)["Upload-Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert "Upload-Expires" not in tus.appended(5, None)
    unknown = tus.standing(tus.Standing(3, None, ""))
    assert (unknown["Upload-Defer-Length"], "Upload-Length" in unknown) == ("1", False)
    assert "Upload-Offset" not in tus.standing(tus.Standing(None, 5, "", concat="final;x"))
