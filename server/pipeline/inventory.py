"""Changes when: what we want to know of this machine's FFmpeg does.

`python -m server.pipeline.inventory` prints it as JSON: FFmpeg stays out of other processes.
"""

from __future__ import annotations

import json
import sys
from typing import Literal

import av
import av.codec.codec
import av.logging

from server.pipeline.intake import AUDIO_CODECS, VIDEO_CODECS

ENCODERS = ("libx264", "aac", "mjpeg")


def inventory() -> dict[str, object]:
    """Versions, the encoders we need, and which of the decoders we allow are there."""
    av.logging.set_level(None)
    return {
        "pyav": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
        "encoders": {name: _is_there(name, "w") for name in ENCODERS},
        "video_decoders": [name for name in VIDEO_CODECS.split(",") if _is_there(name, "r")],
        "audio_decoders": [name for name in AUDIO_CODECS.split(",") if _is_there(name, "r")],
    }


def _is_there(name: str, mode: Literal["r", "w"]) -> bool:
    try:
        av.codec.codec.Codec(name, mode)
    except av.codec.codec.UnknownCodecError:
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(json.dumps(inventory()))
