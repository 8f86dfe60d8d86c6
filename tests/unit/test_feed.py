from __future__ import annotations

import select

from server.jobs.feed import Feed


def readable(feed: Feed) -> bool:
    return bool(select.select([feed.descriptor], [], [], 0)[0])


def test_joins_what_was_told_between_two_looks() -> None:
    feed = Feed()
    assert not readable(feed)
    feed.arrived(0, 10)
    feed.arrived(10, 20)
    feed.arrived(40, 50)
    feed.finish(50)
    assert readable(feed)
    assert feed.take() == ([(0, 20), (40, 50)], 50, None)
    assert not readable(feed)
    assert feed.take() == ([], None, None)
    feed.close()


def test_the_first_reason_to_stop_counts_and_stays() -> None:
    feed = Feed()
    feed.stop("removed")
    feed.stop("drain")
    assert feed.take().stop == "removed"
    assert feed.take().stop == "removed"
    feed.close()
    feed.arrived(0, 1)
    feed.close()
