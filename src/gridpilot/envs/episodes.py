"""A batch of running episodes: what the single and the vector environment have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridpilot.disturbances import Schedule, draw, schedule
from gridpilot.envs.ground import Ground
from gridpilot.twin.arrays import replace_elements
from gridpilot.twin.start import first_state
from gridpilot.twin.step import step
from gridpilot.twin.world import World
from gridpilot.values import Bools, Floats, GridState, Ints, Setpoints, Transition

_DAY_KEY = 20
"""Keeps the draw of the day apart from the draws of disturbances under the same seed."""


@dataclass(frozen=True, eq=False)
class Episodes:
    """The state of a batch and the world it moves through; neither is ever shown."""

    state: GridState
    world: World


Held = tuple[GridState, Ints, Schedule]
"""What has to be kept of running episodes to go on with them elsewhere."""


def held_of(running: Episodes | None) -> Held | None:
    """The part of running episodes that their ground does not hold."""
    return None if running is None else (running.state, running.world.first_row, running.world.schedule)


def restored(ground: Ground, held: Held | None) -> Episodes | None:
    """Running episodes from what was kept of them."""
    if held is None:
        return None
    state, first_row, plan = held
    return Episodes(state, World(ground.driven.values, first_row, ground.steps, plan, ground.driven))


def begin(ground: Ground, seeds: Sequence[int], day: str | None = None) -> Episodes:
    """New episodes, one per seed: it draws the disturbances and, without a day, the day too."""
    rows = [_drawn_day(ground, seed) if day is None else ground.row_of(day) for seed in seeds]
    scenario = ground.model.scenario
    world = World(
        table=ground.driven.values,
        first_row=np.array(rows, dtype=np.int64),
        end_step=ground.steps,
        schedule=schedule([draw(scenario.threats, seed) for seed in seeds], scenario.places(), ground.model.dt_h),
        profiles=ground.driven,
    )
    return Episodes(first_state(ground.model, world), world)


def _drawn_day(ground: Ground, seed: int) -> int:
    return int(np.random.default_rng([seed, _DAY_KEY]).choice(ground.days))


def begin_again(ground: Ground, running: Episodes, elements: Ints, seeds: Sequence[int]) -> Episodes:
    """`running` with new episodes in some elements; the others go on as they are."""
    fresh = begin(ground, seeds)
    width = max(running.world.schedule.step.shape[1], fresh.world.schedule.step.shape[1])
    plan = replace_elements(_widened(running.world.schedule, width), elements, _widened(fresh.world.schedule, width))
    rows = replace_elements(running.world.first_row, elements, fresh.world.first_row)
    state = replace_elements(running.state, elements, fresh.state)
    return Episodes(state, replace(running.world, schedule=plan, first_row=rows))


def _widened(plan: Schedule, width: int) -> Schedule:
    """A schedule with room for `width` entries per element."""
    missing = width - plan.step.shape[1]
    if not missing:
        return plan
    room = ((0, 0), (0, missing))
    return Schedule(
        step=np.pad(plan.step, room, constant_values=-1),
        event=np.pad(plan.event, room),
        channel=np.pad(plan.channel, room),
        index=np.pad(plan.index, room),
        value=np.pad(plan.value, room),
        begins=np.pad(plan.begins, room),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """How a step ended for every element `[B]`."""

    reward: Floats
    terms: Floats
    """Reward terms, unweighted `[B, 7]`; with what a collapse costs until the end of the day."""
    terminated: Bools
    """The grid went down."""
    truncated: Bools
    """The episode is over, and the grid stands."""


def end_step(ground: Ground, moved: Transition) -> Ending:
    """Reward, termination and truncation of a step.

    A grid that went down stays down: the terms of the step in which it fell are booked for the rest of the episode
    at once, so that ending an episode early is never cheaper than standing it through.
    """
    terminated = moved.state.collapsed
    truncated = (moved.state.step >= ground.steps) & ~terminated
    terms, reward = moved.reward_terms[:, 0], moved.reward
    if terminated.any():
        times = np.where(terminated, 1.0 + np.maximum(ground.steps - moved.state.step, 0), 1.0)
        terms, reward = terms * times[:, None], reward * times
    return Ending(reward, terms, terminated, truncated)


def advance(ground: Ground, running: Episodes, setpoints: Setpoints) -> tuple[Episodes, Transition]:
    """One cycle of every element."""
    moved = step(ground.model, running.world, running.state, setpoints)
    return Episodes(moved.state, running.world), moved
