"""Changes when: how frames find their place in time does.

The input side of an attempt: packets, frames, and where they belong. Decodes once, puts
pictures and sound on one timeline and hands them to the assembly, which it has made as soon as
the first frame settles what there is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from fractions import Fraction

import av
import av.error
from av.stream import Stream

from server.job_errors import Damaged, Encrypted, Limits, NoMedia, Truncated
from server.outputs.port import Plan, Sound, SoundAnchor
from server.outputs.sound import output_rate
from server.pipeline import planning
from server.pipeline.assembly import Assembly
from server.pipeline.channel import Broken, Failure
from server.pipeline.decode import PACKET, Decoded, PictureDecoder, TrackDecoder
from server.pipeline.intake import Opened, ended_early
from server.pipeline.messages import Done, Entry, Notice, Start
from server.pipeline.sync import NEAR, SoundPackets, SoundSync
from server.pipeline.timeline import JUMP, STILLS, Timeline, TimelineState
from storage.growing import GrowingFile

_SOUND_PRE_ROLL = 16
"""Packets decoded before the anchor on a resume (an MP3 frame may refer nine back)."""
_PICTURE_BYTES = 32
"""Bytes a pixel that decoding takes at least, with the pictures that are kept for reference."""
_OVERHANG = 1
"""Seconds by which sound may outlast the pictures before the last picture is held for it."""
_UNHEARD = 1 << 26
"""Bytes of packets of sound that wait for the first picture."""

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
        anchors = list(resume.anchors.values()) if resume else []
        self._first_packet = self._entry.packet if self._entry else 0
        anchor = min(anchors, key=lambda anchor: anchor.packet, default=SoundAnchor(0, 0))
        self._first_sound = anchor.packet
        self._video: PictureDecoder | None = None
        self._audio: TrackDecoder[av.AudioFrame] | None = None
        if opened.video is not None and not (self._entry and self._entry.alone):
            self._video = PictureDecoder(opened.video, self._first_packet)
        if opened.audio is not None:
            heard = max(0, self._first_sound - _SOUND_PRE_ROLL)
            self._audio = TrackDecoder(opened.audio, heard)
        self._declared = planning.declared_end(opened)
        self._packets = SoundPackets((opened.audio and opened.audio.time_base) or Fraction(1))
        self._unheard: deque[av.Packet[Stream]] = deque()
        """Packets of sound that wait for the first picture."""
        self._unheard_bytes = 0
        shift, follows = Fraction(0), None
        if self._entry and opened.audio is not None and anchors:
            rate = output_rate(opened.audio.codec_context.sample_rate or 0)
            shift, follows = self._entry.sound, Fraction(anchor.position, rate)
        self._sync: SoundSync[Decoded[av.AudioFrame]] = SoundSync(
            shift, follows, self._reach if self._declared else None
        )
        self._assembly: Assembly | None = None
        self._timeline: Timeline | None = None
        """Of the pictures; None until there is one, or if there are none."""
        self._origin = TimelineState()
        """Of sound alone."""
        self._seen = Fraction(resume.tick, resume.timescale) if resume and anchors else Fraction(0)
        """Seconds up to which pictures have come (sound, if there are none)."""
        self._heard = Fraction(0)
        """Seconds up to which sound has come."""
        self._too_late = Fraction(0)
        """Seconds of sound that came when silence had taken its place."""
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
        if packet.stream is not self._opened.video:
            self._sound_packet(packet)
        elif self._video:
            if packet.pts is not None:
                self._packets.picture(packet.pts * packet.time_base)
            for picture in self._video.feed(packet):
                self._picture(picture)

    def _sound_packet(self, packet: av.Packet[Stream]) -> None:
        if self._audio is None:
            return
        self._packets.add(packet.pts, packet.duration)
        self._unheard.append(packet)
        self._unheard_bytes += packet.size + PACKET
        if self._assembly is None and self._video:
            for picture in self._video.due(self._packets.end - self._packets.patience):
                self._picture(picture)
        if self._assembly or self._audio.passing or not self._pictures_expected():
            self._hear()

    def _hear(self) -> None:
        while self._audio and self._unheard:
            for sound in self._audio.feed(self._unheard.popleft()):
                self._sound(sound)

    def _flush(self) -> None:
        if self._video:
            for picture in self._video.flush():
                self._picture(picture)
        self._hear()
        if self._audio:
            for sound in self._audio.flush():
                self._sound(sound)
        self._place_sound(ended=True)

    # --- pictures ----------------------------------------------------------------------------

    def _picture(self, decoded: Decoded[av.VideoFrame]) -> None:
        self._show(decoded)
        self._hear()
        self._place_sound()

    def _show(self, decoded: Decoded[av.VideoFrame]) -> None:
        if decoded.packet < self._first_packet:
            return  # shown before the keyframe that decoding was taken up at
        if self._assembly is None:
            self._assembly, self._timeline = self._begin_pictures(decoded.frame)
        timeline = self._timeline
        if timeline is None:
            return  # it has been decided that there are no pictures
        if decoded.frame.key_frame and timeline.state.origin is not None:
            self._assembly.keyframe(Entry(decoded.packet, timeline.state))
        tick = timeline.tick(decoded.at, key=decoded.frame.key_frame)
        if tick is None:
            return
        self._end = tick + self._lasts(timeline, decoded)
        self._assembly.picture(decoded.frame, tick)
        self._seen = max(self._seen, Fraction(tick, timeline.timescale))

    def _lasts(self, timeline: Timeline, decoded: Decoded[av.VideoFrame]) -> int:
        """Ticks for which a picture is shown if none follows."""
        duration, at = decoded.duration, decoded.at
        if duration > _OVERHANG and self._declared and at is not None:
            # Durations are told in decoding order: the last one shown may have another's.
            duration = min(duration, self._declared - at)
        ticks = round(duration * timeline.timescale)
        short = duration <= JUMP or (at is not None and timeline.vouched(at, ticks))
        return ticks if ticks > 0 and short else timeline.nominal

    def _begin_pictures(self, frame: av.VideoFrame) -> tuple[Assembly, Timeline]:
        source = planning.picture_source(self._opened, frame)
        plan = planning.plan(source, self._opened.audio, self._start)
        timeline = Timeline(
            plan.timescale,
            source.nominal,
            self._entry.timeline if self._entry else None,
            steady_until=self._declared and self._declared + _OVERHANG,
            sounding=self._packets.fills,
        )
        return self._settle(self._opened, plan, source, None), timeline

    def _hold(self, assembly: Assembly, timeline: Timeline, until: Fraction) -> None:
        """No picture up to `until` is still to come: the last one stays where cuts are due."""
        assert self._video is not None
        for picture in self._video.due(timeline.state.source(until)):
            self._show(picture)
        tick = int(until * timeline.timescale)
        earliest = self._video.earliest
        if earliest is not None:
            inside = earliest - timeline.state.source(Fraction(0))
            tick = min(tick, round(inside * timeline.timescale) - 1)
        if tick > self._seen * timeline.timescale:
            timeline.hold(tick)
            assembly.hold_until(tick)
            self._seen = Fraction(tick, timeline.timescale)

    # --- sound -------------------------------------------------------------------------------

    def _sound(self, decoded: Decoded[av.AudioFrame]) -> None:
        if decoded.packet < self._first_sound:
            return  # it only prepared the decoder
        self._sync.offer(decoded, decoded.at, decoded.duration)
        if self._assembly is None:
            self._sound_is_all()
        self._place_sound()

    def _pictures_expected(self) -> bool:
        """Whether sound should go on waiting for the first picture."""
        if self._video is None or self._entry is not None:
            return self._video is not None
        if self._video.damaged:
            return self._packets.span <= NEAR
        return self._unheard_bytes <= _UNHEARD

    def _sound_is_all(self) -> None:
        """There are no pictures, or none have come: sound is the clock."""
        if self._opened.video is not None:
            self._notices.append(Notice("video_dropped", "no picture could be decoded"))
        first, at = self._sync.first()
        plan = planning.plan_sound(self._opened, first.frame, self._start)
        self._origin = self._entry.timeline if self._entry else TimelineState(origin=at)
        entry = Entry(timeline=self._origin, alone=True)
        self._assembly = self._settle(self._opened, plan, None, entry)

    def _place_sound(self, *, ended: bool = False) -> None:
        assembly, audio = self._assembly, self._opened.audio
        if assembly is None or audio is None:
            return
        timescale = assembly.plan.timescale
        while True:
            taken = self._sync.take(self._state(), self._seen, ended=ended)
            if taken is None:
                return
            decoded, at = taken
            end = at + decoded.duration
            if 0 < end <= assembly.silent_until:
                self._too_late += decoded.duration
                continue
            self._heard = max(self._heard, end)
            if self._timeline is None:
                self._seen = self._heard
                self._end = max(self._end, round(self._heard * timescale))
                assembly.sound_alone(round(at * timescale))
            elif at - self._seen > self._packets.patience:
                self._hold(assembly, self._timeline, at - self._packets.patience)
            sound = Sound(decoded.frame, at, decoded.packet)
            assembly.sound(audio.index, sound, self._sync.shift)

    def _state(self) -> TimelineState:
        return self._timeline.state if self._timeline else self._origin

    def _reach(self) -> Fraction:
        """Seconds by which sound may be ahead of the pictures, as far as the container says."""
        declared = self._declared - self._state().source(self._seen)
        return min(declared, STILLS - self._packets.gaps)

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
            notices.append(Notice("times_jump", str(self._timeline.state.jumps)))
        if self._sync.jumps:
            notices.append(Notice("sound_jumps", str(self._sync.jumps)))
        if self._too_late:
            notices.append(Notice("sound_late", str(math.ceil(self._too_late))))
        if self._timeline and self._timeline.late:
            notices.append(Notice("pictures_late", str(self._timeline.late)))
        return notices
