"""Changes when: what our playlists say does (RFC 8216bis; Apple's authoring specification).

The multivariant playlist is built with m3u8; media playlists are text that only grows, so a
line once written is never written again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction

import m3u8
import msgspec

CONTENT_TYPE = "application/vnd.apple.mpegurl"
VERSION = 7
"""EXT-X-MAP in a playlist without I-FRAMES-ONLY needs 6; nothing here needs more than 7."""
_FIRST_VARIANT = 2_000_000
"""Bits per second of the variant to start with (Apple's authoring specification, 1.32)."""
_AUDIO_GROUP = "sound"
_RUN = 128
"""Segments that a run has at most: thrice as many as keyframes are in 1.5 target durations."""


class Rendition(msgspec.Struct, frozen=True, kw_only=True):
    """What the multivariant playlist says of one output. Bit rates are bits per second."""

    name: str
    codec: str
    peak: int
    average: int
    width: int = 0
    height: int = 0
    frame_rate: Fraction | None = None
    keyframe_peak: int = 0
    keyframe_average: int = 0
    channels: int = 0
    language: str = "und"
    label: str = ""

    @property
    def is_video(self) -> bool:
        return self.width > 0


def multivariant(renditions: Sequence[Rendition], folder: str) -> str:
    """The multivariant playlist; media playlists lie in `folder`, relative to it."""
    videos = [r for r in renditions if r.is_video]
    sounds = [r for r in renditions if not r.is_video]
    playlist = m3u8.M3U8()
    playlist.is_variant = True
    playlist.version = str(VERSION)
    playlist.is_independent_segments = True
    if not videos:
        for sound in sounds:
            playlist.add_playlist(_variant(folder, sound, None, []))
        return _dumped(playlist)
    media = [_media(folder, sound, default=n == 0) for n, sound in enumerate(sounds)]
    for entry in media:
        playlist.add_media(entry)
    heard = max(sounds, key=lambda r: r.peak) if sounds else None
    start = min(videos, key=lambda r: abs(r.average - _FIRST_VARIANT))
    for video in [start, *(v for v in videos if v is not start)]:
        playlist.add_playlist(_variant(folder, video, heard, media))
    for video in videos:
        playlist.add_iframe_playlist(_keyframes(folder, video))
    return _dumped(playlist)


def _dumped(playlist: m3u8.M3U8) -> str:
    text: str = playlist.dumps()
    return text.rstrip("\n") + "\n"


def _media(folder: str, sound: Rendition, *, default: bool) -> m3u8.Media:
    return m3u8.Media(
        uri=f"{folder}/{sound.name}.m3u8",
        type="AUDIO",
        group_id=_AUDIO_GROUP,
        name=sound.label or sound.language,
        language=sound.language,
        default="YES" if default else "NO",
        autoselect="YES",
        channels=str(sound.channels),
    )


def _variant(
    folder: str, rendition: Rendition, heard: Rendition | None, media: list[m3u8.Media]
) -> m3u8.Playlist:
    codecs = rendition.codec + (f",{heard.codec}" if heard else "")
    info = {
        "bandwidth": rendition.peak + (heard.peak if heard else 0),
        "average_bandwidth": rendition.average + (heard.average if heard else 0),
        "codecs": codecs,
    }
    if rendition.is_video:
        info |= {
            "resolution": f"{rendition.width}x{rendition.height}",
            "closed_captions": "NONE",
            "audio": _AUDIO_GROUP if media else None,
        }
        if rendition.frame_rate:
            info["frame_rate"] = f"{float(rendition.frame_rate):.3f}"
    return m3u8.Playlist(f"{folder}/{rendition.name}.m3u8", info, media, None)


def _keyframes(folder: str, video: Rendition) -> m3u8.IFramePlaylist:
    return m3u8.IFramePlaylist(
        None,
        f"{folder}/{video.name}.keyframes.m3u8",
        {
            "bandwidth": video.keyframe_peak,
            "average_bandwidth": video.keyframe_average,
            "codecs": video.codec,
            "resolution": f"{video.width}x{video.height}",
        },
    )


class MediaPlaylist:
    """One media playlist: EVENT while it grows, VOD once it has ended."""

    def __init__(
        self,
        init_uri: str,
        target_duration: int,
        *,
        keyframes_only: bool = False,
        lines: Sequence[str] = (),
    ) -> None:
        self._init_uri = init_uri
        self._target = target_duration
        self._keyframes_only = keyframes_only
        self._lines = list(lines)

    def copy(self) -> MediaPlaylist:
        """The same as far as it goes; it goes on by itself."""
        return MediaPlaylist(
            self._init_uri, self._target, keyframes_only=self._keyframes_only, lines=self._lines
        )

    def add(self, uri: str, duration: Fraction, byte_range: tuple[int, int] | None = None) -> None:
        """One more segment; `byte_range` is (offset, size) in the resource."""
        self._lines.append(f"#EXTINF:{seconds(duration)},")
        if byte_range:
            self._lines.append(f"#EXT-X-BYTERANGE:{byte_range[1]}@{byte_range[0]}")
        self._lines.append(uri)

    def text(self, *, ended: bool) -> str:
        """The playlist as it is now."""
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{VERSION}",
            f"#EXT-X-TARGETDURATION:{self._target}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            f"#EXT-X-PLAYLIST-TYPE:{'VOD' if ended else 'EVENT'}",
        ]
        if self._keyframes_only:
            lines.append("#EXT-X-I-FRAMES-ONLY")
        else:
            lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
        if not ended:
            # Players would join a growing playlist near its end.
            lines.append("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES")
        lines.append(f'#EXT-X-MAP:URI="{self._init_uri}"')
        lines += self._lines
        if ended:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"


def seconds(duration: Fraction) -> str:
    """A duration with microseconds, rounded half up from the exact value."""
    micros = (duration.numerator * 2_000_000 + duration.denominator) // (2 * duration.denominator)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


class BitRates:
    """Bit rates of segments, measured as they come; each costs as much as the first."""

    def __init__(self, target_duration: int, timescale: int) -> None:
        self._second = timescale
        self._half_target = target_duration * timescale / 2
        self._last: deque[tuple[int, int]] = deque(maxlen=_RUN)
        self._peak = 0.0
        self._ticks = 0
        self._bytes = 0

    def add(self, ticks: int, size: int) -> None:
        """One more segment of `size` bytes; it lasts `ticks` of the timescale."""
        self._ticks += ticks
        self._bytes += size
        self._last.append((ticks, size))
        run_ticks = run_bytes = 0
        for one_ticks, one_size in reversed(self._last):
            run_ticks += one_ticks
            run_bytes += one_size
            if run_ticks > 3 * self._half_target:
                break
            if run_ticks >= self._half_target:
                self._peak = max(self._peak, 8 * run_bytes * self._second / run_ticks)

    @property
    def peak(self) -> int:
        """Peak segment bit rate (RFC 8216bis, 4.1), bits per second.

        The largest bit rate of any run of segments that lasts 0.5 to 1.5 target durations; of
        all of them together if there is no such run.
        """
        return round(self._peak) or self.average

    @property
    def average(self) -> int:
        """Of all segments, bits per second."""
        return round(8 * self._bytes * self._second / self._ticks) if self._ticks else 0
