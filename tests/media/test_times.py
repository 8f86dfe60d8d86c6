"""Times as containers tell them: long stills, clocks that jump, tracks one behind the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import msgspec
import pytest

from server.jobs.processes import MediaProcesses
from server.pipeline.messages import Start, encode_fraction
from server.pipeline.timeline import STILLS
from server.settings import MediaSettings, Preset
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip

FAST = {"movflags": "faststart"}
FLV = {"container": "flv", "codec": "flv", "audio_codec": "mp3", "audio_rate": 44_100}
SLIDES = tuple(12.0 * n for n in range(8))
RARE = tuple(30.0 * n for n in range(5))
STILL = tuple(n / 25 for n in range(250)) + tuple(35 + n / 25 for n in range(100))
CLIPS = {
    "slides.mp4": Clip(seconds=96, times=SLIDES, options=FAST),
    "slides.mkv": Clip(seconds=96, times=SLIDES, container="matroska"),
    "slides.ts": Clip(seconds=96, times=SLIDES, container="mpegts"),
    "slides.flv": Clip(seconds=96, times=SLIDES, **FLV),  # type: ignore[arg-type]
    "rare.mp4": Clip(seconds=140, times=RARE, options=FAST),
    "rare.mkv": Clip(seconds=140, times=RARE, container="matroska"),
    "rare.ts": Clip(seconds=140, times=RARE, container="mpegts"),
    "still.mp4": Clip(seconds=39, times=STILL, options=FAST),
    "still.mkv": Clip(seconds=39, times=STILL, container="matroska"),
    "still.ts": Clip(seconds=39, times=STILL, container="mpegts"),
    "last.mkv": Clip(seconds=90, times=(0.0, 5.0, 10.0), container="matroska"),
    "one.mkv": Clip(seconds=60, times=(0.0,), container="matroska"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_picture_stays_while_sound_goes_on(
    processes: MediaProcesses, clips: Clips, name: str
) -> None:
    clip = CLIPS[name]
    made = media.run(processes, clips(name, clip))
    assert made.done.notices == []
    assert abs(length(made) - clip.seconds) < 0.1
    shown = media.picture_times(made.file(made.names("video")[0]))
    assert all(a < b for a, b in pairwise(shown))
    assert not [at for at in clip.times or () if min(abs(at - t) for t in shown) > 0.03]
    heard = media.beeps(made.file(made.names("audio")[0]))
    assert len(heard) == clip.seconds
    assert max(abs(at - n) for n, at in enumerate(heard)) < 0.03


def test_what_has_come_is_made_though_no_more_pictures_come(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    """Three pictures at the start, then only sound, and the file is still growing."""
    clip = clips("last.mp4", Clip(seconds=90, times=(0.0, 5.0, 10.0)))
    path = remux(clip, tmp_path / "x.mkv", "matroska")
    arrived = path.stat().st_size * 9 // 10
    start = Start(settings=media.SMALL, ranges=[(0, arrived)], length=None)
    descriptor = os.open(path, os.O_RDONLY)
    process = processes.start(start, descriptor)
    os.close(descriptor)
    made = media.Made()
    deadline = time.monotonic() + 60
    while len(made.ends) < 9 and media.listen(process, made):
        assert time.monotonic() < deadline
    process.kill()
    process.close()
    shown = media.picture_times(made.file(made.names("video")[0]))
    assert [at for at in (0.0, 5.0, 10.0) if min(abs(at - t) for t in shown) > 0.03] == []
    assert shown[-1] >= 24


@pytest.mark.parametrize(("preset", "every"), [("slow", 5), ("medium", 9), ("veryslow", 3.9)])
def test_cuts_come_one_after_the_other(
    processes: MediaProcesses, clips: Clips, preset: Preset, every: float
) -> None:
    """However many pictures the encoder looks ahead."""
    times = tuple(every * n for n in range(round(240 / every)))
    clip = Clip(seconds=240, times=times, width=64, height=64, options=FAST)
    path = clips(f"every{every}.mp4", clip)
    settings = MediaSettings(ladder=(64, 32), preset=preset)
    size = path.stat().st_size
    start = Start(settings=settings, ranges=[(0, size)], length=size)
    descriptor = os.open(path, os.O_RDONLY)
    process = processes.start(start, descriptor)
    os.close(descriptor)
    made = media.Made()
    while media.listen(process, made):
        whole = len(made.ends)
        assert sorted(made.ends) == list(range(whole))
        assert all(cut <= whole for _, cut in made.pieces)
        assert all((o.name, whole - 1) in made.pieces for o in made.settled.outputs if whole)
    process.close()
    assert len(made.ends) == made.done.cuts >= 60


@pytest.mark.parametrize("container", ["mp4", "matroska"])
@pytest.mark.parametrize(("times", "seconds"), [(SLIDES, 84), (STILL, 39)])
def test_or_while_the_container_says_so(
    processes: MediaProcesses,
    clips: Clips,
    container: str,
    times: tuple[float, ...],
    seconds: int,
) -> None:
    clip = Clip(seconds=seconds, times=times, container=container, audio=False)
    made = media.run(processes, clips(f"silent{seconds}.{container}", clip))
    assert made.done.notices == []
    assert abs(length(made) - seconds) < 0.1
    shown = media.picture_times(made.file(made.names("video")[0]))
    assert not [at for at in times if min(abs(at - t) for t in shown) > 0.03]


def test_a_still_does_not_move_what_was_shown_before_it(
    processes: MediaProcesses, clips: Clips
) -> None:
    """However the encoder puts pictures into another order."""
    times = (*(n / 25 for n in range(246)), *(18 + n / 25 for n in range(50)))
    clip = Clip(seconds=20, times=times, container="matroska", audio=False)
    settings = msgspec.structs.replace(media.SMALL, preset="medium")
    made = media.run(processes, clips("reordered.mkv", clip), settings)
    shown = media.picture_times(made.file(made.names("video")[0]))
    assert not [at for at in times if min(abs(at - t) for t in shown) > 0.001]


def test_a_few_bytes_do_not_make_work_without_end(processes: MediaProcesses, clips: Clips) -> None:
    tiny = {"width": 32, "height": 32, "audio": False, "container": "matroska"}
    week = Clip(seconds=9, times=(0.0, 600_000.0, 600_000.5), **tiny)  # type: ignore[arg-type]
    made = media.run(processes, clips("week.mkv", week))
    assert length(made) < 2
    assert [(n.code, n.detail) for n in made.done.notices] == [("times_jump", "1")]
    hours = Clip(seconds=9, times=tuple(3600.0 * n for n in range(12)), **tiny)  # type: ignore[arg-type]
    made = media.run(processes, clips("hours.mkv", hours))
    assert abs(length(made) - STILLS) < 1
    assert [(n.code, n.detail) for n in made.done.notices] == [("times_jump", "5")]


def test_sound_far_away_does_not_either(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    clip = clips("short.mp4", Clip(seconds=20))

    def moved(kind: str, at: float) -> float:
        return at + 600_000 if kind == "audio" and at >= 2 else at

    made = media.run(processes, remux(clip, tmp_path / "far.mkv", "matroska", moved))
    assert length(made) < 21
    assert [(n.code, n.detail) for n in made.done.notices] == [("sound_jumps", "1")]


@pytest.mark.parametrize("jump", [20, 3600])
def test_a_clock_that_jumps_is_closed_in_a_stream(
    processes: MediaProcesses, clips: Clips, tmp_path: Path, jump: int
) -> None:
    clip = clips("short.mp4", Clip(seconds=20))
    path = remux(clip, tmp_path / "x", "mpegts", lambda _, at: at + jump if at >= 10 else at)
    made = media.run(processes, path)
    assert [(n.code, n.detail) for n in made.done.notices] == [("times_jump", "1")]
    in_step(made, 20)
    goes_on_alike(processes, path, made)


def test_a_stream_that_starts_anew_goes_on(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    data = clips("short.ts", Clip(seconds=20, container="mpegts")).read_bytes()
    path = tmp_path / "x.ts"
    path.write_bytes(data * 2)
    made = media.run(processes, path)
    assert [(n.code, n.detail) for n in made.done.notices] == [("times_jump", "1")]
    in_step(made, 40)
    goes_on_alike(processes, path, made)


def test_sound_that_jumps_alone_is_told(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    clip = clips("forty.mp4", Clip(seconds=40))

    def moved(kind: str, at: float) -> float:
        return at + 3600 if kind == "audio" and at >= 10 else at

    path = remux(clip, tmp_path / "x", "mpegts", moved)
    made = media.run(processes, path)
    assert [(n.code, n.detail) for n in made.done.notices] == [("sound_jumps", "1")]
    in_step(made, 40)
    goes_on_alike(processes, path, made)


def test_what_is_kept_does_not_grow_with_the_jumps(processes: MediaProcesses, clips: Clips) -> None:
    times = tuple(11.003 * n for n in range(400))
    clip = Clip(times=times, width=64, height=64, keyframe_every=1, audio=False, **FLV)  # type: ignore[arg-type]
    made = media.run(processes, clips("jumps.flv", clip))
    assert [(n.code, n.detail) for n in made.done.notices] == [("times_jump", "399")]
    rows = [len(msgspec.json.encode(e, enc_hook=encode_fraction)) for e in made.ends.values()]
    assert len(rows) > 4
    assert max(rows) < 300


def test_sound_behind_all_pictures_is_in_its_place(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    """The first of it comes when silence has been published already, and that is told."""
    clip = clips("forty.mp4", Clip(seconds=40))
    path = remux(clip, tmp_path / "x.mkv", "matroska", order=("video", "audio"))
    made = media.run(processes, path)
    ((code, detail),) = [(n.code, n.detail) for n in made.done.notices]
    assert code == "sound_late"
    assert 15 <= int(detail) <= 25
    assert abs(length(made) - 40) < 0.1
    heard = media.beeps(made.file(made.names("audio")[0]))
    assert len(heard) >= 15
    assert max(abs(at - round(at)) for at in heard) < 0.03
    assert round(heard[-1]) == 39
    goes_on_alike(processes, path, made)


def test_pictures_behind_all_sound_are_in_their_places(
    processes: MediaProcesses, clips: Clips, tmp_path: Path
) -> None:
    clip = clips("forty.mp4", Clip(seconds=40))
    path = remux(clip, tmp_path / "x.mkv", "matroska", order=("audio", "video"))
    made = media.run(processes, path)
    assert made.done.notices == []
    in_step(made, 40)
    goes_on_alike(processes, path, made)


def length(made: media.Made) -> float:
    """Seconds that were made."""
    return made.ends[made.done.cuts - 1].end / made.settled.timescale


def in_step(made: media.Made, seconds: int) -> None:
    """All pictures and all sound are there, and together."""
    assert abs(length(made) - seconds) < 0.2
    seen = media.flashes(made.file(made.names("video")[0]))
    heard = media.beeps(made.file(made.names("audio")[0]))
    assert len(seen) == len(heard) == seconds
    assert max(abs(a - b) for a, b in zip(seen, heard, strict=True)) < 0.06


def goes_on_alike(processes: MediaProcesses, path: Path, whole: media.Made) -> None:
    """A resume after any cut makes the rest as it was, to the tick and to the sample."""
    sound = whole.names("audio")[0]
    heard = media.beeps(whole.file(sound))
    for cut in range(1, whole.done.cuts, 2):
        rest = media.run(processes, path, resume=whole.resume_at(cut))
        assert rest.done.cuts == whole.done.cuts
        for key, (header, _) in rest.pieces.items():
            before = whole.pieces[key][0]
            assert (header.duration, header.frames) == (before.duration, before.frames), key
        joined = media.Made(whole.facts, whole.pieces | rest.pieces)
        assert media.beeps(joined.file(sound)) == pytest.approx(heard, abs=0.001)


def remux(
    source: Path,
    target: Path,
    container: str,
    moved: Callable[[str, float], float] = lambda _, at: at,
    order: tuple[str, ...] | None = None,
) -> Path:
    """Writes the packets of `source` at other times, or a track after the other."""
    with av.open(str(source)) as opened:
        packets = [packet for packet in opened.demux() if packet.size]
        if order:
            packets.sort(key=lambda packet: order.index(packet.stream.type))
        options = {"max_interleave_delta": "1"}
        with av.open(str(target), "w", format=container, options=options) as written:
            tracks = {s.index: written.add_stream_from_template(s) for s in opened.streams}
            for packet in packets:
                assert packet.pts is not None
                assert packet.dts is not None
                at = Fraction(packet.pts) * packet.time_base
                by = round((moved(packet.stream.type, float(at)) - float(at)) / packet.time_base)
                packet.pts += by
                packet.dts += by
                packet.stream = tracks[packet.stream.index]
                written.mux_one(packet)
    return target
