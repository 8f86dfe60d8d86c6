"""Changes when: how frames find their place in time does.

The input side of an attempt: packets, frames, and where they belong. Decodes once, puts
pictures and sound on one timeline and hands them to the assembly, which it has made as soon as
the first frame settles what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import av
import av.error
from av.stream import Stream

from server.errors import Damaged, Encrypted, Limits, NoMedia, Truncated
from server.outputs.port import Plan, Sound
from server.pipeline import planning
from server.pipeline.assembly import Assembly
from server.pipeline.channel import Broken, Failure
from server.pipeline.decode import Decoded, TrackDecoder
from server.pipeline.intake import Opened, ended_early
from server.pipeline.messages import Done, Entry, Notice, Start
from server.pipeline.sync import NEAR, SoundSync
from server.pipeline.timeline import JUMP, Timeline, TimelineState
from storage.growing import GrowingFile

_SOUND_PRE_ROLL = 16
"""Packets decoded before the anchor on a resume (an MP3 frame may refer nine back)."""
_PICTURE_BYTES = 32
"""Bytes a pixel that decoding takes at least, with the pictures that are kept for reference."""
_OVERHANG = 1
"""Seconds by which sound may outlast the pictures before the last picture is held for it."""


Settle = Callable[[Opened, Plan, planning.PictureSource | None, Entry | None], Assembly]
"""Begins an edition as planned."""


class Reading:
    """One pass over a source. A resume differs only in where decoding starts."""

    def __init__(
        self,
        opened: Opened,
        file: GrowingFile,
        start: Start,
        failure: Failure,
        settle: Settle,
    ) -> None:
        self._opened = opened
        self._file = file
        self._start = start
        self._failure = failure
        self._settle = settle
        self._notices = list(opened.notices)
        resume = None if start.thorough else start.resume
        self._entry = resume.entry if resume else None
        first = self._entry.packet if self._entry else 0
        anchors = list(resume.anchors.values()) if resume else []
        heard = max(0, min((a.packet for a in anchors), default=0) - _SOUND_PRE_ROLL)
        self._first_packet = first
        self._video: TrackDecoder[av.VideoFrame] | None = None
        self._audio: TrackDecoder[av.AudioFrame] | None = None
        if opened.video is not None:
            self._video = TrackDecoder(opened.video, first)
        if opened.audio is not None:
            self._audio = TrackDecoder(opened.audio, heard)
        self._sync: SoundSync[Decoded[av.AudioFrame]] = SoundSync()
        self._assembly: Assembly | None = None
        self._timeline: Timeline | None = None
        """Of the pictures; None until there is one, or if there are none."""
        self._origin = TimelineState()
        """Of sound alone."""
        self._seen = Fraction(resume.tick, resume.timescale) if resume and anchors else Fraction(0)
        """Seconds up to which pictures have come (sound, if there are none)."""
        self._heard = Fraction(0)
        """Seconds up to which sound has come."""
        self._end = 0
        """The tick at which what has come so far ends."""

    def run(self) -> Done:
        """Reads to the end and finishes the assembly. Raises why there was nothing to make."""
        early = self._demux()
        self._flush()
        if self._assembly is None:
            raise self._nothing(early)
        if early is None and ended_early(self._opened, self._file):
            early = Truncated.code
        cuts = self._assembly.finish(self._end_of_all(self._assembly))
        return Done(cuts=cuts, early=early, notices=self._all_notices())

    # --- packets -----------------------------------------------------------------------------

    def _demux(self) -> str | None:
        """Reads to the end; the code of what ended it early, if something did."""
        tracks = [track for track in (self._opened.video, self._opened.audio) if track is not None]
        stuck = -1
        while True:
            try:
                for packet in self._opened.container.demux(*tracks):
                    if packet.size:
                        self._packet(packet)
            except (MemoryError, av.error.MemoryError):
                raise
            except (av.FFmpegError, IndexError) as error:
                # Some demuxers go on behind what they cannot read, some stay there.
                if self._failure.error:
                    raise Broken from error
                if self._file.position == stuck:
                    return Damaged.code
                stuck = self._file.position
            else:
                return None

    def _packet(self, packet: av.Packet[Stream]) -> None:
        if self._failure.error:
            raise Broken
        if packet.stream is self._opened.video and self._video:
            for picture in self._video.feed(packet):
                self._picture(picture)
        elif self._audio:
            for sound in self._audio.feed(packet):
                self._sound(sound)

    def _flush(self) -> None:
        if self._video:
            for picture in self._video.flush():
                self._picture(picture)
        if self._audio:
            for sound in self._audio.flush():
                self._sound(sound)
        if self._assembly is None and self._sync.waiting:
            self._sound_is_all()
        self._place_sound(ended=True)

    # --- pictures ----------------------------------------------------------------------------

    def _picture(self, decoded: Decoded[av.VideoFrame]) -> None:
        if decoded.packet < self._first_packet:
            return  # shown before the keyframe that decoding was taken up at
        if self._assembly is None:
            self._assembly, self._timeline = self._begin_pictures(decoded.frame)
        timeline = self._timeline
        if timeline is None:
            return  # it has been decided that there are no pictures
        if decoded.frame.key_frame and timeline.state.origin is not None:
            self._assembly.keyframe(Entry(decoded.packet, timeline.state))
        tick = timeline.tick(decoded.at)
        if tick is None:
            return
        duration = round(decoded.duration * timeline.timescale)
        believed = 0 < duration <= JUMP * timeline.timescale
        self._end = tick + (duration if believed else timeline.nominal)
        self._assembly.picture(decoded.frame, tick)
        self._seen = Fraction(tick, timeline.timescale)
        self._place_sound()

    def _begin_pictures(self, frame: av.VideoFrame) -> tuple[Assembly, Timeline]:
        source = planning.picture_source(self._opened, frame)
        plan = planning.plan(source, self._opened.audio, self._start)
        state = self._entry.timeline if self._entry else None
        return (
            self._settle(self._opened, plan, source, None),
            Timeline(plan.timescale, source.nominal, state),
        )

    # --- sound -------------------------------------------------------------------------------

    def _sound(self, decoded: Decoded[av.AudioFrame]) -> None:
        self._sync.offer(decoded, decoded.at, decoded.duration)
        pictures_expected = self._opened.video is not None and self._sync.waiting <= NEAR
        if self._assembly is None and not pictures_expected:
            self._sound_is_all()
        self._place_sound()

    def _sound_is_all(self) -> None:
        """There are no pictures, or none have come: sound is the clock."""
        if self._opened.video is not None:
            self._notices.append(Notice("video_dropped", "no picture could be decoded"))
        first, at = self._sync.first()
        plan = planning.plan_sound(self._opened, first.frame, self._start)
        self._origin = self._entry.timeline if self._entry else TimelineState(origin=at, last=0)
        self._assembly = self._settle(self._opened, plan, None, Entry(0, self._origin))

    def _place_sound(self, *, ended: bool = False) -> None:
        assembly, audio = self._assembly, self._opened.audio
        if assembly is None or audio is None:
            return
        timescale = assembly.plan.timescale
        state = self._timeline.state if self._timeline else self._origin
        for decoded, at in self._sync.ready(state, self._seen, ended=ended):
            self._heard = at + decoded.duration
            if self._timeline is None:
                self._seen = self._heard
                self._end = max(self._end, round(self._heard * timescale))
                assembly.sound_alone(round(at * timescale))
            elif at - self._seen > NEAR:
                # Pictures have stopped coming, so the last one stays.
                assembly.hold_until(int((at - NEAR) * timescale))
                self._seen = at - NEAR
            assembly.sound(audio.index, Sound(decoded.frame, at, decoded.packet))

    # --- the end -----------------------------------------------------------------------------

    def _end_of_all(self, assembly: Assembly) -> int:
        """Where the pictures end; where the sound does if it goes on for long."""
        heard = round(self._heard * assembly.plan.timescale)
        return heard if heard - self._end > _OVERHANG * assembly.plan.timescale else self._end

    def _nothing(self, early: str | None) -> Exception:
        """Why there is neither a picture nor a sound."""
        decoders = [decoder for decoder in (self._video, self._audio) if decoder]
        if any(decoder.encrypted for decoder in decoders):
            return Encrypted()
        if self._opened.video is not None:
            width, height = self._opened.video.width, self._opened.video.height
            if width * height > self._start.settings.max_pixels:
                return Limits(f"pictures of {width}x{height}")
            if width * height * _PICTURE_BYTES > self._start.settings.memory:
                # Decoders that get no memory say that the data are wrong.
                return Limits(f"pictures of {width}x{height} take too much memory")
        if ended_early(self._opened, self._file):
            return Truncated("nothing of its media is there")
        if early or any(decoder.damaged for decoder in decoders):
            return Damaged("no part of it can be decoded")
        return NoMedia()

    def _all_notices(self) -> list[Notice]:
        notices = self._notices
        for name, decoder in (("video", self._video), ("audio", self._audio)):
            if decoder and decoder.damaged:
                notices.append(Notice("damaged_packets", f"{decoder.damaged} ({name})"))
        if self._timeline and self._timeline.state.jumps:
            notices.append(Notice("times_jump", str(len(self._timeline.state.jumps))))
        if self._timeline and self._timeline.late:
            notices.append(Notice("pictures_late", str(self._timeline.late)))
        return notices
