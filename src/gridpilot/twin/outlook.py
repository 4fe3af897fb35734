"""The outlook: a world made of forecasts, on which what-ifs are run. It holds no true future and no schedule of faults.

Disturbances that are on now are in the state, and stay on for the whole outlook: nobody knows when they end.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from gridpilot.profiles import Forecaster, Profiles, forecaster_of
from gridpilot.profiles.columns import EVENT
from gridpilot.twin.arrays import replicate
from gridpilot.twin.world import World, no_schedule
from gridpilot.values import Bools, Floats, GridState


@lru_cache(maxsize=8)
def _forecaster(driven: Profiles) -> Forecaster:
    return forecaster_of(driven)


def forecast(world: World, state: GridState, horizon: int, key: int, element: int = 0) -> Floats:
    """Drivers expected in the next `horizon` cycles `[horizon, c]`, known by `state`'s time; errors follow from `key`."""
    row = state.row[element : element + 1]
    expected = _forecaster(world.profiles).forecast(world.table, row, horizon, world.profiles.rows_per_day, key)
    expected[:, :, _events(world.profiles)] = 0.0
    return np.ascontiguousarray(expected[0])


@lru_cache(maxsize=8)
def _events(driven: Profiles) -> Bools:
    """Columns that nobody forecasts `[c]`."""
    return np.array([kind == EVENT for kind in driven.kinds], dtype=np.bool_)


def make_outlook(world: World, state: GridState, horizon: int, key: int, element: int = 0) -> World:
    """A world for one element in which row 0 is now and rows 1 … horizon are forecasts."""
    now = world.table[state.row[element]][None, :]
    return World(
        table=np.concatenate([now, forecast(world, state, horizon, key, element)]),
        first_row=np.zeros(1, dtype=np.int64),
        end_step=int(state.step[element]) + horizon,
        schedule=no_schedule(1),
        profiles=world.profiles,
    )


def on_outlook(state: GridState, element: int, copies: int) -> GridState:
    """`copies` of one element's state, at row 0 of an outlook."""
    return replace(replicate(state, element, copies), row=np.zeros(copies, dtype=np.int64))
