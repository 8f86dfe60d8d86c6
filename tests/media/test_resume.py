"""Another process goes on after the last published cut as if nothing had happened."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from server.jobs.processes import MediaProcesses
from tests.conftest import Clips
from tests.support import media
from tests.support.clips import Clip

TIMES = tuple(0.04 * n for n in range(60)) + tuple(4.7 + 0.05 * n for n in range(150))
SLIDES = (*(n / 25 for n in range(60)), 14.5, 29.0, *(31 + n / 25 for n in range(40)))
CLIPS = {
    "resume.mp4": Clip(seconds=14, keyframe_every=70),
    "resume.mkv": Clip(seconds=14, container="matroska", audio_codec="mp3"),
    "resume.ts": Clip(seconds=14, container="mpegts", audio_codec="mp2"),
    "resume-vfr.mp4": Clip(seconds=12, times=TIMES),
    "resume-22k.mkv": Clip(seconds=14, container="matroska", audio_rate=22_050),
    "resume-sound.mkv": Clip(seconds=30, container="matroska", video=False),
    "resume-long.mkv": Clip(seconds=40, fps=Fraction(5), container="matroska", keyframe_every=40),
    "resume-late.mkv": Clip(seconds=14, container="matroska", audio_from=7),
    "resume-slides.mp4": Clip(seconds=40, times=(0.0, 13.0, 27.0, 38.0)),
    "resume-slides.ts": Clip(seconds=40, times=(0.0, 13.0, 27.0, 38.0), container="mpegts"),
    "resume-slides.mkv": Clip(seconds=33, times=SLIDES, container="matroska", keyframe_every=3),
}


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("name", CLIPS)
def test_goes_on_alike_after_every_cut(
    processes: MediaProcesses, clips: Clips, name: str, *, thorough: bool
) -> None:
    path = clips(name, CLIPS[name])
    whole = media.run(processes, path)
    for cut in range(1, whole.done.cuts + 1):
        rest = media.run(processes, path, resume=whole.resume_at(cut), thorough=thorough)
        assert rest.done.cuts == whole.done.cuts
        assert rest.settled.inits == whole.settled.inits
        assert set(rest.pieces) == {key for key in whole.pieces if key[1] >= cut}
        stills = {*whole.names("thumbnails"), *whole.names("storyboard")}
        assert len(stills) == (0 if "sound" in name else 2)
        for key, (header, data) in rest.pieces.items():
            before = whole.pieces[key][0]
            assert (header.duration, header.frames) == (before.duration, before.frames), key
            if key[0] in stills:
                assert (header, data) == whole.pieces[key], key
        for number, end in rest.ends.items():
            assert (end.start, end.end) == (whole.ends[number].start, whole.ends[number].end)


@pytest.mark.parametrize(
    ("name", "cut"), [("resume-vfr.mp4", 2), ("resume-slides.mp4", 6), ("resume-slides.mkv", 7)]
)
def test_pictures_go_on_at_their_times(
    processes: MediaProcesses, clips: Clips, name: str, cut: int
) -> None:
    path = clips(name, CLIPS[name])
    whole = media.run(processes, path)
    video = whole.names("video")[0]
    times = media.picture_times(whole.file(video))
    rest = media.run(processes, path, resume=whole.resume_at(cut))
    whole.pieces |= rest.pieces
    joined = media.picture_times(whole.file(video))
    assert joined == times


@pytest.mark.parametrize("name", ["resume.mp4", "resume.mkv", "resume.ts", "resume-22k.mkv"])
def test_sound_goes_on_without_a_click(processes: MediaProcesses, clips: Clips, name: str) -> None:
    """The seam is no worse than what coding the sound does everywhere."""
    path = clips(name, CLIPS[name])
    whole = media.run(processes, path)
    (sound,) = whole.names("audio")
    before = np.concatenate([part for _, _, part in media.sound(whole.file(sound))])
    cut = 3
    rest = media.run(processes, path, resume=whole.resume_at(cut))
    whole.pieces |= rest.pieces
    after = np.concatenate([part for _, _, part in media.sound(whole.file(sound))])
    assert before.shape == after.shape
    rate = next(o.sample_rate for o in whole.settled.outputs if o.name == sound)
    seam = round(whole.ends[cut].start / whole.settled.timescale * rate)
    # A beep lies on the seam (8.0 s), so a shift by one sample would show.
    window = slice(seam - rate // 20, seam + rate // 5)
    energy = float(np.square(before[window]).mean())
    assert energy > 1e-4
    assert float(np.square(after[window] - before[window]).mean()) < energy / 50


def test_a_wrong_resume_is_noticed(processes: MediaProcesses, clips: Clips) -> None:
    path = clips("resume.mp4", CLIPS["resume.mp4"])
    whole = media.run(processes, path)
    resume = whole.resume_at(2)
    wrong = type(resume)(2, resume.tick + 7, resume.timescale, resume.entry, resume.anchors)
    assert media.run(processes, path, resume=wrong).failed.code == "resume_mismatch"
