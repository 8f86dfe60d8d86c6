"""Changes when: an error that people or programs can meet is added or reworded.

Every error has a stable code (`docs/errors.md` lists them) and a sentence, its docstring. Those
that answer a request have an HTTP status; those that end a job are shown as the video's `error`.
"""

from __future__ import annotations

from storage.errors import ReelraceError

# --- requests ------------------------------------------------------------------------------


class NotFound(ReelraceError):
    """There is nothing here, or it is not yours."""

    code = "not_found"


class BadRequest(ReelraceError):
    """The request cannot be understood."""

    code = "bad_request"


class SessionInvalid(ReelraceError):
    """A session must be 32 to 256 visible characters."""

    code = "session_invalid"


class HostRefused(ReelraceError):
    """This server does not answer to that name."""

    code = "host_refused"


class OriginRefused(ReelraceError):
    """This page may not act in your name here."""

    code = "origin_refused"


class GrantInvalid(ReelraceError):
    """This link has expired or was never valid."""

    code = "grant_invalid"


class EncodingRefused(ReelraceError):
    """Send the bytes as they are: compressed request bodies are not accepted."""

    code = "encoding_refused"


class BodyTimeout(ReelraceError):
    """The body stopped arriving; what came is kept, go on from the offset that HEAD tells."""

    code = "body_timeout"


class TooManyStreams(ReelraceError):
    """So many streams are open in your name that there is no room for another."""

    code = "too_many_streams"


class StreamsFull(ReelraceError):
    """So many people watch that there is no room for another; try again in a while."""

    code = "streams_full"


class NotRetryable(ReelraceError):
    """This video cannot be worked on again."""

    code = "not_retryable"


class Draining(ReelraceError):
    """The server is shutting down; what came is kept, try again in a moment."""

    code = "draining"


# --- uploads -------------------------------------------------------------------------------


class TusVersionUnsupported(ReelraceError):
    """This version of the tus protocol is not spoken here."""

    code = "tus_version_unsupported"


class LengthRequired(ReelraceError):
    """Say how long the upload is: Upload-Length is missing."""

    code = "length_required"


class LengthInvalid(ReelraceError):
    """Upload-Length must be a whole number of bytes, zero or more."""

    code = "length_invalid"


class TooLarge(ReelraceError):
    """The file is larger than this server accepts."""

    code = "too_large"


class OffsetInvalid(ReelraceError):
    """Upload-Offset must be a whole number of bytes, zero or more."""

    code = "offset_invalid"


class OffsetMismatch(ReelraceError):
    """The upload is at another offset; go on from the one in this answer."""

    code = "offset_mismatch"


class BodyTooLong(ReelraceError):
    """The body has more bytes than the upload still lacks."""

    code = "body_too_long"


class ContentTypeWrong(ReelraceError):
    """Bytes of an upload are sent as application/offset+octet-stream."""

    code = "content_type_wrong"


class MetadataInvalid(ReelraceError):
    """Upload-Metadata must be unique keys with Base64 values."""

    code = "metadata_invalid"


class FilenameInvalid(ReelraceError):
    """The file's name has a path, control characters or more than 255 characters in it."""

    code = "filename_invalid"


STATUS: dict[type[ReelraceError], int] = {
    NotFound: 404,
    BadRequest: 400,
    SessionInvalid: 400,
    HostRefused: 421,
    OriginRefused: 403,
    GrantInvalid: 404,
    EncodingRefused: 415,
    BodyTimeout: 408,
    TooManyStreams: 429,
    StreamsFull: 503,
    NotRetryable: 409,
    Draining: 503,
    TusVersionUnsupported: 412,
    LengthRequired: 400,
    LengthInvalid: 400,
    TooLarge: 413,
    OffsetInvalid: 400,
    OffsetMismatch: 409,
    BodyTooLong: 413,
    ContentTypeWrong: 415,
    MetadataInvalid: 400,
    FilenameInvalid: 400,
    ReelraceError.known["disk_full"]: 507,
}


def status(error: ReelraceError) -> int:
    """The HTTP status of an error; 500 for those that never answer a request."""
    return STATUS.get(type(error), 500)


# --- jobs ----------------------------------------------------------------------------------


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
