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
    steady = [(Fraction(4), 500_000)] * 5
    assert hls.peak_bit_rate(steady, 4) == 1_000_000
    assert hls.average_bit_rate(steady) == 1_000_000
    spike = [(Fraction(4), 100_000), (Fraction(1, 10), 100_000), (Fraction(4), 100_000)]
    assert hls.peak_bit_rate(spike, 4) == round(8 * 200_000 / 4.1)
    assert hls.peak_bit_rate([(Fraction(1), 1000)], 4) == 8000
    assert hls.peak_bit_rate([], 4) == 0
