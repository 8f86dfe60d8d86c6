"""Changes when: how a container is opened does.

What FFmpeg may be is named: containers, codecs, no protocol, no name. The file object has no
name, so nothing can be guessed from one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import av
import av.logging

from server.job_errors import Damaged, Empty, Limits, NoMedia, NotMedia, Truncated, UnsupportedCodec
from server.pipeline import containers
from server.pipeline.messages import Notice
from server.settings import MediaSettings
from storage.growing import GrowingFile

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,mp3,flac,wav,ogg,aac"
VIDEO_CODECS = (
    "h264,hevc,libdav1d,av1,vp8,vp9,mpeg4,mpeg2video,mpeg1video,mjpeg,h263,flv,prores,dnxhd,theora,"
    "msmpeg4v2,msmpeg4v3,wmv1,wmv2,vc1,rawvideo,ffv1,png"
)
AUDIO_CODECS = (
    "aac,aac_latm,mp3,mp3float,mp2,mp2float,mp1,mp1float,ac3,eac3,dca,opus,libopus,vorbis,"
    "libvorbis,flac,alac,wavpack,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_u8,pcm_s8,pcm_f32le,pcm_f32be,pcm_f64le,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,"
    "adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,amrnb,libopencore_amrnb,amrwb,gsm,truehd,speex"
)
_CODECS = f"{VIDEO_CODECS},{AUDIO_CODECS}"
_BUFFER = 65_536
_CHANNELS_LIMIT = 16
_LEAN = 1920 * 1088
"""Pixels of a picture that one thread decodes in less time than it takes to find poses in it."""

S = TypeVar("S", av.VideoStream, av.AudioStream)


class Opened(NamedTuple):
    """A container and the tracks that will be used."""

    has_sample_table: bool
    """It is an MP4 whose index names every sample."""

    container: av.container.InputContainer
    video: av.VideoStream | None
    audio: av.AudioStream | None
    notices: list[Notice]


def open_source(file: GrowingFile, settings: MediaSettings) -> Opened:
    """Opens a source that may still be growing; blocks until its structure is there.

    Raises one of the errors of `server.job_errors` that end a job.
    """
    av.logging.set_level(None)
    if not file.read_at(0, 1):
        raise Empty
    has_sample_table = _choose_mode(file)
    try:
        container = av.open(
            file,
            "r",
            options={
                "format_whitelist": CONTAINERS,
                "protocol_whitelist": "none",
                "codec_whitelist": _CODECS,
                "max_streams": "64",
                "max_pixels": str(settings.max_pixels),
            },
            metadata_errors="replace",
            buffer_size=_BUFFER,
        )
    except MemoryError as error:
        raise Limits("opening it took too much memory") from error
    except (av.FFmpegError, ValueError) as error:
        raise _refusal(file, error) from error
    finally:
        file.hidden_from = None
    return _tracks(container, settings, has_sample_table)


def _choose_mode(file: GrowingFile) -> bool:
    """Seeking makes most demuxers go to the end first, which is not there yet.

    An MP4 with a sample table is the exception: its demuxer then takes the samples in the order
    of their times, however they are interleaved. What lies behind the media is hidden while it
    opens, or it would look there. Returns whether that is the case.
    """
    if not containers.is_mp4(file.read_at(0, 8)):
        return False
    layout = containers.mp4(file.read_at)
    if layout is None:
        raise Truncated("it has no index (moov)")
    if layout.fragmented:
        return False
    file.seek_allowed(True)
    if layout.index_first:
        file.hidden_from = layout.media_end
    return True


def _refusal(file: GrowingFile, error: Exception) -> Exception:
    if isinstance(error, av.error.MemoryError):
        return Limits("opening it took too much memory")
    length = file.length
    if length is not None and containers.ends_early(file.read_at, length):
        return Truncated()
    head = file.read_at(0, 8)
    if containers.is_mp4(head):
        return Damaged("its structure cannot be read")
    return NotMedia()


def _tracks(
    container: av.container.InputContainer, settings: MediaSettings, has_sample_table: bool
) -> Opened:
    notices: list[Notice] = []
    pictures = [stream for stream in container.streams.video if not _is_cover(stream)]
    video = _main(pictures, notices, "video_dropped")
    audio = _main(container.streams.audio, notices, "audio_dropped")
    if video is None and audio is None:
        raise UnsupportedCodec(notices[0].detail) if notices else NoMedia()
    if video is not None:
        _prepare(video.codec_context, settings, _threads(video.codec_context, settings))
        video.thread_type = "AUTO"
    if audio is not None:
        _prepare(audio.codec_context, settings, 1)
    for stream in container.streams:
        if stream is not video and stream is not audio:
            stream.discard = av.stream.Discard.all
    return Opened(has_sample_table, container, video, audio, notices)


def _threads(context: av.VideoCodecContext, settings: MediaSettings) -> int:
    """One decodes faster than poses are found; others would only take their time from that."""
    only_poses = settings.outputs == ("pose",)
    lean = context.width * context.height <= _LEAN
    return 1 if only_poses and lean else settings.decoder_threads


def _prepare(context: av.CodecContext, settings: MediaSettings, threads: int) -> None:
    # What was said at open binds the demuxer's probing only; the decoder is opened later.
    context.options = {"codec_whitelist": _CODECS, "max_pixels": str(settings.max_pixels)}
    context.copy_opaque = True
    context.thread_count = threads


def _main(streams: Sequence[S], notices: list[Notice], code: str) -> S | None:
    """The default track of those that can be decoded, else the first one."""
    usable: list[S] = []
    for stream in streams:
        objection = _objection(stream)
        if objection is None:
            usable.append(stream)
        else:
            notices.append(Notice(code, objection))
    preferred = [s for s in usable if s.disposition & av.stream.Disposition.default]
    return next(iter(preferred or usable), None)


def _objection(stream: av.VideoStream | av.AudioStream) -> str | None:
    """Why a track cannot be used."""
    # A track of an unknown codec has no context, whatever the type says.
    context: av.CodecContext | None = stream.codec_context
    if context is None or context.name not in _CODECS.split(","):
        return str(context.name) if context else "unknown"
    if isinstance(context, av.AudioCodecContext):
        channels = context.layout.nb_channels
        return f"{channels} channels" if channels > _CHANNELS_LIMIT else None
    return None


def _is_cover(stream: av.VideoStream) -> bool:
    kinds = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return bool(stream.disposition & kinds)


def ended_early(opened: Opened, file: GrowingFile) -> bool:
    """Whether a source that has been read to its end says that it should be longer."""
    length = file.length
    if length is None:
        return False
    if not opened.has_sample_table:
        return containers.ends_early(file.read_at, length)
    for stream in (opened.video, opened.audio):
        if stream is not None and len(stream.index_entries):
            last = stream.index_entries[-1]
            if last.pos + last.size > length:
                return True
    return False
