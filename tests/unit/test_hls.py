from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import m3u8
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import hls

GOLDEN = Path(__file__).parent.parent / "golden"
VIDEOS = [
    hls.Rendition(
        name=f"v{height}",
        codec="avc1.64001f",
        peak=peak,
        average=peak * 7 // 10,
        width=height * 16 // 9,
        height=height,
        frame_rate=Fraction(24_000, 1001),
        keyframe_peak=peak // 4,
        keyframe_average=peak // 8,
    )
    for height, peak in ((720, 4_000_000), (360, 2_500_000))
]
SOUND = hls.Rendition(
    name="a1",
    codec="mp4a.40.2",
    peak=140_000,
    average=128_000,
    channels=2,
    language="deu",
)


def rates(segments: list[tuple[int, int]]) -> hls.BitRates:
    """Of segments whose times are tenths of a second, with a target duration of 4 seconds."""
    found = hls.BitRates(4, 10)
    for ticks, size in segments:
        found.add(ticks, size)
    return found


def golden(name: str, text: str) -> None:
    assert text == (GOLDEN / name).read_text("utf-8")


def test_multivariant() -> None:
    text = hls.multivariant([*VIDEOS, SOUND], "ed")
    golden("multivariant.m3u8", text)
    parsed = m3u8.loads(text)
    assert [p.uri for p in parsed.playlists] == ["ed/v360.m3u8", "ed/v720.m3u8"]
    assert {p.stream_info.audio for p in parsed.playlists} == {"sound"}
    assert len(parsed.iframe_playlists) == 2


def test_multivariant_without_sound_and_with_sound_alone() -> None:
    silent = m3u8.loads(hls.multivariant(VIDEOS, "ed"))
    assert not silent.media
    assert {p.stream_info.audio for p in silent.playlists} == {None}
    heard = m3u8.loads(hls.multivariant([SOUND], "ed"))
    assert [p.stream_info.codecs for p in heard.playlists] == ["mp4a.40.2"]
    assert heard.playlists[0].stream_info.resolution is None


def test_media_playlist_grows_and_ends() -> None:
    playlist = hls.MediaPlaylist("v.init.mp4", 4)
    playlist.add("v.000000.1.m4s", Fraction(2))
    playlist.add("v.000001.1.m4s", Fraction(4004, 1001))
    growing = playlist.text(ended=False)
    golden("media-growing.m3u8", growing)
    playlist.add("v.000002.2.m4s", Fraction(1, 3))
    golden("media-ended.m3u8", playlist.text(ended=True))
    parsed = m3u8.loads(growing)
    assert parsed.playlist_type == "event"
    assert not parsed.is_endlist
    assert parsed.start.time_offset == 0


def test_keyframe_playlist() -> None:
    playlist = hls.MediaPlaylist("v.init.mp4", 4, keyframes_only=True)
    playlist.add("v.000000.1.m4s", Fraction(2), (24, 5000))
    text = playlist.text(ended=True)
    golden("keyframes.m3u8", text)
    assert m3u8.loads(text).segments[0].byterange == "5000@24"


@given(st.fractions(min_value=0, max_value=100_000))
def test_durations_are_exact_to_a_microsecond(duration: Fraction) -> None:
    assert abs(Fraction(hls.seconds(duration)) - duration) <= Fraction(1, 2_000_000)


def test_peak_bit_rate_looks_at_runs_of_about_a_target_duration() -> None:
    steady = rates([(40, 500_000)] * 5)
    assert (steady.peak, steady.average) == (1_000_000, 1_000_000)
    spike = rates([(40, 100_000), (1, 100_000), (40, 100_000)])
    assert spike.peak == round(8 * 200_000 / 4.1)
    assert rates([(10, 1000)]).peak == 8000
    assert (rates([]).peak, rates([]).average) == (0, 0)


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 1 << 20)), max_size=40))
def test_peak_bit_rate_is_that_of_the_best_run(segments: list[tuple[int, int]]) -> None:
    runs = [segments[a:b] for a in range(len(segments)) for b in range(a + 1, len(segments) + 1)]
    totals = [(sum(t for t, _ in run), sum(size for _, size in run)) for run in runs]
    fitting = [8 * size * 10 / ticks for ticks, size in totals if 20 <= ticks <= 60]
    measured = rates(segments)
    assert measured.peak == (round(max(fitting)) if fitting else measured.average)
