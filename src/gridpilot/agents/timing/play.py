"""Play a timeline: who decides on which state, and which orders the grid steps under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from gridpilot.agents.timing.timeline import Doing, Timeline

State = TypeVar("State")
Order = TypeVar("Order")


def play(
    timeline: Timeline, first: State, decide: Callable[[str, State], Order], advance: Callable[[State, Mapping[str, Order]], State]
) -> Iterator[State]:
    """The state after every step of the grid.

    `decide` is asked with a role's name and the state that it sees; `advance` steps the grid under the orders in force, by
    role. An order holds until the role's next one comes into force; a role whose first is still under way has none.
    """
    states = {0: first}
    under_way: dict[tuple[str, int], Order] = {}
    in_force: dict[str, Order] = {}
    for moment in timeline:
        decision = (moment.role, moment.number)
        if moment.doing is Doing.OBSERVE:
            under_way[decision] = decide(moment.role, states[moment.step])
        elif moment.doing is Doing.APPLY:
            in_force[moment.role] = under_way.pop(decision)
        else:
            states[moment.step + 1] = advance(states[moment.step], dict(in_force))
            states.pop(moment.step - timeline.lag_steps - 1, None)
            yield states[moment.step + 1]
