"""Where episodes begin: the first states of a few grids at once, in memory that is made once.

Episodes end one by one, or all at midnight. A new memory for each would cost more than a hundred steps of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np

from gridpilot.disturbances import draw, schedule
from gridpilot.envs.ground import Ground
from gridpilot.twin.arrays import pick, put
from gridpilot.twin.crew import Crew
from gridpilot.twin.memory import PIECE, Memory
from gridpilot.twin.start import begin_at, set_out
from gridpilot.twin.world import World
from gridpilot.values import Ints

_DAY_KEY = 20
"""Keeps the draw of the day apart from the draws of disturbances under the same seed."""
_FEW = 8
"""Room for as many as fill a register."""


def new_world(ground: Ground, seeds: Sequence[int], day: str | None = None) -> World:
    """A world of its own for every seed, which draws the disturbances and, without a day, the day too."""
    rows = [_drawn_day(ground, seed) if day is None else ground.row_of(day) for seed in seeds]
    scenario = ground.model.scenario
    drawn = [draw(scenario.threats, seed) for seed in seeds]
    return World(
        table=ground.driven.values,
        first_row=np.array(rows, dtype=np.int64),
        end_step=ground.steps,
        schedule=schedule(drawn, scenario.places(), ground.model.dt_h, room=len(scenario.threats)),
        profiles=ground.driven,
    )


def _drawn_day(ground: Ground, seed: int) -> int:
    days = ground.days
    return int(days[np.random.default_rng([seed, _DAY_KEY]).integers(len(days))])


class Nursery:
    """Room for a number of grids at the beginning of their episodes."""

    def __init__(self, ground: Ground, size: int, crew: Crew) -> None:
        self._ground = ground
        self._memory = Memory(ground.model, size, crew)
        set_out(ground.model, self._memory)
        self._as_built = self._memory.blocks.copy()
        self._world: World | None = None

    def begin(self, world: World, first: int, end: int) -> Memory:
        """The first states of elements `first` … `end` − 1 of a world, at most as many as there is room for.

        They stand in the first places of a memory that is good until the next call.
        """
        chosen = np.minimum(np.arange(first, first + self._memory.batch), end - 1)
        if self._world is None:
            self._world = replace(world, first_row=world.first_row[chosen], schedule=deepcopy(pick(world.schedule, chosen)))
        else:
            take_over(self._world, np.arange(len(chosen)), world, chosen)
        self._memory.blocks.take(self._as_built)
        begin_at(self._ground.model, self._world, self._memory)
        return self._memory


def take_over(world: World, elements: Ints, fresh: World, chosen: Ints) -> None:
    """Let elements of a world meet what `chosen` ones of another meet. For worlds that nobody else holds."""
    put(world.first_row, elements, fresh.first_row[chosen])
    put(world.schedule, elements, pick(fresh.schedule, chosen))


def roomy(batch: int, count: int, threads: int) -> int:
    """Room to begin `count` of `batch` elements in: a few, or a piece for every thread."""
    return min(batch, _FEW if count <= _FEW else PIECE * threads)
