"""The world that acts on a grid: weather, demand and disturbances, past and to come.

A world is what the twin is stepped through. The true one is never part of a view; previews step through another one,
made of forecasts (`outlook`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gridpilot.disturbances import Schedule, draw, schedule
from gridpilot.errors import ConfigError
from gridpilot.jit import Resident, resident
from gridpilot.profiles import Profiles
from gridpilot.twin.model import Model
from gridpilot.values import Floats, Ints


class Outside(NamedTuple):
    """What kernels need of the world around some elements; see `World` and `gridpilot.disturbances.Schedule`."""

    table: Floats
    entry_step: Ints
    entry_channel: Ints
    entry_index: Ints
    entry_value: Floats
    end_step: int


@dataclass(frozen=True, eq=False)
class World:
    """What acts on the elements of a batch."""

    table: Floats
    """Every driver over time `[T, c]`, on the model's cycle."""
    first_row: Ints
    """Row of step 0 for every element `[B]`."""
    end_step: int
    """Step at which the episode ends."""
    schedule: Schedule
    profiles: Profiles
    """Where `table` comes from: for its clock and its forecasts."""

    def held(self, first: int, end: int) -> Resident[Outside]:
        """The world around elements `first` … `end` − 1, for kernels."""
        known = self._held.get((first, end))
        if known is None:
            plan, table = self.schedule, np.ascontiguousarray(self.table).view()
            # Profiles are read-only and outlooks are not: one machine code for both.
            table.flags.writeable = False
            known = resident(
                Outside(table, plan.step[first:end], plan.channel[first:end], plan.index[first:end], plan.value[first:end], self.end_step)
            )
            self._held[first, end] = known
        return known

    @cached_property
    def _held(self) -> dict[tuple[int, int], Resident[Outside]]:
        return {}

    def time(self, row: int) -> np.datetime64:
        """Local time of a row."""
        return self.profiles.time(row)


def no_schedule(batch: int) -> Schedule:
    """A schedule on which nothing happens."""
    empty = np.zeros((batch, 0), dtype=np.int64)
    return Schedule(empty, empty, empty, empty, np.zeros((batch, 0)), empty)


def drive(model: Model, profiles: Profiles) -> Profiles:
    """`profiles` as the drivers of a model, on its cycle; do it once and make many worlds from it."""
    scenario = model.scenario
    return scenario.with_events(scenario.driven_by(profiles).resampled(model.dt_h * 60.0))


def make_world(model: Model, driven: Profiles, first_rows: Sequence[int], seeds: Sequence[int], *, steps: int | None = None) -> World:
    """A world in which element b begins at `first_rows[b]` and meets the disturbances of `seeds[b]`.

    Raises `ConfigError` where an episode would leave the profiles or cross a seam.
    """
    steps = model.episode_steps if steps is None else steps
    wrong = [r for r in first_rows if r < 0 or r + steps >= len(driven) or driven.crosses_seam(r, steps + 1)]
    if wrong:
        raise ConfigError(
            f"An episode of {steps} cycles cannot start at row {wrong[0]} of profiles {driven.name!r}, which have "
            f"{len(driven)} rows of {driven.step_min:g} min and seams at {list(driven.seams)}: choose another start or fewer cycles."
        )
    episodes = [draw(model.scenario.threats, seed) for seed in seeds]
    return World(
        table=driven.values,
        first_row=np.array(first_rows, dtype=np.int64),
        end_step=steps,
        schedule=schedule(episodes, model.scenario.places(), model.dt_h),
        profiles=driven,
    )
