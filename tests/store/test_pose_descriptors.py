"""What becomes of the memory of pictures when no pose process can be begun."""

from __future__ import annotations

import os
import resource

import pytest

from server.job_errors import PoseFailed
from server.jobs.poseless import Poses
from server.jobs.posing import Posing
from server.pipeline.messages import Link
from server.settings import MediaSettings
from tests.support.scripted import ScriptedPoses


def nothing(link: Link) -> None:
    """A pose process that is never begun."""


def test_without_descriptors_nothing_is_left_behind() -> None:
    posing = Posing(ScriptedPoses(nothing), MediaSettings(), 0, Poses(), 60)
    free = os.dup(0)
    os.close(free)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        with pytest.raises(PoseFailed):
            posing.begin()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    again = os.dup(0)
    os.close(again)
    assert again == free
