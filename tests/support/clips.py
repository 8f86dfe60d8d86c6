"""Changes when: a test needs another kind of video. Clips are made here, never stored.

Every clip carries a pattern that can be judged: a white flash and a beep at every whole second,
and the picture's number as a bar across the top.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace

RATE = 48_000


@dataclass(frozen=True)
class Clip:
    """What to make. Times are seconds."""

    seconds: float = 10.0
    width: int = 320
    height: int = 180
    fps: Fraction = Fraction(25)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    container: str = "mp4"
    options: dict[str, str] = field(default_factory=dict)
    video: bool = True
    audio: bool = True
    audio_codec: str = "aac"
    audio_rate: int = RATE
    audio_layout: str = "stereo"
    audio_from: float = 0.0
    audio_until: float | None = None
    pixel_aspect: Fraction | None = None
    keyframe_every: int = 50
    times: tuple[float, ...] | None = None
    """Presentation times of the pictures; None: evenly by `fps`."""
    black_until: float = 0.0
    """Before that there is nothing to be seen."""
    plain: tuple[int, int, int] | None = None
    """The colour of all pictures, instead of the pattern: red, green, blue."""
    matrix: int | None = None
    """H.273's number for how colours are coded: 1 or 6; None: as 6, and not declared."""


def make(path: Path, clip: Clip) -> Path:
    """Encodes `clip` to `path`."""
    with av.open(str(path), "w", format=clip.container, options=clip.options) as container:
        video = _video_stream(container, clip) if clip.video else None
        audio = _audio_stream(container, clip) if clip.audio else None
        pictures = _pictures(clip) if video is not None else iter(())
        sounds = _sounds(clip) if audio is not None else iter(())
        for frame in _in_order(pictures, sounds):
            if isinstance(frame, av.VideoFrame):
                assert video is not None
                container.mux(video.encode(frame))
            else:
                assert audio is not None
                container.mux(audio.encode(frame))
        for stream in (video, audio):
            if stream is not None:
                container.mux(stream.encode(None))
    return path


def _audio_stream(container: av.container.OutputContainer, clip: Clip) -> av.AudioStream:
    stream = container.add_stream(clip.audio_codec, rate=clip.audio_rate)
    assert isinstance(stream, av.AudioStream)
    stream.layout = clip.audio_layout
    return stream


def _video_stream(container: av.container.OutputContainer, clip: Clip) -> av.VideoStream:
    stream = container.add_stream(clip.codec, rate=clip.fps)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pix_fmt
    stream.codec_context.gop_size = clip.keyframe_every
    stream.codec_context.thread_count = 2
    if clip.times is not None:
        stream.codec_context.time_base = Fraction(1, 90_000)
    if clip.matrix is not None:
        stream.codec_context.colorspace = clip.matrix
    if clip.pixel_aspect is not None:
        stream.codec_context.sample_aspect_ratio = clip.pixel_aspect
    if clip.codec == "libx264":
        stream.codec_context.options = {"preset": "ultrafast", "bf": "2"}
    return stream


def _pictures(clip: Clip) -> Iterable[tuple[float, av.VideoFrame]]:
    times = clip.times or [float(n / clip.fps) for n in range(round(clip.seconds * clip.fps))]
    base = Fraction(1, 90_000)
    for number, at in enumerate(times):
        frame = _painted(clip, number, at).reformat(
            format=clip.pix_fmt, dst_colorspace=Colorspace.ITU709 if clip.matrix == 1 else None
        )
        frame.time_base = base
        frame.pts = round(at * 90_000)
        yield at, frame


def _painted(clip: Clip, number: int, at: float) -> av.VideoFrame:
    colour = (0, 0, 0) if at < clip.black_until else clip.plain
    if colour is None:
        return picture(clip.width, clip.height, number, at)
    rgb = np.full((clip.height, clip.width, 3), colour, np.uint8)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24")


def picture(width: int, height: int, number: int, at: float) -> av.VideoFrame:
    """A moving gradient; white at every whole second; a bar as long as the number."""
    x = np.arange(width, dtype=np.uint16)
    y = np.arange(height, dtype=np.uint16)[:, None]
    luma = ((x + y + 3 * number) % 160 + 16).astype(np.uint8)
    luma[: max(2, height // 10), : 1 + number % width] = 16
    if at - int(at) < 0.02:
        luma[:] = 235
    rgb = np.repeat(luma[:, :, None], 3, axis=2)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")


def _sounds(clip: Clip) -> Iterable[tuple[float, av.AudioFrame]]:
    until = clip.audio_until if clip.audio_until is not None else clip.seconds
    layout = av.AudioLayout(clip.audio_layout)
    first, last = round(clip.audio_from * clip.audio_rate), round(until * clip.audio_rate)
    for start in range(first, last, 1024):
        count = min(1024, last - start)
        t = np.arange(start, start + count) / clip.audio_rate
        beep = np.where(t % 1 < 0.05, 0.5 * np.sin(2 * np.pi * 1000 * t), 0.0).astype(np.float32)
        data = np.ascontiguousarray(np.tile(beep, (layout.nb_channels, 1)))
        frame = av.AudioFrame.from_ndarray(data, format="fltp", layout=clip.audio_layout)
        frame.sample_rate = clip.audio_rate
        frame.time_base = Fraction(1, clip.audio_rate)
        frame.pts = start
        yield start / clip.audio_rate, frame


def _in_order(
    pictures: Iterable[tuple[float, av.VideoFrame]], sounds: Iterable[tuple[float, av.AudioFrame]]
) -> Iterable[av.VideoFrame | av.AudioFrame]:
    left, right = iter(pictures), iter(sounds)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] <= b[0]):
            assert a is not None
            yield a[1]
            a = next(left, None)
        else:
            yield b[1]
            b = next(right, None)
