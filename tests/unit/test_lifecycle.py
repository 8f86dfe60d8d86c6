from __future__ import annotations

import pytest

from server.jobs.lifecycle import ENDED, LIVE, Action, State, after, sources, target


@pytest.mark.parametrize("action", Action)
def test_every_action_leads_somewhere_from_somewhere(action: Action) -> None:
    assert sources(action)
    for state in State:
        expected = target(action) if state in sources(action) else None
        assert after(state, action) == expected


def test_from_an_end_there_is_removal_and_of_an_early_one_another_beginning() -> None:
    assert set(State) == LIVE | ENDED
    for state in ENDED:
        moves = {action for action in Action if after(state, action)}
        again = {Action.AGAIN} if state in (State.PARTIAL, State.FAILED) else set()
        assert moves == (set() if state == State.REMOVED else {Action.REMOVE} | again)


def test_every_live_state_has_a_way_to_an_end() -> None:
    for state in LIVE:
        reached, todo = {state}, [state]
        while todo:
            here = todo.pop()
            for action in Action:
                there = after(here, action)
                if there and there not in reached:
                    reached.add(there)
                    todo.append(there)
        assert {State.COMPLETED, State.PARTIAL, State.FAILED, State.REMOVED} <= reached
