"""A batch of running episodes: what the single and the vector environment have in common."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import numpy as np

from gridpilot.disturbances import Schedule
from gridpilot.envs.actions import not_finite
from gridpilot.envs.ground import Ground
from gridpilot.envs.nursery import Nursery, new_world, roomy, take_over
from gridpilot.envs.observation import Observation
from gridpilot.envs.seat import hand_in, hand_out, show, take_seat
from gridpilot.frame import Frame
from gridpilot.jit import resident
from gridpilot.twin.crew import ALONE, Crew
from gridpilot.twin.cycle import Cycle, run_cycle
from gridpilot.twin.memory import Memory, Piece
from gridpilot.twin.start import first_memory
from gridpilot.twin.world import World
from gridpilot.values import Floats, GridState, Ints


class Episodes:
    """A batch of grids, stepped in place, and the world they move through; neither is ever shown to a learner."""

    def __init__(self, ground: Ground, world: World, memory: Memory) -> None:
        self.ground = ground
        self.world = world
        self.memory = memory
        # Who looks needs scratch of his own.
        self._lenses = [Frame(ground.observer.lens(memory.blocks)) for _ in memory.shares]
        self.seat = take_seat(ground, memory, self._lenses[0])
        """What is handed in and out; `vector` is written before a step, the others are read after it."""
        self.costs: Floats = memory.blocks.view("costs")
        """Constraint costs of the step `[B, 3]`."""
        seats = [self.seat._replace(lens=lens.address, scale=ground.observer.scale(lens.value)) for lens in self._lenses]
        self._held = [resident(seat) for seat in seats]
        """The seat as each share of the memory uses it."""
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
        hand_out(self._held[0], shown, 0, self.memory.batch)
        return shown

    def blank(self) -> Observation:
        """Room for observations `[B, k]`."""
        return np.empty(self._shape, dtype=np.float32)

    def show(self, elements: Ints, shown: Observation) -> None:
        """Observations of some elements, in their rows of `shown` `[B, k]`."""
        show(self._held[0], elements, shown)

    def nursery(self, size: int) -> Nursery:
        """Room to begin so many episodes in."""
        if size not in self._nurseries:
            self._nurseries[size] = Nursery(self.ground, size, self.memory.crew)
        return self._nurseries[size]

    def advance(self) -> tuple[Observation, bool]:
        """One cycle of every element under the vectors handed in; observations `[B, k]`, and whether any episode is over.

        Raises `ActionError` for vectors that are not made of finite numbers; nothing happens then.
        """
        if not hand_in(self._held[0]):
            raise not_finite(self.ground.model, self.seat.vector)
        return self.run(run_cycle)

    def run(self, cycle: Cycle) -> tuple[Observation, bool]:
        """One cycle of every element under the orders in its memory; observations `[B, k]`, and whether any episode is over."""
        shown = self.blank()
        return shown, any(self.memory.each(partial(self._run_piece, cycle, shown)))

    def _run_piece(self, cycle: Cycle, shown: Observation, piece: Piece) -> bool:
        cycle(self.ground.model, self.world, piece)
        return hand_out(self._held[piece.share], shown, piece.first, piece.end)


Held = tuple[GridState, Ints, Schedule]
"""What has to be kept of running episodes to go on with them elsewhere."""


def held_of(running: Episodes | None) -> Held | None:
    """The part of running episodes that their ground does not hold."""
    return None if running is None else (running.state, *deepcopy((running.world.first_row, running.world.schedule)))


def restored(ground: Ground, held: Held | None, crew: Crew = ALONE) -> Episodes | None:
    """Running episodes from what was kept of them."""
    if held is None:
        return None
    state, first_row, plan = held
    memory = Memory(ground.model, state.batch, crew)
    memory.load(state, state.setpoints)
    return Episodes(ground, World(ground.driven.values, first_row, ground.steps, plan, ground.driven), memory)


def begin(ground: Ground, seeds: Sequence[int], day: str | None = None, crew: Crew = ALONE) -> Episodes:
    """New episodes, one per seed: it draws the disturbances and, without a day, the day too."""
    world = new_world(ground, seeds, day)
    return Episodes(ground, world, first_memory(ground.model, world, crew=crew))


def begin_again(running: Episodes, elements: Ints, seeds: Sequence[int], shown: Observation, day: str | None = None) -> None:
    """New episodes in some elements, and their first observations in the rows of `shown` `[B, k]`; the others go on as they are."""
    fresh = new_world(running.ground, seeds, day)
    take_over(running.world, elements, fresh, np.arange(len(elements)))
    size = roomy(running.memory.batch, len(elements), len(running.memory.shares))
    nursery = running.nursery(size)
    for first in range(0, len(elements), size):
        end = min(first + size, len(elements))
        running.memory.replace(elements[first:end], nursery.begin(fresh, first, end))
    running.show(elements, shown)


def begin_or_again(seated: Episodes | None, ground: Ground, seed: int, day: str | None = None) -> tuple[Episodes, Observation]:
    """A new episode of one grid, in the memory of the one before where it fits, and its first observation `[1, k]`."""
    if seated is None or seated.ground is not ground:
        seated = begin(ground, [seed], day)
        return seated, seated.look()
    shown = seated.blank()
    begin_again(seated, np.array([0]), [seed], shown, day)
    return seated, shown
