"""Changes when: what every output must be able to do does.

An output takes pictures or sound in its own thread and yields exactly one piece a cut. It knows
no other output, no file and no socket.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import msgspec

from server.settings import OutputKind, Preset

if TYPE_CHECKING:  # the server imports this module, and FFmpeg has no place there
    from av import AudioFrame, VideoFrame

Buffer = bytes | memoryview
SEEN = 1 << 23
"""Bytes of an RGB picture in which poses are looked for, at most."""

SUFFIXES = {
    "video": "m4s",
    "audio": "m4s",
    "thumbnails": "jpg",
    "storyboard": "jpg",
    "pose": "ndjson",
}
"""Kind of an output -> how the names of its pieces end."""
RENDITIONS = ("video", "audio")
"""Kinds whose pieces are segments, and whose playlists players read."""


class Picture(NamedTuple):
    """A picture in place. `frame` is shared: read it, do not draw on it."""

    frame: VideoFrame
    tick: int
    key: bool
    cut: int | None
    """The number of the cut that begins with this picture."""
    held: bool = False
    """The picture before, shown once more."""
    warm: bool = False
    """It is of a cut that is published: it only prepares for those that follow."""


class Sound(NamedTuple):
    """Decoded sound as it left the decoder."""

    frame: AudioFrame
    at: Fraction | None
    """Presentation time in the source, seconds."""
    packet: int
    """Ordinal of the packet it came from, counted from the start of its track."""


class Boundary(NamedTuple):
    """A cut begins. Sent to outputs that get no pictures."""

    cut: int
    tick: int


class OutputFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is settled about an output before its first piece. Bit rates are bits per second."""

    name: str
    kind: str
    """One of `SUFFIXES`."""
    codec: str
    timescale: int
    peak: int
    average: int
    width: int = 0
    height: int = 0
    channels: int = 0
    sample_rate: int = 0
    language: str = "und"


class SoundAnchor(msgspec.Struct, frozen=True):
    """Sound decoded from packet `packet` starts at sample `position` of the output's clock."""

    packet: int
    position: int


class Piece(NamedTuple):
    """An output's part of one cut."""

    output: str
    cut: int
    duration: int
    """Ticks of the output's timescale."""
    frames: int
    payload: list[Buffer]
    """Written one after the other."""
    keyframes: list[tuple[int, int, int]]
    """(offset, size, ticks from the piece's start) of pictures that can be shown alone."""
    resume: SoundAnchor | None = None
    """Where this output's input must be taken up to make the next piece."""
    score: int = 0
    """How well a thumbnail would stand for the whole video, 0 to 1000."""


Publish = Callable[[Piece], None]
Look = Callable[["VideoFrame", int, int, bool], None]
"""`look(frame, tick, cut, warm)` hands an RGB picture to who looks for poses, and blocks while too
many wait there."""


class Output(Protocol):
    """The port. Every method is called from one thread, in order."""

    facts: OutputFacts
    init: bytes
    """The init segment; empty unless it is a rendition."""

    def end(self, tick: int) -> None:
        """Nothing more comes; the last cut ends at `tick`."""


class PictureOutput(Output, Protocol):
    """Fed with pictures of one level of the scaling cascade."""

    level: int

    def picture(self, picture: Picture) -> None: ...


@runtime_checkable
class ChoosingOutput(PictureOutput, Protocol):
    """Has no use for some pictures, which it does not miss: they need not be scaled for it."""

    def wants(self, picture: Picture) -> bool: ...


@runtime_checkable
class WarmedOutput(PictureOutput, Protocol):
    """Gets pictures from before a resume as well."""

    pre_roll: Fraction
    """Seconds."""

    def warm_up(self, picture: Picture) -> None: ...


class SoundOutput(Output, Protocol):
    """Fed with the sound of one track, and told where cuts begin."""

    track: int

    def sound(self, sound: Sound) -> None: ...

    def boundary(self, boundary: Boundary) -> None: ...


class Rung(msgspec.Struct, frozen=True):
    """One size of the ladder; `peak` is what its video may take, bits per second."""

    name: str
    width: int
    height: int
    peak: int


class Track(msgspec.Struct, frozen=True):
    """A sound track of the source as it was declared (0: not known yet)."""

    index: int
    sample_rate: int
    channels: int
    language: str


Colour = tuple[int, int, int, bool]
"""Primaries, transfer and matrix as in H.273, and whether the range is full."""


class Plan(msgspec.Struct, frozen=True):
    """What outputs are made from: the source as it was found, and what is wanted."""

    timescale: int
    frame_rate: Fraction
    variable_rate: bool
    """Pictures do not come at an even pace."""
    wanted: frozenset[OutputKind]
    rungs: list[Rung]
    """The levels of the scaling cascade, largest first; renditions if these are wanted."""
    tracks: list[Track]
    cut_seconds: Fraction
    crf: int
    preset: Preset
    encoder_threads: int
    audio_bit_rate: int
    storyboard_seconds: int
    colour: Colour | None
    first_cut: int
    """The cut that is made first: 0, or where a resume begins."""
    first_tick: int
    """Where that cut begins."""
    anchors: dict[str, SoundAnchor]
    """Of a resume: by output's name."""
    pose_rate: int
    """Pictures a second in which poses are looked for, at most."""
    pose_model: str
