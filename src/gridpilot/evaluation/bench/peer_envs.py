"""Grid2Op and lightsim2grid's own environment on the IEEE 14-bus grid: the peers of the environments."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gridpilot.errors import MissingExtraError
from gridpilot.evaluation.bench.report import Lap
from gridpilot.values import Floats

try:
    import grid2op
    from lightsim2grid import LightSimBackend
    from lightsim2grid.lightEnv import LightEnv, Protections
except ImportError as error:
    raise MissingExtraError("grid2op, lightsim2grid", "bench", "A race against Grid2Op") from error

GRID2OP_ENV = "rte_case14_realistic"
"""Comes with Grid2Op: 14 buses, 20 branches, steps of five minutes."""
OVERLOADED_STEPS = 2
"""Steps that a branch may be overloaded before the protections of `LightEnv` open it, as Grid2Op has it."""


def make_grid2op() -> Any:
    """The environment of Grid2Op with lightsim2grid as its power flow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that the environment is a small one
        env = grid2op.make(GRID2OP_ENV, test=True, backend=LightSimBackend())
        env.seed(0)
        env.reset()
    return env


def grid2op_runner(steps: int) -> Callable[[], Lap]:
    """A runner that does nothing, step by step, and begins anew where an episode ends."""
    env = make_grid2op()
    nothing = env.action_space({})

    def run() -> Lap:
        for _ in range(steps):
            _, _, done, _ = env.step(nothing)
            if done:
                env.reset()
        return Lap(steps, lambda: None)

    return run


def light_env_runner(steps: int) -> Callable[[], Lap]:
    """A runner over one `LightEnv` which replays an episode of Grid2Op with its protections on."""
    env = make_light_env()
    env.reset()

    def run() -> Lap:
        for _ in range(steps):
            _, _, done, truncated, _ = env.step(0)
            if done or truncated:
                env.reset()
        return Lap(steps, lambda: None)

    return run


def make_light_env() -> Any:
    """The C++ environment on the grid, injections and thermal limits of Grid2Op's."""
    source = make_grid2op()
    data = source.chronics_handler.real_data.data
    rows = len(data.load_p)
    light = LightEnv(source.backend._grid)
    light.assign_time_series(
        *(_table(values) for values in (data.load_p, data.load_q, data.prod_p, data.prod_v / source.backend.prod_pu_to_kv)),
        *(np.full((rows, count), np.nan) for count in (source.n_storage, source.n_shunt, source.n_shunt, 0, 0)),
    )
    limit_ka = np.asarray(source.get_thermal_limit(), dtype=np.float64) * 1e-3
    protections = Protections()
    protections.set_thermal_limit_or(limit_ka)
    protections.set_thermal_limit_ex(limit_ka * source.backend.lines_or_pu_to_kv / source.backend.lines_ex_pu_to_kv)
    protections.set_max_line_time_step_overflow(np.full(source.n_line, OVERLOADED_STEPS, dtype=np.int32))
    light.protections = protections
    return light


def _table(values: Any) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)
