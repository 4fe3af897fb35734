"""A batch of running episodes: what the single and the vector environment have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np

from gridpilot.disturbances import Schedule
from gridpilot.envs.actions import not_finite
from gridpilot.envs.ground import Ground
from gridpilot.envs.nursery import Nursery, new_world, roomy, take_over
from gridpilot.envs.observation import Observation
from gridpilot.envs.seat import hand_in, hand_out, show, take_seat
from gridpilot.frame import Frame
from gridpilot.jit import resident
from gridpilot.twin.cycle import run_cycle
from gridpilot.twin.memory import Memory, Piece
from gridpilot.twin.model import Model
from gridpilot.twin.start import first_memory
from gridpilot.twin.world import World
from gridpilot.values import Floats, GridState, Ints

Cycle = Callable[[Model, World, Piece], object]
"""What takes the elements of a piece on by one cycle."""


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
        self._nurseries: dict[int, Nursery] = {}

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
        shown = self.blank()
        hand_out(self._held, shown, 0, self.memory.batch)
        return shown

    def blank(self) -> Observation:
        """Room for observations `[B, k]`."""
        return np.empty(self._shape, dtype=np.float32)

    def show(self, elements: Ints, shown: Observation) -> None:
        """Observations of some elements, in their rows of `shown` `[B, k]`."""
        show(self._held, elements, shown)

    def nursery(self, size: int) -> Nursery:
        """Room to begin so many episodes in."""
        if size not in self._nurseries:
            self._nurseries[size] = Nursery(self.ground, size)
        return self._nurseries[size]

    def advance(self) -> tuple[Observation, bool]:
        """One cycle of every element under the vectors handed in; observations `[B, k]`, and whether any episode is over.

        Raises `ActionError` for vectors that are not made of finite numbers; nothing happens then.
        """
        if not hand_in(self._held):
            raise not_finite(self.ground.model, self.seat.vector)
        return self.run(run_cycle)

    def run(self, cycle: Cycle) -> tuple[Observation, bool]:
        """One cycle of every element under the orders in its memory; observations `[B, k]`, and whether any episode is over."""
        shown, over = self.blank(), False
        for piece in self.memory.pieces:
            cycle(self.ground.model, self.world, piece)
            over = hand_out(self._held, shown, piece.first, piece.end) or over
        return shown, over


Held = tuple[GridState, Ints, Schedule]
"""What has to be kept of running episodes to go on with them elsewhere."""


def held_of(running: Episodes | None) -> Held | None:
    """The part of running episodes that their ground does not hold."""
    return None if running is None else (running.state, *deepcopy((running.world.first_row, running.world.schedule)))


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
    world = new_world(ground, seeds, day)
    return Episodes(ground, world, first_memory(ground.model, world))


def begin_again(running: Episodes, elements: Ints, seeds: Sequence[int], shown: Observation, day: str | None = None) -> None:
    """New episodes in some elements, and their first observations in the rows of `shown` `[B, k]`; the others go on as they are."""
    fresh = new_world(running.ground, seeds, day)
    take_over(running.world, elements, fresh, np.arange(len(elements)))
    size = roomy(running.memory.batch, len(elements))
    nursery = running.nursery(size)
    for first in range(0, len(elements), size):
        end = min(first + size, len(elements))
        running.memory.replace(elements[first:end], nursery.begin(fresh, first, end))
    running.show(elements, shown)
