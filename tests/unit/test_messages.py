from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.outputs.port import SoundAnchor
from server.pipeline.messages import (
    Available,
    CutEnd,
    Down,
    End,
    Entry,
    Failed,
    Link,
    PieceHeader,
    Progress,
    Up,
)
from server.pipeline.timeline import TimelineState


@pytest.fixture
def pair() -> Iterator[tuple[Link, Link]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Link(ours.fileno(), Up), Link(theirs.fileno(), Down)


def test_messages_arrive_as_they_were(pair: tuple[Link, Link]) -> None:
    host, media = pair
    host.send(Available(3, 9))
    host.send(End(9))
    assert media.receive() == (Available(3, 9), 0)
    assert media.receive() == (End(9), 0)
    state = TimelineState(Fraction(1, 3), 7, shift=Fraction(-2, 7), jumps=1)
    end = CutEnd(cut=1, start=2, end=3, entry=Entry(4, state, Fraction(5, 9)))
    media.send(end)
    assert host.receive() == (end, 0)


def test_payloads_of_any_shape_are_streamed(pair: tuple[Link, Link]) -> None:
    host, media = pair
    parts = [os.urandom(n) for n in (1, 0, 300_000, 5)] + [b"x"] * 3000
    header = PieceHeader(
        output="v", cut=0, duration=1, frames=1, keyframes=[(0, 1, 0)], resume=SoundAnchor(1, 2)
    )
    sender = threading.Thread(target=media.send, args=(header, list(parts)))
    sender.start()
    received = host.receive()
    assert received is not None
    assert received[0] == header
    data = bytearray()
    buffer = memoryview(bytearray(70_000))
    while len(data) < received[1]:
        data += buffer[: host.read_into(buffer[: received[1] - len(data)])]
    sender.join()
    assert bytes(data) == b"".join(parts)


def test_a_closed_link_ends() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        assert Link(ours.fileno(), Up).receive() is None


@settings(max_examples=50)
@given(st.binary(min_size=8, max_size=200))
def test_nonsense_is_a_value_error_or_an_end(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(data)
        theirs.close()
        link = Link(ours.fileno(), Up)
        try:
            while link.receive() is not None:
                pass
        except ValueError:
            pass


def test_try_send_does_not_wait_for_another_sender() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        media = Link(theirs.fileno(), Down)

        def send_more_than_fits() -> None:
            with pytest.raises(OSError, match=r"Broken pipe|reset"):
                media.send(_piece(), [bytes(10_000_000)])

        blocked = threading.Thread(target=send_more_than_fits)
        blocked.start()
        while media.try_send(Progress(position=0, waiting=False, ticks=0, outputs={})):
            pass
        ours.shutdown(socket.SHUT_RDWR)
        blocked.join()


def _piece() -> PieceHeader:
    return PieceHeader(output="v", cut=0, duration=1, frames=1, keyframes=[], resume=None)


def test_what_was_said_before_dying_is_heard() -> None:
    """A process that dies with something unread resets its socket: an end like any other."""
    ours, theirs = socket.socketpair()
    with ours:
        host, media = Link(ours.fileno(), Up), Link(theirs.fileno(), Down)
        host.send(Available(0, 1))
        media.send(Failed(code="hung", detail=""))
        theirs.close()
        assert host.receive() == (Failed(code="hung", detail=""), 0)
        assert host.receive() is None


def test_silence_in_the_middle_of_a_message_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1000))
        link = Link(ours.fileno(), Up)
        theirs.send(b"\0\0")
        heard = 0

        def on_silence() -> None:
            nonlocal heard
            heard += 1
            if heard == 3:
                raise TimeoutError

        link.on_silence = on_silence
        with pytest.raises(TimeoutError):
            link.receive()
