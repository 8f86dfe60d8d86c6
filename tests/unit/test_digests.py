from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import DigestFieldInvalid
from server.protocols.digests import Digest, digest


def written(algorithm: str, value: bytes) -> str:
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


@given(st.binary())
def test_digests_are_read_as_they_were_written(data: bytes) -> None:
    """RFC 9530, sections 2 and 3."""
    short, long = hashlib.sha256(data).digest(), hashlib.sha512(data).digest()
    assert digest(written("sha-256", short)) == Digest("sha-256", short)
    assert digest(written("sha-512", long)) == Digest("sha-512", long)
    both = f"{written('sha-512', long)}, {written('sha-256', short)}"
    assert digest(both) == Digest("sha-256", short)


def test_other_algorithms_are_passed_over() -> None:
    """RFC 9530, section 5."""
    assert digest(None) is None
    assert digest("") is None
    assert digest(f"{written('md5', bytes(16))}, unixsum=:AAAA:") is None
    assert digest(f"md5=broken, {written('sha-256', bytes(32))}") == Digest("sha-256", bytes(32))


@pytest.mark.parametrize(
    "field",
    [
        "sha-256",
        "sha-256=abc",
        'sha-256="q1MKE+RZFJgrefm34/uplM/R8/si9xzqGvvwK0YMbR0="',
        "sha-256=:q1MKE+RZFJgrefm34/uplM/R8/si9xzqGvvwK0YMbR0=",
        "sha-512=:AAAA:",
        "sha-256=:AAAA:",
        "SHA-256=:AAAA:",
        "sha-256=(:AAAA:)",
        "=",
    ],
)
def test_what_cannot_be_read_is_refused(field: str) -> None:
    with pytest.raises(DigestFieldInvalid):
        digest(field)
