"""What a confined media process makes of a clip, looked at as a player would."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from server.jobs.processes import MediaProcesses
from server.outputs.port import RENDITIONS
from server.pipeline.containers import ReadAt, boxes
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip


def reader(data: bytes) -> ReadAt:
    return lambda offset, size: data[offset : offset + size]


FAST = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
CLIPS = {
    "plain.mp4": Clip(),
    "fast.mp4": Clip(options=FAST),
    "fragmented.mp4": Clip(options=FRAGMENTED),
    "plain.mkv": Clip(container="matroska"),
    "plain.ts": Clip(container="mpegts"),
    "plain.avi": Clip(container="avi", codec="mpeg4", audio_codec="mp3"),
    "ntsc.mp4": Clip(fps=Fraction(30_000, 1001)),
}


@pytest.mark.parametrize("name", CLIPS)
def test_every_container_gives_whole_cuts_in_step(
    processes: MediaProcesses, clips: Clips, name: str
) -> None:
    made = media.run(processes, clips(name, CLIPS[name]))
    assert made.done.early is None
    assert made.done.cuts == 4
    assert set(made.ends) == {0, 1, 2, 3}
    names = [output.name for output in made.settled.outputs]
    assert set(made.pieces) == {(n, cut) for n in names for cut in range(4)}
    (sound,) = made.names("audio")
    video = made.names("video")[-1]
    seen, heard = media.flashes(made.file(video)), media.beeps(made.file(sound))
    assert len(seen) == len(heard) == 10
    assert max(abs(a - b) for a, b in zip(seen, heard, strict=True)) < 0.04
    assert max(abs(at - n) for n, at in enumerate(seen)) < 0.05  # AVI counts from a frame on


def test_segments_begin_with_keyframes_and_follow_each_other(
    processes: MediaProcesses, clips: Clips
) -> None:
    made = media.run(processes, clips("plain.mp4", CLIPS["plain.mp4"]))
    for output in [o for o in made.settled.outputs if o.kind in RENDITIONS]:
        index = made.settled.outputs.index(output)
        at = 0
        for cut in range(4):
            header, data = made.pieces[output.name, cut]
            with av.open(io.BytesIO(made.settled.inits[index] + data), "r") as container:
                packets = [p for p in container.demux() if p.size]
            assert packets[0].is_keyframe
            assert len(packets) == header.frames
            first = min(p.pts for p in packets if p.pts is not None)
            priming = 1024 if output.kind == "audio" else 0
            assert first + priming == at
            at += header.duration
        if output.kind == "video":
            assert at == made.ends[3].end


def test_each_keyframe_can_be_shown_alone(processes: MediaProcesses, clips: Clips) -> None:
    made = media.run(processes, clips("plain.mp4", CLIPS["plain.mp4"]))
    name = made.names("video")[0]
    shown = 0
    for cut in range(4):
        header, data = made.pieces[name, cut]
        for offset, size, _ in header.keyframes:
            part = data[offset : offset + size]
            kinds = [box.kind for box in boxes(reader(part), 0, None)]
            assert kinds == [b"moof", b"mdat"]
            with av.open(io.BytesIO(made.settled.inits[0] + part), "r") as container:
                assert len(list(container.decode(video=0))) == 1
            shown += 1
    assert shown == 5  # at 0, 2, 4, 6 and 8 s


def test_renditions_have_the_same_boundaries(processes: MediaProcesses, clips: Clips) -> None:
    made = media.run(processes, clips("ntsc.mp4", CLIPS["ntsc.mp4"]))
    large, small = made.names("video")
    for cut in range(4):
        a, b = made.pieces[large, cut][0], made.pieces[small, cut][0]
        assert (a.duration, a.frames) == (b.duration, b.frames)
    times = media.picture_times(made.file(large))
    assert len(times) == 300
    steps = [b - a for a, b in pairwise(times)]
    assert max(abs(step - 1001 / 30_000) for step in steps) < 1e-4


def test_pictures_at_uneven_times_keep_them(processes: MediaProcesses, clips: Clips) -> None:
    times = (
        *(0.0, 0.033, 0.066, 2.5, 2.6, 2.7),
        *(3 + 0.04 * n for n in range(20)),
        *(6.4 + 0.033 * n for n in range(70)),
    )
    made = media.run(processes, clips("vfr.mp4", Clip(seconds=9, times=times)))
    shown = media.picture_times(made.file(made.names("video")[0]))
    held = [2.0, 4.0]
    expected = sorted([*times, *held])
    assert len(shown) == len(expected)
    assert max(abs(a - b) for a, b in zip(shown, expected, strict=True)) < 2e-5
    for cut, end in made.ends.items():
        assert Fraction(end.end - end.start, made.settled.timescale) <= Fraction(44, 10), cut


def test_without_sound(processes: MediaProcesses, clips: Clips) -> None:
    made = media.run(processes, clips("silent.mp4", Clip(seconds=3, audio=False)))
    assert made.names("audio") == []
    assert made.done.cuts == 2


def test_sound_alone(processes: MediaProcesses, clips: Clips) -> None:
    clip = Clip(seconds=7, video=False)
    made = media.run(processes, clips("sound.m4a", clip))
    assert made.names("video") == []
    assert made.done.cuts == 3
    heard = media.beeps(made.file(made.names("audio")[0]))
    assert max(abs(at - n) for n, at in enumerate(heard)) < 0.01
    assert len(heard) == 7


@pytest.mark.parametrize(
    ("name", "clip", "beeps"),
    [
        ("late.mkv", Clip(seconds=9, container="matroska", audio_from=5), [5, 6, 7, 8]),
        ("early.mkv", Clip(seconds=9, container="matroska", audio_until=4), [0, 1, 2, 3]),
        ("over.mkv", Clip(seconds=2.6, container="matroska", audio_until=3.4), [0, 1, 2]),
    ],
)
def test_sound_covers_the_pictures_exactly(
    processes: MediaProcesses, clips: Clips, name: str, clip: Clip, beeps: list[int]
) -> None:
    made = media.run(processes, clips(name, clip))
    (sound,) = made.names("audio")
    covered = sum(made.pieces[sound, cut][0].duration for cut in range(made.done.cuts)) - 1024
    end = made.ends[made.done.cuts - 1].end
    assert 0 <= covered / 48_000 - end / made.settled.timescale < 1024 / 48_000
    heard = media.beeps(made.file(sound))
    assert [round(at) for at in heard] == beeps
    assert max(abs(at - round(at)) for at in heard) < 0.03


def test_the_last_picture_stays_while_sound_goes_on(
    processes: MediaProcesses, clips: Clips
) -> None:
    clip = Clip(seconds=3, container="matroska", audio_until=40)
    made = media.run(processes, clips("goes-on.mkv", clip))
    assert abs(made.ends[made.done.cuts - 1].end / made.settled.timescale - 40) < 0.1
    assert len(media.beeps(made.file(made.names("audio")[0]))) == 40


@pytest.mark.parametrize(
    ("name", "clip", "rate"),
    [
        (
            "8k.mkv",
            Clip(
                seconds=5,
                container="matroska",
                audio_codec="pcm_s16le",
                audio_rate=8000,
                audio_layout="mono",
            ),
            48_000,
        ),
        ("22k.mp4", Clip(seconds=5, audio_rate=22_050), 44_100),
        ("51.mkv", Clip(seconds=5, container="matroska", audio_codec="ac3", audio_layout="5.1"), 0),
    ],
)
def test_any_rate_and_layout_becomes_aac(
    processes: MediaProcesses, clips: Clips, name: str, clip: Clip, rate: int
) -> None:
    made = media.run(processes, clips(name, clip))
    (output,) = [o for o in made.settled.outputs if o.kind == "audio"]
    assert output.sample_rate == (rate or 48_000)
    assert output.channels == (1 if clip.audio_layout == "mono" else 2)
    heard = media.beeps(made.file(output.name))
    assert len(heard) == 5
    assert max(abs(at - n) for n, at in enumerate(heard)) < 0.02


def test_pixels_become_square(processes: MediaProcesses, clips: Clips) -> None:
    clip = Clip(seconds=2, width=240, height=180, pixel_aspect=Fraction(3, 2))
    made = media.run(processes, clips("wide-pixels.mp4", clip))
    assert (made.settled.width, made.settled.height) == (360, 180)


def test_odd_sizes_become_even(processes: MediaProcesses, clips: Clips) -> None:
    clip = Clip(
        seconds=1,
        width=161,
        height=121,
        pix_fmt="yuv444p",
        container="matroska",
        codec="libvpx-vp9",
        audio=False,
    )
    made = media.run(processes, clips("odd.mkv", clip))
    sizes = [(o.width, o.height) for o in made.settled.outputs if o.kind == "video"]
    assert sizes == [(160, 120), (106, 80)]


def test_full_range_becomes_limited_without_a_shift(
    processes: MediaProcesses, clips: Clips
) -> None:
    limited = clips("limited.mp4", Clip(seconds=1, audio=False))
    full = clips("full.mp4", Clip(seconds=1, audio=False, pix_fmt="yuvj420p"))
    lumas = []
    for path in (limited, full):
        made = media.run(processes, path)
        file = made.file(made.names("video")[0])
        lumas.append(media.mean_luma(file))
    assert abs(lumas[0] - lumas[1]) < 2


def test_arriving_bytes_make_the_same_as_a_whole_file(
    processes: MediaProcesses, clips: Clips
) -> None:
    path = clips("fast.mp4", CLIPS["fast.mp4"])
    whole = media.run(processes, path)
    arriving = media.spread(path.stat().st_size, 5_000)
    grown = media.run(processes, path, arriving=arriving)
    assert grown.settled == whole.settled
    assert grown.ends == whole.ends
    assert {k: v[0] for k, v in grown.pieces.items()} == {k: v[0] for k, v in whole.pieces.items()}


def test_an_index_at_the_end_may_come_first(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("plain.mp4", CLIPS["plain.mp4"])
    data = path.read_bytes()
    moov = data.rindex(b"moov") - 4
    size = len(data)
    arriving = [(0, 4096), (moov, size), *media.spread(moov, 8_000)]
    made = media.run(processes, path, arriving=arriving)
    assert made.done.cuts == 4
