"""Changes when: an error that people or programs can meet is added or reworded.

Every error has a stable code (`docs/errors.md` lists them) and a sentence, its docstring. These
answer a request and have an HTTP status; those that end a job are in `server.job_errors`.
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


class FormInvalid(ReelraceError):
    """The form cannot be read, or has no file in it."""

    code = "form_invalid"


class ChunkInvalid(ReelraceError):
    """There is no such chunk of this upload, or it has not all of its bytes."""

    code = "chunk_invalid"


class UploadIncomplete(ReelraceError):
    """Bytes of the upload are missing; send them and complete it then."""

    code = "upload_incomplete"


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


class InteropVersionUnsupported(ReelraceError):
    """This interop version of resumable uploads for HTTP is not spoken here."""

    code = "interop_version_unsupported"


class CompleteInvalid(ReelraceError):
    """Say whether these bytes are the upload's last: Upload-Complete must be ?1 or ?0."""

    code = "complete_invalid"


class UploadCompleted(ReelraceError):
    """The upload is complete, so nothing can be added to it."""

    code = "upload_completed"


class LengthInconsistent(ReelraceError):
    """What is said of the upload's length does not fit together."""

    code = "length_inconsistent"


class LengthRequired(ReelraceError):
    """Say how long the upload is: Upload-Length is missing."""

    code = "length_required"


class ContentMismatch(ReelraceError):
    """These are not the bytes that Content-Digest is of; nothing of them was kept."""

    code = "content_mismatch"


class RepresentationMismatch(ReelraceError):
    """The bytes of the upload are not those that were promised at its beginning."""

    code = "representation_mismatch"


class DigestFieldInvalid(ReelraceError):
    """A digest must be a dictionary of Base64 between colons, as in RFC 9530."""

    code = "digest_field_invalid"


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
    """This is not the content type that bytes of an upload are sent with."""

    code = "content_type_wrong"


class MetadataInvalid(ReelraceError):
    """Upload-Metadata must be unique keys with Base64 values."""

    code = "metadata_invalid"


class LengthFixed(ReelraceError):
    """The upload's length has been told already, or more bytes than that have come."""

    code = "length_fixed"


class ChecksumInvalid(ReelraceError):
    """Upload-Checksum must be the name of a known algorithm and a digest in Base64."""

    code = "checksum_invalid"


class ChecksumMismatch(ReelraceError):
    """These are not the bytes that the checksum is of; nothing of them was kept."""

    code = "checksum_mismatch"


class DigestInvalid(ReelraceError):
    """The promised digest must be a SHA-256 in hexadecimal."""

    code = "digest_invalid"


class UploadExpired(ReelraceError):
    """The upload was not finished in time and is gone; begin anew."""

    code = "upload_expired"


class ConcatenationInvalid(ReelraceError):
    """Upload-Concat must be partial, or final and uploads that are partial."""

    code = "concatenation_invalid"


class FinalUpload(ReelraceError):
    """This upload is what others make together; bytes are sent to those."""

    code = "final_upload"


class WindowInvalid(ReelraceError):
    """A window must say which assembly it is of, and where it lies in it."""

    code = "window_invalid"


class TooManyWindows(ReelraceError):
    """The file comes in so many windows that there is no room for another; make them larger."""

    code = "too_many_windows"


class WindowOverlap(ReelraceError):
    """Another upload already writes some of these bytes."""

    code = "window_overlap"


class QuotaExceeded(ReelraceError):
    """You have as many bytes here as you may; delete something first."""

    code = "quota_exceeded"


class TooManyFiles(ReelraceError):
    """You have as many files here as you may; delete something first."""

    code = "too_many_files"


class FilenameInvalid(ReelraceError):
    """The file's name has a path, control characters or more than 255 characters in it."""

    code = "filename_invalid"


# fmt: off
_BY_STATUS: dict[int, list[type[ReelraceError]]] = {
    400: [
        BadRequest, SessionInvalid, FormInvalid, ChunkInvalid, CompleteInvalid, UploadCompleted,
        LengthInconsistent, LengthRequired, DigestFieldInvalid, ContentMismatch,
        RepresentationMismatch, LengthInvalid, OffsetInvalid, MetadataInvalid, FilenameInvalid,
        ChecksumInvalid, DigestInvalid, ConcatenationInvalid, WindowInvalid,
    ],
    403: [OriginRefused, FinalUpload, TooManyFiles, TooManyWindows],
    404: [NotFound, GrantInvalid],
    408: [BodyTimeout],
    409: [UploadIncomplete, NotRetryable, OffsetMismatch, LengthFixed, WindowOverlap],
    410: [UploadExpired],
    412: [TusVersionUnsupported, InteropVersionUnsupported],
    413: [TooLarge, BodyTooLong, QuotaExceeded],
    415: [EncodingRefused, ContentTypeWrong],
    421: [HostRefused],
    429: [TooManyStreams],
    460: [ChecksumMismatch],
    503: [StreamsFull, Draining],
    507: [ReelraceError.known["disk_full"]],
}
# fmt: on
STATUS = {error: code for code, errors in _BY_STATUS.items() for error in errors}
"""Of each error that answers a request."""


def status(error: ReelraceError) -> int:
    """The HTTP status of an error; 500 for those that never answer a request."""
    return STATUS.get(type(error), 500)
