"""Changes when: which digests of bytes are understood, or how they are written, does (RFC 9530)."""

from __future__ import annotations

from typing import NamedTuple

from server.errors import DigestFieldInvalid
from server.protocols import structured

SIZES = {"sha-256": 32, "sha-512": 64}
"""Algorithms that hold against forgery, with the bytes of their digests; the first that is sent
counts. All others are passed over (RFC 9530, section 5)."""


class Digest(NamedTuple):
    """What bytes are to add up to; `algorithm` is a key of `SIZES`."""

    algorithm: str
    value: bytes


def digest(field: str | None) -> Digest | None:
    """What a Content-Digest or a Repr-Digest promises; None: nothing that is understood.

    Raises `DigestFieldInvalid`.
    """
    if field is None:
        return None
    members = structured.dictionary(field)
    if members is None:
        raise DigestFieldInvalid("it is no dictionary of byte sequences")
    for algorithm, size in SIZES.items():
        value = members.get(algorithm)
        if value is None:
            continue
        if not isinstance(value, bytes) or len(value) != size:
            raise DigestFieldInvalid(f"{algorithm} must be {size} bytes in Base64, between colons")
        return Digest(algorithm, value)
    return None
