"""Changes when: what host and media process tell each other does.

One socketpair. A message is two lengths (32 bits each, big endian), a msgpack header, and for a
piece its bytes. Down: `available`, `end`, `free`. Up: `facts`, `picture`, `piece`, `cut`,
`progress`, `done`, `failed`.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import msgspec

from server.outputs.port import Buffer, OutputFacts, SoundAnchor
from server.pipeline.timeline import TimelineState
from server.settings import MediaSettings

_PREFIX = struct.Struct(">II")
_HEADER_LIMIT = 1 << 22
_VECTOR = 1024


class Entry(msgspec.Struct, frozen=True):
    """Where decoding is taken up: packet `packet` of the pictures, the timeline as it was then."""

    packet: int = 0
    timeline: TimelineState = TimelineState()
    sound: Fraction = Fraction(0)
    """Seconds taken off where sound is taken up, because sound alone had jumped."""
    alone: bool = False
    """There are no pictures: it is sound that the timeline is of."""


class Resume(msgspec.Struct, frozen=True):
    """How to go on after the last published cut. JSON in the cut's row."""

    cut: int
    tick: int
    timescale: int
    entry: Entry
    anchors: dict[str, SoundAnchor] = {}


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What a media process is started with."""

    settings: MediaSettings
    ranges: list[tuple[int, int]]
    length: int | None
    """Of a source that is whole."""
    promised: int | None = None
    """What its length will be, if that was said."""
    resume: Resume | None = None
    thorough: bool = False
    """Decode everything from the start: the shorter way has failed."""


# --- down ----------------------------------------------------------------------------------


class Available(msgspec.Struct, frozen=True, tag="available"):
    """Bytes `[start, end)` can be read."""

    start: int
    end: int


class End(msgspec.Struct, frozen=True, tag="end"):
    """The source has `length` bytes, all there."""

    length: int


class Free(msgspec.Struct, frozen=True, tag="free"):
    """Poses were looked for in the picture in `slot`."""

    slot: int


# --- up ------------------------------------------------------------------------------------


class Facts(msgspec.Struct, frozen=True, kw_only=True, tag="facts"):
    """What is settled before the first piece. `inits` are the outputs' init segments."""

    container: str
    timescale: int
    frame_rate: Fraction | None
    width: int
    height: int
    video_codec: str | None
    audio_codec: str | None
    duration: float | None
    """Seconds, as the container says: for estimates only, never trusted."""
    outputs: list[OutputFacts]
    inits: list[bytes]


class PieceHeader(msgspec.Struct, frozen=True, kw_only=True, tag="piece"):
    """A piece; its bytes follow the header."""

    output: str
    cut: int
    duration: int
    frames: int
    keyframes: list[tuple[int, int, int]]
    score: int = 0
    resume: SoundAnchor | None


class Posed(msgspec.Struct, frozen=True, kw_only=True, tag="picture"):
    """A picture lies in `slot` in which poses are to be looked for."""

    slot: int
    tick: int
    cut: int
    width: int
    height: int
    warm: bool
    """It is of a cut that is published: it only prepares for those that follow."""


class CutEnd(msgspec.Struct, frozen=True, kw_only=True, tag="cut"):
    """Cut `cut` is `[start, end)`, all its pieces are sent; the next is made from `entry` on."""

    cut: int
    start: int
    end: int
    entry: Entry


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """A sign of life. `position` is in bytes, the ticks are per output."""

    position: int
    waiting: bool
    """The demuxer waits for bytes."""
    ticks: int
    outputs: dict[str, int]


class Notice(msgspec.Struct, frozen=True):
    """Something survived: a stable code, and how often or where."""

    code: str
    detail: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """All cuts are made. `early` is the code of what ended the input too soon, if anything."""

    cuts: int
    early: str | None
    notices: list[Notice]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The attempt is over; `code` is one of `server.job_errors`."""

    code: str
    detail: str


Down = Available | End | Free
Up = Facts | PieceHeader | Posed | CutEnd | Progress | Done | Failed


class Link:
    """One end of the socketpair. Sending is safe from several threads, receiving from one.

    `os.write` and `os.read` only: the jail refuses `send`.
    """

    def __init__(self, descriptor: int, receives: Any) -> None:
        self.descriptor = descriptor
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
            receives, dec_hook=decode_fraction
        )
        self._encoder = msgspec.msgpack.Encoder(enc_hook=encode_fraction)
        self._sending = threading.Lock()
        self.on_silence: Callable[[], None] = lambda: None
        """Called when a read has waited as long as the socket lets it: it may raise."""

    def send(self, message: msgspec.Struct, payload: list[Buffer] | None = None) -> None:
        """Blocks while the pipe is full: that is the back-pressure."""
        with self._sending:
            self._send(message, payload or [])

    def try_send(self, message: msgspec.Struct) -> bool:
        """Sends unless somebody else is sending."""
        if not self._sending.acquire(blocking=False):
            return False
        try:
            self._send(message, [])
        finally:
            self._sending.release()
        return True

    def _send(self, message: msgspec.Struct, payload: list[Buffer]) -> None:
        header = self._encoder.encode(message)
        size = sum(len(buffer) for buffer in payload)
        _write_all(self.descriptor, [_PREFIX.pack(len(header), size) + header, *payload])

    def receive(self) -> tuple[Any, int] | None:
        """The next message and how many payload bytes follow it; None at the end.

        Raises `ValueError` for what is no message (the other side cannot be trusted).
        """
        prefix = self._exactly(_PREFIX.size)
        if prefix is None:
            return None
        length, size = _PREFIX.unpack(prefix)
        if length > _HEADER_LIMIT:
            raise ValueError(f"a header of {length} bytes")
        header = self._exactly(length)
        if header is None:
            return None
        try:
            return self._decoder.decode(header), size
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error

    def read_into(self, buffer: memoryview) -> int:
        """Payload bytes; 0 at the end.

        The other side may have died with something unread: the kernel gives all that it had sent,
        and tells it as a reset then.
        """
        while True:
            try:
                return os.readv(self.descriptor, [buffer])
            except ConnectionResetError:
                return 0
            except BlockingIOError:
                self.on_silence()

    def _exactly(self, size: int) -> bytes | None:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = self.read_into(view)
            if not count:
                return None
            view = view[count:]
        return bytes(buffer)


def _write_all(descriptor: int, buffers: list[Buffer]) -> None:
    buffers = [buffer for buffer in buffers if len(buffer)]
    while buffers:
        count = os.writev(descriptor, buffers[:_VECTOR])
        index = 0
        while index < len(buffers) and count >= len(buffers[index]):
            count -= len(buffers[index])
            index += 1
        buffers = buffers[index:]
        if count:
            buffers[0] = memoryview(buffers[0])[count:]


def encode_fraction(value: object) -> object:
    """msgspec's hook for `Fraction`, which travels as [numerator, denominator]."""
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    raise NotImplementedError(type(value))  # so that msgspec says what it cannot encode


def decode_fraction(kind: type, value: object) -> object:
    """The hook for the way back."""
    if kind is Fraction and isinstance(value, (list, tuple)) and len(value) == 2:
        numerator, denominator = value
        if isinstance(numerator, int) and isinstance(denominator, int) and denominator > 0:
            return Fraction(numerator, denominator)
    raise ValueError(f"not a {kind}")
