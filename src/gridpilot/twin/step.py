"""`step`: devices → power flow → protection → books → rewards, for every element of a batch at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gridpilot.twin.cycle import run_cycle
from gridpilot.twin.memory import Blocks, Memory
from gridpilot.twin.model import Model
from gridpilot.twin.world import World
from gridpilot.values import Events, GridState, Ints, Outcomes, Setpoints, Transition


def step(model: Model, world: World, state: GridState, setpoints: Setpoints) -> Transition:
    """The next state after one cycle under these setpoints, and what it cost. Pure: `state` stays as it is.

    Raises `ConfigError` where an element has no row left in the world's table.
    """
    spare = _spare_memory(model, state.batch)
    try:
        memory = spare.pop()
    except IndexError:
        memory = Memory(model, state.batch)
    memory.load(state, setpoints)
    struck = [run_cycle(model, world, piece) for piece in memory.pieces]
    made = memory.blocks.copy()
    spare.append(memory)
    return _transition(made, _entries(world, made) if any(struck) else _NOTHING_STRUCK)


@lru_cache(maxsize=16)
def _spare_memory(model: Model, batch: int) -> list[Memory]:
    """Memories that nobody holds. A step takes one out, so that no two steps share one."""
    return []


_NOTHING_STRUCK = np.zeros((0, 5), dtype=np.int64)


def _entries(world: World, made: Blocks) -> Ints:
    """The scheduled disturbances of the step."""
    plan = world.schedule
    hit = plan.step == made.view("step")[:, None]
    return np.stack([np.nonzero(hit)[0], plan.event[hit], plan.index[hit], plan.begins[hit], plan.channel[hit]], axis=1)


def _transition(made: Blocks, struck: Ints) -> Transition:
    view, after = made.view, made.state()
    return Transition(
        state=after,
        setpoints=after.setpoints,
        reward_terms=view("terms")[:, None, :],
        constraint_costs=view("costs")[:, None, :],
        reward=view("reward"),
        outcomes=Outcomes(*np.ascontiguousarray(view("sums").T)),
        events=Events(struck, view("opened"), view("shed_mw"), view("spilled_mw"), view("islanded"), view("fallen"), view("built")),
    )
