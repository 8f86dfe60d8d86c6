"""Changes when: how packets of a track become frames does.

Every packet gets an ordinal, counted from the start of its track; frames carry the ordinal of
their packet (FFmpeg's COPY_OPAQUE), so that a later process can start at the same packet.
Damage is counted, not fatal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar, cast

import av
import av.error
from av.stream import Stream

from server.job_errors import Limits
from server.pipeline.timeline import HELD_BACK

PACKET = 512
"""Bytes that a packet takes besides its own."""
_GROUP_BYTES = 1 << 24
"""What may be kept to decode it once more."""
_PRICE = Fraction(1, 100)
"""Seconds that decoding a picture once more must be worth."""

F = TypeVar("F", av.VideoFrame, av.AudioFrame)


class Decoded(NamedTuple, Generic[F]):
    """A frame as it left the decoder. Times are seconds of the source."""

    frame: F
    at: Fraction | None
    duration: Fraction
    """Zero if it is not known."""
    packet: int
    """The ordinal of its packet."""


class TrackDecoder(Generic[F]):
    """Decodes one track, once, in order."""

    def __init__(self, stream: av.VideoStream | av.AudioStream, first: int = 0) -> None:
        """Packets before ordinal `first` are counted but not decoded."""
        self._context = stream.codec_context
        # A frame that a drained decoder gives does not know its time base.
        self._time_base = stream.time_base or Fraction(1, 1_000_000)
        self._first = first
        self.packets = 0
        """How many packets have come so far."""
        self.damaged = 0
        """Packets that could not be decoded, or only with faults."""
        self.frames = 0
        self.encrypted = "enc_key_id" in stream.metadata  # Matroska

    @property
    def passing(self) -> bool:
        """Whether the next packet will only be counted."""
        return self.packets < self._first

    def feed(self, packet: av.Packet[Stream]) -> Iterator[Decoded[F]]:
        """The frames that come out after `packet`."""
        ordinal = self.packets
        self.packets += 1
        if ordinal < self._first:
            return
        # PyAV knows it by its address and forgets it with the first packet that goes: so each
        # has an object of its own. Small integers are shared by all.
        packet.opaque = (ordinal,)
        self.encrypted |= packet.has_sidedata("encryption_info")
        yield from self._decode(packet)

    def flush(self) -> Iterator[Decoded[F]]:
        """The frames that the decoder still holds."""
        yield from self._decode(None)

    def _decode(self, packet: av.Packet[Stream] | None) -> Iterator[Decoded[F]]:
        try:
            frames = cast("list[F]", self._context.decode(packet))
        except (MemoryError, av.error.MemoryError) as error:
            raise Limits("decoding it took too much memory") from error
        except EOFError:
            return
        except (av.FFmpegError, OSError, ValueError):
            self.damaged += 1
            return
        for frame in frames:
            self.frames += 1
            self.damaged += frame.is_corrupt
            opaque = frame.opaque
            yield Decoded(
                frame,
                None if frame.pts is None else frame.pts * self._time_base,
                _duration(frame, self._time_base),
                opaque[0] if isinstance(opaque, tuple) else self.packets - 1,
            )


class PictureDecoder(TrackDecoder[av.VideoFrame]):
    """Decodes pictures, and gives those that it holds back when they are due.

    To put pictures in order and to decode several at a time, a decoder gives each only when more
    packets have come; where pictures are rare, that is minutes. Draining it gives them at once.
    Before the next packet it is then filled anew, from the keyframe before the latest one: the
    latest may be no true point of entry.
    """

    def __init__(self, stream: av.VideoStream, first: int = 0) -> None:
        super().__init__(stream, first)
        self._group: list[av.Packet[Stream]] = []
        """From the keyframe before the latest one on; empty if that is too much to keep."""
        self._latest = 0
        """Where in it the latest keyframe is."""
        self._bytes = 0
        self._inside: dict[int, Fraction] = {}
        """When the pictures are shown that are in the decoder, by their packets."""
        self._out: deque[Decoded[av.VideoFrame]] = deque()
        """Drained, but not due."""
        self._drained = 0
        """Packets before this ordinal have given their pictures."""
        self._empty = False

    def feed(self, packet: av.Packet[Stream]) -> Iterator[Decoded[av.VideoFrame]]:
        self._refill()
        if self.packets >= self._first:
            self._keep(packet)
        yield from self._in_order(super().feed(packet))

    def flush(self) -> Iterator[Decoded[av.VideoFrame]]:
        if not self._empty:
            yield from self._in_order(super().flush())
        yield from self._out

    def due(self, until: Fraction) -> Iterator[Decoded[av.VideoFrame]]:
        """What is shown at `until` (seconds of the source) or before, though no packet comes."""
        price = len(self._group) * _PRICE
        if self._group and any(at + price <= until for at in self._inside.values()):
            drained = [new for new in self._decode(None) if new.packet >= self._drained]
            self._out = deque(sorted([*self._out, *drained], key=_shown))
            self._inside.clear()
            self._drained = self.packets
            self._empty = True
        while self._out and _shown(self._out[0]) <= until:
            yield self._out.popleft()

    @property
    def earliest(self) -> Fraction | None:
        """When the next picture is shown, of those that are still inside."""
        return min([*self._inside.values(), *map(_shown, self._out)], default=None)

    def _in_order(
        self, frames: Iterable[Decoded[av.VideoFrame]]
    ) -> Iterator[Decoded[av.VideoFrame]]:
        """New pictures, and before them what was drained and belongs there."""
        for new in frames:
            if new.packet < self._drained:
                continue
            if new.at is not None:
                self._inside = {n: at for n, at in self._inside.items() if at > new.at}
            while self._out and _shown(self._out[0]) <= _shown(new):
                yield self._out.popleft()
            yield new

    def _keep(self, packet: av.Packet[Stream]) -> None:
        if packet.is_keyframe:
            self._bytes -= sum(old.size + PACKET for old in self._group[: self._latest])
            del self._group[: self._latest]
            self._latest = len(self._group)
        if packet.is_keyframe or self._group:
            self._group.append(packet)
            self._bytes += packet.size + PACKET
        if self._bytes > _GROUP_BYTES:
            self._group, self._latest, self._bytes = [], 0, 0
        at = packet.dts if packet.pts is None else packet.pts
        if at is not None:
            self._inside[self.packets] = at * self._time_base
            if len(self._inside) > HELD_BACK:
                del self._inside[next(iter(self._inside))]

    def _refill(self) -> None:
        if not self._empty:
            return
        self._empty = False
        self._context.flush_buffers()
        damaged = self.damaged
        for packet in self._group:
            for _ in self._decode(packet):
                pass  # it has been given
        self.damaged = damaged


def _shown(decoded: Decoded[av.VideoFrame]) -> Fraction:
    return decoded.at or Fraction(0)


def _duration(frame: av.VideoFrame | av.AudioFrame, time_base: Fraction) -> Fraction:
    if isinstance(frame, av.AudioFrame):
        return Fraction(frame.samples, frame.sample_rate or 1)
    return frame.duration * time_base
