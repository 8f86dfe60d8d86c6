from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.protocols.signing import DAY, DAYS_VALID, expires, grant, holds

SECRET = b"s" * 32
VIDEO = "a" * 32
NOON = 20_000 * DAY + DAY // 2


def test_is_the_same_all_day_and_outlasts_a_film() -> None:
    token = grant(SECRET, VIDEO, 1, NOON)
    assert token == grant(SECRET, VIDEO, 1, NOON + DAY // 3)
    assert holds(SECRET, token, VIDEO, 1, NOON + DAY)
    assert expires(token) == (20_000 + DAYS_VALID) * DAY
    assert not holds(SECRET, token, VIDEO, 1, expires(token))
    assert not holds(SECRET, token, VIDEO, 1, NOON - DAY)


def test_holds_for_one_video_one_version_one_secret() -> None:
    token = grant(SECRET, VIDEO, 1, NOON)
    assert not holds(SECRET, token, "b" * 32, 1, NOON)
    assert not holds(SECRET, token, VIDEO, 2, NOON)
    assert not holds(b"t" * 32, token, VIDEO, 1, NOON)


@given(st.text(max_size=60))
def test_nothing_else_holds(token: str) -> None:
    assert not holds(SECRET, token, VIDEO, 1, NOON)


@given(st.integers(0, 21), st.characters(codec="ascii"))
def test_no_changed_token_holds(position: int, char: str) -> None:
    token = grant(SECRET, VIDEO, 1, NOON)
    at = token.index("-") + 1 + position
    changed = token[:at] + char + token[at + 1 :]
    assert holds(SECRET, changed, VIDEO, 1, NOON) == (changed == token)
