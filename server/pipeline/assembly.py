"""Changes when: how placed pictures and sound become cuts does.

Made as soon as it is settled what will be made. Decides with the cutter where cuts begin, feeds
the outputs, and tells the host about every piece and the end of every cut.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from server.job_errors import ResumeMismatch
from server.outputs.port import Boundary, Look, Picture, Piece, Plan, Sound, SoundAnchor
from server.outputs.sound import PATIENCE
from server.pipeline.channel import Failure
from server.pipeline.cutter import Cutter, Grid, Placed
from server.pipeline.fanout import FanOut
from server.pipeline.messages import CutEnd, Entry, PieceHeader

if TYPE_CHECKING:
    from av import VideoFrame

Send = Callable[..., None]
"""`send(message, payload)`: to the host; blocks while it is slow."""


class Assembly:
    """One edition in the making. All times are ticks of its timescale."""

    def __init__(
        self,
        plan: Plan,
        grid: Grid,
        failure: Failure,
        send: Send,
        *,
        rotation: int = 0,
        rgb: bool = False,
        entry: Entry | None = None,
        look: Look | None = None,
    ) -> None:
        """`entry`: where the source is taken up as long as no keyframe of its is known."""
        self.plan = plan
        self._grid = grid
        frame = max(1, round(plan.timescale / plan.frame_rate))
        self._cutter = Cutter(grid, plan.first_cut, None if plan.variable_rate else frame)
        self._cut = plan.first_cut
        self._cut_start = plan.first_tick
        self._begun = False
        self._entries: deque[Entry] = deque([entry or Entry()], maxlen=2)
        self._last: VideoFrame | None = None
        self.tick = plan.first_tick
        """How far it has come."""
        self.silent_until = Fraction(0)
        """Seconds up to which silence has taken the place of sound that did not come."""
        self.fanout = FanOut(plan, self._publish, failure, look, rotation=rotation, rgb=rgb)
        self._out = _InOrder(send, plan.first_cut, len(self.fanout.outputs))

    # --- pictures ----------------------------------------------------------------------------

    def keyframe(self, entry: Entry) -> None:
        """The next picture is a keyframe of the source: decoding can be taken up there."""
        self._entries.append(entry)

    def picture(self, frame: VideoFrame, tick: int) -> None:
        """The next picture. On a resume those before the first cut only stand by to be held."""
        if tick < self.plan.first_tick:
            self._cutter.seed(tick)
            if self.plan.first_tick - tick <= self.fanout.pre_roll * self.plan.timescale:
                self.fanout.picture(Picture(frame, tick, key=False, cut=None, warm=True))
        else:
            self._emit(self._cutter.picture(tick), frame)
        self._last = frame

    def hold_until(self, tick: int) -> None:
        """No picture came up to `tick`: the last one stays where cuts are due."""
        if self._last is not None:
            self._emit(self._cutter.advance(tick), self._last)

    def _emit(self, placed: list[Placed], frame: VideoFrame) -> None:
        for place in placed:
            if place.cut is not None:
                self._begin_cut(place.cut, place.tick)
            shown = self._last if place.held and self._last is not None else frame
            self.fanout.picture(Picture(shown, place.tick, place.key, place.cut, held=place.held))
            self.tick = place.tick

    # --- sound -------------------------------------------------------------------------------

    def sound(self, track: int, sound: Sound, shift: Fraction) -> None:
        """Sound in its place beside the pictures; `shift` seconds were taken off it alone."""
        self._out.sound_shift(sound.packet, shift)
        self.fanout.sound(track, sound)

    def sound_alone(self, tick: int) -> None:
        """Without pictures, sound that has come to `tick` begins the cuts, on the grid."""
        for place in self._cutter.picture(tick):
            if place.cut is not None:
                start = self._grid.cut(place.cut)
                self._begin_cut(place.cut, start)
                self.fanout.boundary(Boundary(place.cut, start))
        self.tick = max(self.tick, tick)

    # --- cuts --------------------------------------------------------------------------------

    def finish(self, end: int) -> int:
        """Ends the last cut at `end`, waits for all outputs; how many cuts there are."""
        self.hold_until(end)
        if not self._begun:
            return self._cut  # an attempt before this one published the last cut, and then died
        end = max(end, self.tick + 1)
        self.fanout.end(end)
        self._out.end(self._cut_end(end))
        self.tick = end
        return self._cut + 1

    def _begin_cut(self, cut: int, tick: int) -> None:
        self._begun = True
        if cut == self.plan.first_cut:
            if tick != self.plan.first_tick:
                expected = self.plan.first_tick
                raise ResumeMismatch(f"cut {cut} begins at {tick}, not at {expected}")
            return
        self._out.end(self._cut_end(tick))
        self._cut, self._cut_start = cut, tick
        self.silent_until = Fraction(tick, self.plan.timescale) - PATIENCE

    def _cut_end(self, tick: int) -> CutEnd:
        # The keyframe before the latest one: right even if the next cut begins with a held
        # picture from before it, and if the latest is no true point of entry.
        entry = self._entries[0]
        return CutEnd(cut=self._cut, start=self._cut_start, end=tick, entry=entry)

    def _publish(self, piece: Piece) -> None:
        """From the thread of an output."""
        self._out.piece(piece)


class _InOrder:
    """Sends all of a cut before anything of the next.

    An encoder looks ahead by so many pictures; where they are rare, that is minutes, for which
    the sound is long done. The host is spared that. Safe from several threads.
    """

    def __init__(self, send: Send, cut: int, outputs: int) -> None:
        self._send = send
        self._cut = cut
        self._outputs = outputs
        self._sent = 0
        """Pieces of this cut."""
        self._anchor: SoundAnchor | None = None
        """What the sound of this cut said of the next."""
        self._pieces: dict[int, list[Piece]] = {}
        self._ends: dict[int, CutEnd] = {}
        self._shifts: deque[tuple[int, Fraction]] = deque()
        """(packet of sound, seconds taken off from there on)."""
        self._lock = threading.Lock()

    def sound_shift(self, packet: int, shift: Fraction) -> None:
        """`shift` seconds are taken off `packet` because sound alone had jumped."""
        if not self._shifts or self._shifts[-1][1] != shift:
            self._shifts.append((packet, shift))

    def piece(self, piece: Piece) -> None:
        with self._lock:
            self._pieces.setdefault(piece.cut, []).append(piece)
            self._go_on()

    def end(self, end: CutEnd) -> None:
        with self._lock:
            self._ends[end.cut] = end
            self._go_on()

    def _go_on(self) -> None:
        while True:
            for piece in self._pieces.pop(self._cut, ()):
                self._send_piece(piece)
            if self._sent < self._outputs or self._cut not in self._ends:
                return
            end = self._ends.pop(self._cut)
            entry = msgspec.structs.replace(end.entry, sound=self._shift_at_anchor())
            self._send(msgspec.structs.replace(end, entry=entry))
            self._cut, self._sent, self._anchor = self._cut + 1, 0, None

    def _send_piece(self, piece: Piece) -> None:
        self._sent += 1
        self._anchor = piece.resume or self._anchor
        header = PieceHeader(
            output=piece.output,
            cut=piece.cut,
            duration=piece.duration,
            frames=piece.frames,
            keyframes=piece.keyframes,
            score=piece.score,
            resume=piece.resume,
        )
        self._send(header, piece.payload)

    def _shift_at_anchor(self) -> Fraction:
        if self._anchor is None:
            return Fraction(0)
        while len(self._shifts) > 1 and self._shifts[1][0] <= self._anchor.packet:
            self._shifts.popleft()
        return self._shifts[0][1]
