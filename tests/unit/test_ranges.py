from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage.ranges import Ranges

some_ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda t: (t[0], t[0] + t[1]))
)


@given(some_ranges)
def test_holds_exactly_the_bytes_that_were_added(added: list[tuple[int, int]]) -> None:
    there = {byte for start, end in added for byte in range(start, end)}
    ranges = Ranges(added)
    assert {byte for start, end in ranges for byte in range(start, end)} == there
    assert ranges.total == len(there)


@given(some_ranges)
def test_stays_sorted_and_apart(added: list[tuple[int, int]]) -> None:
    found = list(Ranges(added))
    assert all(start < end for start, end in found)
    assert all(a[1] < b[0] for a, b in pairwise(found))


@given(some_ranges, st.integers(0, 90), st.integers(0, 30))
def test_covers_and_end_of_run_agree_with_a_set(
    added: list[tuple[int, int]], start: int, length: int
) -> None:
    there = {byte for first, last in added for byte in range(first, last)}
    ranges = Ranges(added)
    assert ranges.covers(start, start + length) == all(
        byte in there for byte in range(start, start + length)
    )
    end = start
    while end in there:
        end += 1
    assert ranges.end_of_run(start) == end


def test_refuses_nonsense() -> None:
    for start, end in ((-1, 3), (5, 4)):
        try:
            Ranges().add(start, end)
        except ValueError:
            continue
        raise AssertionError((start, end))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10))), st.integers(0, 40))
def test_what_is_lacking(pairs: list[tuple[int, int]], end: int) -> None:
    ranges = Ranges((start, start + size) for start, size in pairs)
    there = {n for start, until in ranges for n in range(start, until)}
    lacking = list(ranges.lacking(0, end))
    assert {n for start, until in lacking for n in range(start, until)} == set(range(end)) - there
    assert all(before[1] < after[0] for before, after in pairwise(lacking))
