"""Changes when: a way in which work on a video can end is added.

A job that fails, or ends early, keeps the code; the first line of a docstring is the sentence.
"""

from __future__ import annotations

from storage.errors import ReelraceError


class JobError(ReelraceError):
    """The work could not be done."""

    code = "job_error"


class Empty(JobError):
    """The file is empty."""

    code = "empty"


class NotMedia(JobError):
    """This is not a video or a sound that can be read here."""

    code = "not_media"


class UnsupportedCodec(JobError):
    """The file is a video, but in a format that cannot be decoded here."""

    code = "unsupported_codec"


class Encrypted(JobError):
    """The file is copy-protected or encrypted, so it cannot be shown."""

    code = "encrypted"


class NoMedia(JobError):
    """The file has neither a picture nor a sound in it."""

    code = "no_media"


class NothingWanted(JobError):
    """The file has nothing in it of what was asked for."""

    code = "nothing_wanted"


class DigestMismatch(JobError):
    """The bytes that arrived are not those whose digest was promised."""

    code = "digest_mismatch"


class Truncated(JobError):
    """The file ends too early: its end is missing."""

    code = "truncated"


class Damaged(JobError):
    """The file is damaged."""

    code = "damaged"


class Limits(JobError):
    """The file needs more memory, time or space, or larger pictures, than this server allows."""

    code = "limits"


class Crashed(JobError):
    """Reading this file made the media process break down again and again."""

    code = "crashed"


class Hung(JobError):
    """Working on this file came to a standstill again and again."""

    code = "hung"


class PoseFailed(JobError):
    """Looking for people's poses broke down again and again."""

    code = "pose_failed"

    def __init__(self, detail: str = "", cut: int = 0) -> None:
        """It was at the pictures of `cut`."""
        super().__init__(detail, outside=True)
        self.cut = cut


class PoseUnavailable(JobError):
    """Poses of people cannot be looked for on this server."""

    code = "pose_unavailable"


class ResumeMismatch(JobError):
    """The work could not be taken up where it had stopped."""

    code = "resume_mismatch"
