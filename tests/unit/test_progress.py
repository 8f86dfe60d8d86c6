from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.progress import Pace, Receiving, report

NOTED: dict[str, Any] = {
    "seconds": 5.0,
    "duration": 20.0,
    "pace": 2.5,
    "position": 600,
    "outputs": {"v240": 5.0, "v160": 7.0},
}
RENDITIONS = [{"name": "v240", "width": 426, "height": 240}]


def test_pace() -> None:
    pace = Pace()
    assert pace.per_second() is None
    pace.note(0, 0)
    pace.note(0.2, 100)
    assert pace.per_second() is None
    for second in range(1, 30):
        pace.note(second, second * 50)
    assert pace.per_second() == 50


def test_a_pace_keeps_few_notes_however_many_come() -> None:
    pace = Pace()
    for n in range(100_000):
        pace.note(n / 5000, n / 50)
    assert len(pace._seen) < 100
    assert pace.per_second() == pytest.approx(100)


def test_while_it_uploads_and_encodes() -> None:
    told = report("active", Receiving(500, 1000, 50.0), NOTED, 4.0, RENDITIONS)
    stages = told["stages"]
    assert stages["receiving"]["percent"] == 50
    assert stages["receiving"]["bytes_per_second"] == 50
    assert stages["encoding"]["percent"] == 25
    assert stages["encoding"]["renditions"][0]["media_seconds"] == 5
    assert told["time_left"] == 10  # the upload needs 10 s, encoding 6
    assert 25 <= told["percent"] <= 50


def test_before_anything_is_known() -> None:
    told = report("created", Receiving(0, 1000, None), {}, 0.0, [])
    assert told["percent"] == 0
    assert told["time_left"] is None
    assert told["stages"]["probing"]["percent"] == 0


def test_at_the_end() -> None:
    told = report("completed", Receiving(1000, 1000, None), NOTED, 20.5, RENDITIONS)
    assert told["percent"] == 100
    assert {s["percent"] for s in told["stages"].values()} == {100}
    assert told["time_left"] is None


@given(
    st.sampled_from(["created", "waiting", "active", "completed", "partial", "failed"]),
    st.integers(0, 2000),
    st.integers(0, 1000),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1e6),
    st.none() | st.floats(0.001, 1e6),
    st.none() | st.floats(0, 1e3),
)
def test_is_never_absurd(
    state: str,
    there: int,
    length: int,
    speed: float | None,
    made: float,
    duration: float | None,
    pace: float | None,
) -> None:
    noted = {"seconds": made, "duration": duration, "pace": pace, "position": there}
    told = report(state, Receiving(there, length, speed), noted, 0.0, [])
    percents = [told["percent"], *(stage["percent"] for stage in told["stages"].values())]
    assert all(0 <= percent <= 100 for percent in percents)
    assert told["time_left"] is None or told["time_left"] >= 0
    if state not in ("completed", "partial"):
        assert told["percent"] < 100
