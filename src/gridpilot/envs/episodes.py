"""A batch of running episodes: what the single and the vector environment have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridpilot.disturbances import Schedule, draw, schedule
from gridpilot.envs.actions import not_finite
from gridpilot.envs.ground import Ground
from gridpilot.envs.observation import Observation
from gridpilot.envs.seat import hand_in, hand_out, take_seat
from gridpilot.frame import Frame
from gridpilot.jit import resident
from gridpilot.twin.arrays import replace_elements
from gridpilot.twin.cycle import run_cycle
from gridpilot.twin.memory import Memory
from gridpilot.twin.start import first_memory
from gridpilot.twin.world import World
from gridpilot.values import Floats, GridState, Ints

_DAY_KEY = 20
"""Keeps the draw of the day apart from the draws of disturbances under the same seed."""


class Episodes:
    """A batch of grids, stepped in place, and the world they move through; neither is ever shown to a learner."""

    def __init__(self, ground: Ground, world: World, memory: Memory) -> None:
        self.ground = ground
        self.world = world
        self.memory = memory
        self._lens = Frame(ground.observer.lens(memory.blocks))
        self.seat = take_seat(ground, memory, self._lens)
        """What is handed in and out; `vector` is written before a step, the others are read after it."""
        self.costs: Floats = memory.blocks.view("costs")
        """Constraint costs of the step `[B, 3]`."""
        self._held = resident(self.seat)
        self._shape = memory.batch, len(self.seat.scale.raw)

    @property
    def state(self) -> GridState:
        """The grids of now, as a value of its own."""
        return self.memory.blocks.copy().state()

    @property
    def residual_mva(self) -> Floats:
        """Largest mismatch that the last power flow left at any bus `[B]`; 0 where the grid is down."""
        view = self.memory.blocks.view
        return np.where(view("collapsed"), 0.0, view("residual"))

    def look(self) -> Observation:
        """Observations `[B, k]` without a step."""
        shown = np.empty(self._shape, dtype=np.float32)
        hand_out(self._held, shown, 0, self.memory.batch)
        return shown

    def advance(self) -> tuple[Observation, bool]:
        """One cycle of every element under the vectors handed in; observations `[B, k]`, and whether any episode is over.

        Raises `ActionError` for vectors that are not made of finite numbers; nothing happens then.
        """
        if not hand_in(self._held):
            raise not_finite(self.ground.model, self.seat.vector)
        shown, over = np.empty(self._shape, dtype=np.float32), False
        for piece in self.memory.pieces:
            run_cycle(self.ground.model, self.world, piece)
            over = hand_out(self._held, shown, piece.first, piece.end) or over
        return shown, over


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
    memory = Memory(ground.model, state.batch)
    memory.load(state, state.setpoints)
    return Episodes(ground, World(ground.driven.values, first_row, ground.steps, plan, ground.driven), memory)


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
    return Episodes(ground, world, first_memory(ground.model, world))


def _drawn_day(ground: Ground, seed: int) -> int:
    return int(np.random.default_rng([seed, _DAY_KEY]).choice(ground.days))


def begin_again(running: Episodes, elements: Ints, seeds: Sequence[int]) -> Observation:
    """New episodes in some elements, and their first observations `[len(elements), k]`; the others go on as they are."""
    fresh = begin(running.ground, seeds)
    width = max(running.world.schedule.step.shape[1], fresh.world.schedule.step.shape[1])
    plan = replace_elements(_widened(running.world.schedule, width), elements, _widened(fresh.world.schedule, width))
    rows = replace_elements(running.world.first_row, elements, fresh.world.first_row)
    running.world = replace(running.world, schedule=plan, first_row=rows)
    running.memory.replace(elements, fresh.memory)
    return fresh.look()


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
