from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.containers import boxes
from server.protocols import cmaf
from server.protocols.codecs import AudioTrack, VideoTrack

AVCC = bytes.fromhex("0164001effe100176764001eacd940a02ff96100000300010002bf200f162d96")
AVCC += bytes.fromhex("01000468ef8fcbfdf8f800")
VIDEO = VideoTrack(640, 360, AVCC, (1, 1, 1, False))
AUDIO = AudioTrack(48_000, 2, bytes.fromhex("119056e500"), 128_000, "deu")


def tree(data: bytes, start: int = 0, end: int | None = None) -> list[tuple[str, int, int]]:
    """(path, start, end) of every box, depth first."""
    containers = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf"}
    found = []
    for box in boxes(lambda o, n: data[o : o + n], start, len(data) if end is None else end):
        assert box.end is not None
        found.append((box.kind.decode(), box.body, box.end))
        if box.kind in containers:
            found += tree(data, box.body, box.end)
    return found


def field(data: bytes, name: str, form: str, offset: int) -> int:
    (body,) = [start for kind, start, _ in tree(data) if kind == name]
    value: int = struct.unpack_from(form, data, body + offset)[0]
    return value


def test_codec_names() -> None:
    assert VIDEO.codec == "avc1.64001e"
    assert AUDIO.codec == "mp4a.40.2"


def test_init_segments_say_what_they_must() -> None:
    for track, handler in ((VIDEO, b"vide"), (AUDIO, b"soun")):
        data = cmaf.init_segment(track, 12_800, 1024)
        kinds = [kind for kind, _, _ in tree(data)]
        assert kinds[:2] == ["ftyp", "moov"]
        assert {"mvhd", "tkhd", "elst", "mdhd", "hdlr", "stsd", "trex"} <= set(kinds)
        assert field(data, "mdhd", ">I", 12) == 12_800
        assert field(data, "elst", ">i", 12) == 1024
        assert struct.pack(">I", field(data, "hdlr", ">I", 8)) == handler
    packed = field(cmaf.init_segment(AUDIO, 48_000, 1024), "mdhd", ">H", 20)
    assert "".join(chr((packed >> shift & 31) + 0x60) for shift in (10, 5, 0)) == "deu"


samples = st.lists(
    st.tuples(st.integers(1, 5000), st.binary(min_size=1, max_size=50), st.integers(-900, 900)),
    min_size=1,
    max_size=20,
)


@given(samples, st.integers(0, 1 << 40), st.integers(0, 1 << 31))
def test_fragments_point_to_their_samples(
    made: list[tuple[int, bytes, int]], decode_time: int, sequence: int
) -> None:
    given_samples = [cmaf.Sample(d, len(d), t, o, n == 0) for n, (t, d, o) in enumerate(made)]
    data = b"".join(bytes(b) for b in cmaf.video_fragment(sequence, decode_time, given_samples))
    assert field(data, "tfdt", ">Q", 4) == decode_time
    assert field(data, "mfhd", ">I", 4) == sequence
    count = field(data, "trun", ">I", 4)
    assert count == len(made)
    start = field(data, "trun", ">i", 8)
    (body,) = [begin for kind, begin, _ in tree(data) if kind == "trun"]
    for number, (duration, payload, offset) in enumerate(made):
        entry = struct.unpack_from(">IIIi", data, body + 12 + 16 * number)
        assert entry[0] == duration
        assert entry[1] == len(payload)
        assert entry[2] == (cmaf.SYNC if number == 0 else cmaf.NOT_SYNC)
        assert entry[3] == offset
        assert data[start : start + len(payload)] == payload
        start += len(payload)
    assert start == len(data)


def test_ffmpeg_reads_sound_as_it_was_written() -> None:
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "stereo", "fltp"
    encoder.time_base = Fraction(1, 48_000)
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.open()
    packets = []
    for number in range(20):
        frame = av.AudioFrame("fltp", "stereo", 1024)
        frame.sample_rate, frame.pts = 48_000, number * 1024
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    track = AudioTrack(48_000, 2, bytes(encoder.extradata or b""), 128_000)
    made = [cmaf.Sample(memoryview(p), p.size, 1024, 0, True) for p in packets]
    fragment = b"".join(bytes(b) for b in cmaf.audio_fragment(1, 0, made, 1024))
    file = cmaf.init_segment(track, 48_000, 1024) + cmaf.segment_type() + fragment
    with av.open(io.BytesIO(file), "r") as container:
        found = [packet for packet in container.demux(audio=0) if packet.size]
    assert [bytes(p) for p in found] == [bytes(p) for p in packets]
    assert [p.pts for p in found] == [n * 1024 - 1024 for n in range(len(packets))]
