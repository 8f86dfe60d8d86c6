"""Changes when: a codec that we send out is named or configured differently.

Tracks as packaging sees them, and their names in CODECS (RFC 6381).
"""

from __future__ import annotations

from typing import NamedTuple


class VideoTrack(NamedTuple):
    """H.264. `configuration` is the AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1).

    `colour`: primaries, transfer and matrix as in H.273, and whether the range is full.
    """

    width: int
    height: int
    configuration: bytes
    colour: tuple[int, int, int, bool] | None = None

    @property
    def codec(self) -> str:
        return "avc1." + self.configuration[1:4].hex()


class AudioTrack(NamedTuple):
    """AAC. `configuration` is the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)."""

    sample_rate: int
    channels: int
    configuration: bytes
    bit_rate: int
    language: str = "und"

    @property
    def codec(self) -> str:
        return f"mp4a.40.{self.configuration[0] >> 3}"
