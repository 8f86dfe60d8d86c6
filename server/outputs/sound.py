"""Changes when: how a sound track is encoded does.

AAC on a sample clock that starts with the first picture. Sound covers the pictures exactly:
silence where there is none, trimmed where there is too much. Times of the source decide where a
stretch of sound begins; within a stretch samples are counted, because many containers round
times to a millisecond.

Packet i of the track carries samples [(i - 1) * 1024, i * 1024): packet 0 is the encoder's
priming, hidden by the edit list.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import av

from server.job_errors import ResumeMismatch
from server.outputs.port import (
    Boundary,
    Buffer,
    OutputFacts,
    Piece,
    Plan,
    Publish,
    Sound,
    SoundAnchor,
    Track,
)
from server.protocols import cmaf
from server.protocols.codecs import AudioTrack

FRAME = 1024
"""Samples of an AAC frame, and of the encoder's priming."""
PRE_ROLL = 2
"""AAC frames encoded and thrown away on a resume, until the encoder has settled."""
TOLERANCE = Fraction(30, 1000)
"""Seconds by which a source's time may differ from the count before the count gives way."""
PATIENCE = 15
"""Seconds that sound may lag behind the pictures before it is taken for missing."""
_SETTLE = Fraction(1, 4)
"""Seconds of source sound decoded before the first sample that is needed on a resume."""


def outputs(plan: Plan, publish: Publish) -> list[SoundTrack]:
    """One rendition a track."""
    if "renditions" not in plan.wanted:
        return []
    return [SoundTrack(plan, track, publish) for track in plan.tracks]


class SoundTrack:
    """One sound rendition."""

    def __init__(self, plan: Plan, track: Track, publish: Publish) -> None:
        self.track = track.index
        self._publish = publish
        self._timescale = plan.timescale
        self._rate = output_rate(track.sample_rate)
        self._layout = "mono" if track.channels == 1 else "stereo"
        channels = 1 if track.channels == 1 else 2
        self._encoder = _encoder(self._rate, self._layout, plan.audio_bit_rate)
        configuration = bytes(self._encoder.extradata or b"")
        coded = AudioTrack(self._rate, channels, configuration, plan.audio_bit_rate, track.language)
        self.init = cmaf.init_segment(coded, self._rate, FRAME)
        self.facts = OutputFacts(
            name=f"a{track.index}",
            kind="audio",
            codec=coded.codec,
            timescale=self._rate,
            peak=plan.audio_bit_rate * 11 // 10,
            average=plan.audio_bit_rate,
            channels=channels,
            sample_rate=self._rate,
            language=track.language,
        )
        self._cut = plan.first_cut
        self._first = self._packet_at(plan.first_tick) if plan.first_cut else 0
        """Index of the first packet of the cut being made."""
        self._bounds: deque[tuple[int, int]] = deque()
        """(cut, index of its first packet), of cuts that have begun but not here."""
        self._anchor = plan.anchors.get(self.facts.name)
        skipped = max(0, self._first - 1 - PRE_ROLL) if self._anchor else 0
        self._fed = skipped
        """AAC frames given to the encoder, counted from the start of the track."""
        self._packet = skipped
        """Index of the next packet that the encoder gives."""
        self._next: Fraction | None = None
        """Where the source's next sample belongs if it follows the one before."""
        self._out = 0
        """Where the resampler's next sample belongs."""
        self._fifo = av.AudioFifo()
        self._resampler: av.AudioResampler | None = None
        self._input: tuple[str, str, int] | None = None
        self._packets: list[av.Packet[av.AudioStream]] = []
        self._anchors: deque[SoundAnchor] = deque()

    # --- the port --------------------------------------------------------------------------

    def sound(self, sound: Sound) -> None:
        """Places decoded sound. Its time is that of our timeline."""
        if self._anchor is not None:
            if sound.packet < self._anchor.packet:
                return
            if sound.packet > self._anchor.packet:
                raise ResumeMismatch(f"sound packet {self._anchor.packet} did not come back")
            self._next = Fraction(self._anchor.position)
            self._anchor = None
        start = self._start_of(sound)
        self._remember(sound.packet, start)
        frame = sound.frame
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or start != self._next or shape != self._input:
            self._begin_stretch(round(start), shape)
        self._next = start + Fraction(frame.samples * self._rate, frame.sample_rate)
        frame.pts = None
        assert self._resampler is not None
        self._write(self._resampler.resample(frame))
        self._encode()
        self._emit()

    def boundary(self, boundary: Boundary) -> None:
        """A cut begins: the piece before it ends at the frame that lies there."""
        if boundary.cut > self._cut:
            self._bounds.append((boundary.cut, self._packet_at(boundary.tick)))
            overdue = boundary.tick * self._rate // self._timescale - PATIENCE * self._rate
            if overdue > self._end:
                self._drain()
                self._silence(overdue)
            self._emit()

    def end(self, tick: int) -> None:
        """Pads or trims to where the pictures end, and yields what is left."""
        last = self._bounds[-1][1] if self._bounds else self._first
        total = max(self._packet_at(tick), last + 1)
        self._drain()
        self._silence((total - 1) * FRAME)
        self._encode(limit=total - 1)
        self._take(self._encoder.encode(None))
        self._emit()
        del self._packets[total - self._first :]
        self._piece(self._packets, self._anchor_for(total))

    # --- placing -----------------------------------------------------------------------------

    def _start_of(self, sound: Sound) -> Fraction:
        if sound.at is None:
            return self._next if self._next is not None else Fraction(self._end)
        told = sound.at * self._rate
        if self._next is not None and abs(told - self._next) <= TOLERANCE * self._rate:
            return self._next
        return Fraction(round(told))

    def _remember(self, packet: int, start: Fraction) -> None:
        """Whole positions only: a resumed resampler must fall into step with the old one."""
        apart = not self._anchors or start - self._anchors[-1].position >= self._rate // 4
        if start.denominator == 1 and start >= 0 and apart:
            self._anchors.append(SoundAnchor(packet, int(start)))

    def _anchor_for(self, first: int) -> SoundAnchor | None:
        """Where to take the source up so that packet `first` comes out as it would have."""
        needed = (first - 1 - PRE_ROLL) * FRAME - _SETTLE * self._rate
        while len(self._anchors) > 1 and self._anchors[1].position <= needed:
            self._anchors.popleft()
        found = self._anchors[0] if self._anchors else None
        return found if found and found.position <= needed else None

    def _packet_at(self, tick: int) -> int:
        """Index of the first packet presented at or after `tick`."""
        return -(-tick * self._rate // (self._timescale * FRAME)) + 1

    # --- samples -----------------------------------------------------------------------------

    @property
    def _end(self) -> int:
        """The sample that is written next."""
        return self._fed * FRAME + self._fifo.samples

    def _begin_stretch(self, start: int, shape: tuple[str, str, int]) -> None:
        """Sound that does not follow what was before: silence up to it, or over it."""
        self._drain()
        self._silence(start)
        self._out = start
        self._input = shape
        self._resampler = av.AudioResampler("fltp", self._layout, self._rate)

    def _drain(self) -> None:
        """Ends a stretch: what the resampler still holds."""
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None

    def _silence(self, until: int) -> None:
        """Writes silence up to a sample; nothing if that is written already."""
        while (lacking := until - self._end) > 0:
            frame = av.AudioFrame("fltp", self._layout, min(lacking, FRAME))
            frame.sample_rate = self._rate
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            self._fifo.write(frame)
            self._encode()

    def _write(self, frames: list[av.AudioFrame]) -> None:
        """Writes what the resampler gave, without what belongs to before the end."""
        for frame in frames:
            # Neither is ours, and what damaged frames bring makes FFmpeg's FIFO refuse the next.
            frame.pts, frame.time_base = None, Fraction(1, self._rate)
            drop = min(max(0, self._end - self._out), frame.samples)
            self._out += frame.samples
            if drop == frame.samples:
                continue
            self._fifo.write(_without(frame, drop) if drop else frame)

    # --- packets -----------------------------------------------------------------------------

    def _encode(self, limit: int | None = None) -> None:
        """Encodes whole frames, up to frame `limit` of the track."""
        while limit is None or self._fed < limit:
            frame = self._fifo.read(FRAME)
            if frame is None:
                break
            frame.pts = self._fed * FRAME
            frame.time_base = Fraction(1, self._rate)
            self._fed += 1
            self._take(self._encoder.encode(frame))

    def _take(self, packets: list[av.Packet[av.AudioStream]]) -> None:
        for packet in packets:
            if self._packet >= self._first:
                self._packets.append(packet)
            self._packet += 1

    def _emit(self) -> None:
        """Yields the pieces whose packets are all there."""
        while self._bounds and self._first + len(self._packets) >= self._bounds[0][1]:
            cut, first = self._bounds.popleft()
            count = first - self._first
            self._piece(self._packets[:count], self._anchor_for(first))
            del self._packets[:count]
            self._cut, self._first = cut, first

    def _piece(self, packets: list[av.Packet[av.AudioStream]], resume: SoundAnchor | None) -> None:
        samples = [cmaf.Sample(memoryview(p), p.size, FRAME, 0, True) for p in packets]
        payload: list[Buffer] = [
            cmaf.segment_type(),
            *cmaf.audio_fragment(self._cut + 1, self._first * FRAME, samples, FRAME),
        ]
        self._publish(
            Piece(
                self.facts.name, self._cut, len(packets) * FRAME, len(packets), payload, [], resume
            )
        )


def _without(frame: av.AudioFrame, drop: int) -> av.AudioFrame:
    """`frame` without its first `drop` samples, of which it has more."""
    cutting = av.AudioFifo()
    cutting.write(frame)
    cutting.read(drop)
    rest = cutting.read()
    if rest is None:
        raise ValueError("nothing would be left")
    rest.pts = None
    return rest


def output_rate(source: int) -> int:
    """44.1 and 48 kHz stay as they are; their relatives go to them, all others to 48 kHz."""
    related = source > 0 and (44_100 % source == 0 or source in (88_200, 176_400))
    return 44_100 if related else 48_000


def _encoder(rate: int, layout: str, bit_rate: int) -> av.AudioCodecContext:
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "fltp"
    encoder.bit_rate = bit_rate if layout == "stereo" else bit_rate // 2
    encoder.time_base = Fraction(1, rate)
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.open()
    return encoder
