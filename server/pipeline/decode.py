"""Changes when: how packets of a track become frames does.

Every packet gets an ordinal, counted from the start of its track; frames carry the ordinal of
their packet (FFmpeg's COPY_OPAQUE), so that a later process can start at the same packet.
Damage is counted, not fatal.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar, cast

import av
import av.error
from av.stream import Stream

from server.errors import Limits

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

    def feed(self, packet: av.Packet[Stream]) -> Iterator[Decoded[F]]:
        """The frames that come out after `packet`."""
        ordinal = self.packets
        self.packets += 1
        if ordinal < self._first:
            return
        packet.opaque = ordinal
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
            ordinal = frame.opaque
            yield Decoded(
                frame,
                None if frame.pts is None else frame.pts * self._time_base,
                _duration(frame, self._time_base),
                ordinal if isinstance(ordinal, int) else self.packets - 1,
            )


def _duration(frame: av.VideoFrame | av.AudioFrame, time_base: Fraction) -> Fraction:
    if isinstance(frame, av.AudioFrame):
        return Fraction(frame.samples, frame.sample_rate or 1)
    return frame.duration * time_base
