"""Changes when: what is decided from the first decoded frame does.

What a header declares is only believed where the first frame agrees or cannot tell.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import av

from server.outputs.port import Colour, OutputFacts, Plan, Rung, Track
from server.outputs.sound import output_rate
from server.pipeline.cutter import Grid
from server.pipeline.intake import Opened
from server.pipeline.ladder import display_size, ladder
from server.pipeline.messages import Facts, Start
from server.pipeline.timeline import timescale_for
from server.settings import MediaSettings

_UNSPECIFIED = 2  # H.273
_STEADY = Fraction(1, 50)
_DAYS = 86_400 * 10
_RGB_COLOUR = (1, 1, 1, False)
_TS_DISCONT = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT: times in this format may jump."""
_FOREVER = Fraction(1 << 62)


class PictureSource(NamedTuple):
    """The pictures as they were found."""

    width: int
    """As people see them: upright, square pixels."""
    height: int
    rotation: int
    frame_rate: Fraction
    variable_rate: bool
    timescale: int
    nominal: int
    """Ticks of one frame."""
    colour: Colour | None
    rgb: bool


def picture_source(opened: Opened, frame: av.VideoFrame) -> PictureSource:
    """What the first picture shows."""
    stream = opened.video
    if stream is None:
        raise ValueError("no track with pictures")
    rotation = frame.rotation if frame.rotation in (-270, -180, -90, 90, 180, 270) else 0
    aspect = stream.sample_aspect_ratio
    width, height = display_size(frame.width, frame.height, aspect, rotation)
    rate = stream.guessed_rate or stream.average_rate
    if rate is None or not Fraction(1, 10) <= rate <= 480:
        rate = Fraction(25)
    timescale = timescale_for(stream.time_base or Fraction(1, 90_000), rate)
    return PictureSource(
        width=width,
        height=height,
        rotation=rotation,
        frame_rate=rate,
        variable_rate=_varies(stream),
        timescale=timescale,
        nominal=max(1, round(timescale / rate)),
        colour=_colour(frame),
        rgb=frame.format.is_rgb,
    )


def _varies(stream: av.VideoStream) -> bool:
    """Whether the average rate is clearly another than that of the shortest steps.

    Twice the average is steady, too: the fields of interlaced pictures.
    """
    average, base = stream.average_rate, stream.base_rate
    if not average or not base:
        return False
    return all(abs(average * fields / base - 1) > _STEADY for fields in (1, 2))


def _colour(frame: av.VideoFrame) -> Colour | None:
    """Primaries, transfer and matrix (H.273); our pictures always have limited range."""
    if frame.format.is_rgb:
        return _RGB_COLOUR
    values = (frame.color_primaries, frame.color_trc, frame.colorspace)
    known = tuple(v if 1 <= v <= 18 and v != 3 else _UNSPECIFIED for v in values)
    if all(value == _UNSPECIFIED for value in known):
        return None
    return known[0], known[1], known[2], False


def declared_end(opened: Opened) -> Fraction:
    """The second up to which the source's times make one line, as its container says.

    Zero if they may jump. FLV is a live stream as it came, broken clocks included. The header of
    a fragmented MP4 does not know how long it will be.
    """
    container = opened.container
    name = container.format.name
    if container.format.flags & _TS_DISCONT or name == "flv":
        return Fraction(0)
    if not container.duration or (name.startswith("mov") and not opened.has_sample_table):
        return _FOREVER
    return Fraction((container.start_time or 0) + container.duration, 1_000_000)


def plan(source: PictureSource, audio: av.AudioStream | None, start: Start) -> Plan:
    """The outputs of a source with pictures."""
    settings = start.settings
    rungs = ladder(source.width, source.height, source.frame_rate, settings.ladder)
    return _plan(
        start,
        timescale=source.timescale,
        frame_rate=source.frame_rate,
        variable_rate=source.variable_rate,
        rungs=rungs,
        tracks=[] if audio is None else [_track(audio)],
        colour=source.colour,
    )


def plan_sound(opened: Opened, frame: av.AudioFrame, start: Start) -> Plan:
    """The outputs of a source without pictures; its ticks are samples."""
    audio = opened.audio
    if audio is None:
        raise ValueError("no track with sound")
    channels = len(frame.layout.channels)
    return _plan(
        start,
        timescale=output_rate(frame.sample_rate),
        frame_rate=Fraction(25),
        variable_rate=False,
        rungs=[],
        tracks=[Track(audio.index, frame.sample_rate, channels, _language(audio))],
        colour=None,
    )


def _plan(
    start: Start,
    *,
    timescale: int,
    frame_rate: Fraction,
    variable_rate: bool,
    rungs: list[Rung],
    tracks: list[Track],
    colour: Colour | None,
) -> Plan:
    settings, resume = start.settings, start.resume
    return Plan(
        timescale=timescale,
        frame_rate=frame_rate,
        variable_rate=variable_rate,
        wanted=frozenset(settings.outputs),
        rungs=rungs,
        tracks=tracks,
        cut_seconds=Fraction(settings.cut_seconds),
        crf=settings.crf,
        preset=settings.preset,
        encoder_threads=settings.encoder_threads,
        audio_bit_rate=settings.audio_bit_rate,
        storyboard_seconds=settings.storyboard_seconds,
        colour=colour,
        first_cut=resume.cut if resume else 0,
        first_tick=resume.tick if resume else 0,
        anchors=resume.anchors if resume and not start.thorough else {},
        pose_rate=settings.pose_rate,
        pose_model=settings.pose_model,
    )


def _track(audio: av.AudioStream) -> Track:
    context = audio.codec_context
    return Track(
        audio.index, context.sample_rate or 0, context.layout.nb_channels or 0, _language(audio)
    )


def _language(stream: av.AudioStream) -> str:
    """Three letters of ISO 639-2; `und` for anything else."""
    code = (stream.language or "und").lower()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else "und"


def grid(plan: Plan, settings: MediaSettings) -> Grid:
    """Where cuts and keyframes belong."""
    return Grid(plan.timescale, plan.cut_seconds, Fraction(settings.keyframe_seconds))


def facts(opened: Opened, plan: Plan, outputs: list[OutputFacts], inits: list[bytes]) -> Facts:
    """What the host is told before the first piece."""
    duration = (opened.container.duration or 0) / 1_000_000
    top = plan.rungs[0] if plan.rungs else None
    return Facts(
        container=opened.container.format.name,
        timescale=plan.timescale,
        frame_rate=plan.frame_rate if top else None,
        width=top.width if top else 0,
        height=top.height if top else 0,
        video_codec=opened.video.codec_context.name if opened.video and top else None,
        audio_codec=opened.audio.codec_context.name if opened.audio else None,
        duration=duration if 0 < duration < _DAYS else None,
        outputs=outputs,
        inits=inits,
    )
