"""Changes when: how a rung of the ladder is encoded does.

H.264 by x264, capped CRF, keyframes only where the cutter puts them. Decode times are ours: a
cut begins at its own tick, and in it each sample lasts as long as its picture is shown. So they
depend on the pictures alone and not on the encoder's clock, which shifts after a restart; and
a player that adds a picture's time and duration never sees a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import av
from av.video.frame import PictureType

from server.outputs.port import Buffer, OutputFacts, Picture, Piece, Plan, Publish, Rung
from server.protocols import cmaf
from server.protocols.codecs import VideoTrack
from server.settings import Preset

_GLOBAL_HEADER = av.codec.context.Flags.global_header
_FRAGMENTS_A_CUT = 1 << 12
_SLOW = 10
"""Pictures a second; below, what x264 looks ahead is told in seconds."""
_LOOK_AHEAD = 1
"""Seconds."""
_DEPTHS: dict[Preset, int] = {
    "ultrafast": 0,
    "superfast": 0,
    "veryfast": 10,
    "faster": 20,
    "fast": 30,
    "medium": 40,
    "slow": 50,
    "slower": 60,
    "veryslow": 60,
}
"""Pictures that x264 looks ahead."""


def outputs(plan: Plan, publish: Publish) -> list[Rendition]:
    """One rendition a rung."""
    if "renditions" not in plan.wanted:
        return []
    return [Rendition(plan, level, rung, publish) for level, rung in enumerate(plan.rungs)]


class Rendition:
    """One rung."""

    def __init__(self, plan: Plan, level: int, rung: Rung, publish: Publish) -> None:
        self.level = level
        self._publish = publish
        self._timescale = plan.timescale
        self._time_base = Fraction(1, plan.timescale)
        self._encoder = _encoder(plan, rung)
        configuration = bytes(self._encoder.extradata or b"")
        track = VideoTrack(rung.width, rung.height, configuration, plan.colour)
        # Two frames: as deep as x264 reorders, so that composition offsets stay positive at a
        # constant rate. FFmpeg-based players shift pictures when they are negative.
        frame = max(1, round(plan.timescale / plan.frame_rate))
        self._delay = 0 if plan.variable_rate else 2 * frame
        self.init = cmaf.init_segment(track, plan.timescale, self._delay)
        self.facts = OutputFacts(
            name=rung.name,
            kind="video",
            codec=track.codec,
            timescale=plan.timescale,
            peak=rung.peak,
            average=rung.peak,
            width=rung.width,
            height=rung.height,
        )
        self._cuts: dict[int, int] = {}
        """Tick -> number of cuts whose first picture is in the encoder."""
        self._cut = plan.first_cut
        self._packets: list[av.Packet[av.VideoStream]] = []

    def picture(self, picture: Picture) -> None:
        """Encodes a picture that has this rung's size."""
        frame = picture.frame
        frame.pts = picture.tick
        frame.time_base = self._time_base
        # A decoded frame carries the type it had; x264 would take it for an order.
        frame.pict_type = PictureType.I if picture.key else PictureType.NONE
        if picture.cut is not None:
            self._cuts[picture.tick] = picture.cut
        self._take(self._encoder.encode(frame))

    def end(self, tick: int) -> None:
        """Drains the encoder and yields the last piece."""
        self._take(self._encoder.encode(None))
        self._finish(tick)

    def _take(self, packets: Iterable[av.Packet[av.VideoStream]]) -> None:
        for packet in packets:
            cut = self._cuts.pop(packet.pts or 0, None) if packet.is_keyframe else None
            if cut is not None and self._packets:
                self._finish(packet.pts or 0)
                self._cut = cut
            self._packets.append(packet)

    def _finish(self, end: int) -> None:
        """Yields the piece that the packets so far make; the next picture is at `end`."""
        packets, self._packets = self._packets, []
        times = sorted(packet.pts or 0 for packet in packets)
        start = times[0]
        shown = dict(zip(times, [*times[1:], end], strict=True))
        samples: list[cmaf.Sample] = []
        decode_times: list[int] = []
        decode_time = start
        for packet in packets:
            time = packet.pts or 0
            duration = shown[time] - time
            offset = time - decode_time + self._delay
            samples.append(
                cmaf.Sample(memoryview(packet), packet.size, duration, offset, packet.is_keyframe)
            )
            decode_times.append(decode_time)
            decode_time += duration
        payload: list[Buffer] = [cmaf.segment_type()]
        size = len(payload[0])
        keyframes: list[tuple[int, int, int]] = []
        sequence = self._cut * _FRAGMENTS_A_CUT
        for first, last in _fragments(samples):
            sequence += 1
            part = cmaf.video_fragment(sequence, decode_times[first], samples[first:last])
            length = sum(len(buffer) for buffer in part)
            if samples[first].sync:
                keyframes.append((size, length, (packets[first].pts or 0) - start))
            payload += part
            size += length
        self._publish(
            Piece(self.facts.name, self._cut, end - start, len(samples), payload, keyframes)
        )


def _fragments(samples: list[cmaf.Sample]) -> Iterable[tuple[int, int]]:
    """Every keyframe is a fragment of its own, so that it can be fetched and shown alone."""
    first = 0
    for index, sample in enumerate(samples):
        if sample.sync:
            if index > first:
                yield first, index
            yield index, index + 1
            first = index + 1
    if first < len(samples):
        yield first, len(samples)


def _encoder(plan: Plan, rung: Rung) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = rung.width, rung.height, "yuv420p"
    encoder.time_base = Fraction(1, plan.timescale)
    encoder.framerate = plan.frame_rate
    encoder.sample_aspect_ratio = Fraction(1, 1)
    encoder.thread_count = plan.encoder_threads
    encoder.flags |= _GLOBAL_HEADER
    if plan.colour:
        primaries, transfer, matrix, full = plan.colour
        encoder.color_primaries, encoder.color_trc = primaries, transfer
        encoder.colorspace, encoder.color_range = matrix, 2 if full else 1
    options = {
        "preset": plan.preset,
        "crf": str(plan.crf),
        "maxrate": str(rung.peak),
        "bufsize": str(rung.peak * 3 // 2),
        "profile": "high",
        # Keyframes are the cutter's business; lengths instead of start codes save a copy.
        "x264-params": "scenecut=0:open-gop=0:keyint=infinite:annexb=0",
    }
    if plan.frame_rate < _SLOW:
        # A watcher of a video that still arrives would wait for so many pictures.
        depth = min(_DEPTHS[plan.preset], math.ceil(plan.frame_rate * _LOOK_AHEAD))
        options["rc-lookahead"] = str(depth)
    if plan.variable_rate:
        # A picture that stays long must not be decoded before others that are shown earlier.
        options["bf"] = "0"
    encoder.options = options
    encoder.open()
    return encoder
