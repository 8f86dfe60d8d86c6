from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.events.wire import Wire, WireProgress
from server.protocols import sse
from storage.model import Event


def test_an_event_is_written_as_the_standard_says() -> None:
    assert sse.event(b'{"a":1}', "cut", identity=7) == b'id: 7\nevent: cut\ndata: {"a":1}\n\n'
    assert sse.event(b"{}", "progress") == b"event: progress\ndata: {}\n\n"
    assert sse.retry(2000) == b"retry: 2000\n\n"
    assert sse.HEARTBEAT.startswith(b":")
    assert sse.HEARTBEAT.endswith(b"\n\n")


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300))
def test_a_chunk_says_its_size(data: bytes) -> None:
    size, rest = sse.chunk(data).split(b"\r\n", 1)
    assert int(size, 16) == len(data)
    assert rest == data + b"\r\n"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_only_numbers_are_taken_for_numbers(text: str) -> None:
    number = sse.last_event_id(text)
    if number is not None:
        assert re.fullmatch(r"[0-9]{1,16}", text)
        assert number == int(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("17", 17), (None, None), ("", None), ("-1", None), ("9" * 16, None), ("٣", None)],
)
def test_what_we_never_sent_is_no_number(text: str | None, number: int | None) -> None:
    assert sse.last_event_id(text) == number


def test_an_event_is_encoded_once_for_all_of_a_kind() -> None:
    wire = Wire(Event("me", 12, "v", 3, "state", '{"video":"v"}', 0))
    of_video = wire.encoded(by_video=True, chunked=False)
    assert of_video == b'id: 3\nevent: state\ndata: {"video":"v"}\n\n'
    assert wire.encoded(by_video=True, chunked=False) is of_video
    assert wire.encoded(by_video=False, chunked=False).startswith(b"id: 12\n")
    assert wire.encoded(by_video=True, chunked=True) == sse.chunk(of_video)
    state = WireProgress("v", b"{}", 0)
    assert state.encoded(chunked=True) == sse.chunk(state.encoded(chunked=False))
