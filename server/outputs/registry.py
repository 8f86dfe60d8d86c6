"""Changes when: there is another output. A new output is one file here, named below.

Every module has `outputs(plan, publish) -> list`; `server.outputs.port` says what they must do.
Only poses need somebody else, who looks at pictures.
"""

from __future__ import annotations

from collections.abc import Callable

from server.outputs import pose, rendition, sound, storyboard, thumbnails
from server.outputs.port import Look, Output, Plan, Publish

MAKERS: tuple[Callable[[Plan, Publish], list[Output]], ...] = (
    lambda plan, publish: [*rendition.outputs(plan, publish)],
    lambda plan, publish: [*sound.outputs(plan, publish)],
    lambda plan, publish: [*thumbnails.outputs(plan, publish)],
    lambda plan, publish: [*storyboard.outputs(plan, publish)],
)


def make(plan: Plan, publish: Publish, look: Look | None) -> list[Output]:
    """All outputs of a plan, in the order in which they are told."""
    made = [output for maker in MAKERS for output in maker(plan, publish)]
    return [*made, *pose.outputs(plan, publish, look)]
