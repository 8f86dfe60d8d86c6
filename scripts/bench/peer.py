"""Changes when: whom we compare ourselves with, or on what, does.

The peer is the ffmpeg of the package imageio-ffmpeg, told on its command line to make the same
rungs: one decode, one scaler and one x264 each, fragmented MP4 and HLS playlists.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg

from server.settings import MediaSettings


class Rung(NamedTuple):
    """One picture rendition: pixels, and its highest bit rate."""

    width: int
    height: int
    peak: int


class Run(NamedTuple):
    """Seconds: until the first segment was listed, until all was over, and of processors."""

    first: float
    wall: float
    cpu: float


def clip(path: Path, seconds: int) -> Path:
    """A moving, grainy 720p picture with sound, as H.264 and AAC in an MP4 that can be streamed."""
    picture = f"testsrc2=size=1280x720:rate=30:duration={seconds},noise=alls=12:allf=t"
    sound = f"anoisesrc=duration={seconds}:colour=pink:amplitude=0.2:sample_rate=48000"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    codecs = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-c:a", "aac")
    where = ("-pix_fmt", "yuv420p", "-movflags", "faststart", str(path))
    subprocess.run([*_ffmpeg(), *inputs, *codecs, *where], check=True)
    return path


def ladder(source: Path, out: Path, rungs: list[Rung], settings: MediaSettings) -> Run:
    """Makes all rungs of `source` in the folder `out`."""
    labels = [f"v{number}" for number in range(len(rungs))]
    split = f"[0:v]split={len(rungs)}" + "".join(f"[s{label}]" for label in labels)
    scaled = [
        f"[s{label}]scale={rung.width}:{rung.height},setsar=1[{label}]"
        for label, rung in zip(labels, rungs, strict=True)
    ]
    command = [*_ffmpeg(), "-threads", str(settings.decoder_threads), "-i", str(source)]
    command += ["-filter_complex", ";".join([split, *scaled])]
    for number, (label, rung) in enumerate(zip(labels, rungs, strict=True)):
        command += ["-map", f"[{label}]", f"-c:v:{number}", "libx264"]
        command += [f"-maxrate:v:{number}", str(rung.peak)]
        command += [f"-bufsize:v:{number}", str(rung.peak * 3 // 2)]
    command += ["-map", "0:a:0?", "-c:a", "aac", "-b:a", str(settings.audio_bit_rate), "-ac", "2"]
    command += ["-preset", settings.preset, "-crf", str(settings.crf), "-pix_fmt", "yuv420p"]
    command += ["-threads", str(settings.encoder_threads), "-sc_threshold", "0"]
    command += ["-force_key_frames", f"expr:gte(t,n_forced*{settings.keyframe_seconds})"]
    streams = [f"v:{number},agroup:a" for number in range(len(rungs))]
    command += ["-f", "hls", "-hls_time", str(settings.cut_seconds), "-hls_playlist_type", "event"]
    command += ["-hls_segment_type", "fmp4", "-master_pl_name", "index.m3u8"]
    command += ["-var_stream_map", " ".join([*streams, "a:0,agroup:a"])]
    command += [str(out / "%v.m3u8")]
    return measured(command, lambda: "#EXTINF" in _text(out / "0.m3u8"))


def measured(command: list[str], begun: Callable[[], bool]) -> Run:
    """Runs a command to its good end; `begun` is asked until it says yes."""
    start = time.monotonic()
    first = None
    pid = os.posix_spawn(command[0], command, os.environ)
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if first is None and (done or begun()):
            first = time.monotonic() - start
        if done:
            break
        time.sleep(0.01)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    assert first is not None
    return Run(first, time.monotonic() - start, usage.ru_utime + usage.ru_stime)


def _ffmpeg() -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
