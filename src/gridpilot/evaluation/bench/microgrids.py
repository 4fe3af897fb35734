"""Speed of the microgrids environment: PettingZoo's form, and the batch.

No peer is raced: the environment of which it is the like, hepengli/powergrid, is no package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gridpilot.envs.microgrids import microgrids_env, microgrids_vec
from gridpilot.errors import PhysicsError
from gridpilot.evaluation.bench.report import Lap, Row, Tell, race, silent

SCENARIO = "three_microgrids"
STEPS_PER_SECOND = "environment steps per second"
LARGEST_RESIDUAL_MVA = 1e-5
_REACH = 0.3
_NOTE = "actions drawn for every step, setpoint protocol; 73 buses, AC flows, rewards per microgrid, local observations"


def microgrids_rows(batch: int, steps: int, rounds: int, tell: Tell = silent) -> list[Row]:
    """The row `env/three_microgrids/B<batch>`; raises `PhysicsError` where a flow does not hold."""
    name = f"env/{SCENARIO}/B{batch}"
    tell(name)
    runner = _parallel(steps) if batch == 1 else batch_runner(batch, steps)
    seconds = race({"gridpilot": runner}, rounds)
    note = _NOTE if batch > 1 else f"{_NOTE}; through PettingZoo"
    return [Row(name=name, value=1.0 / seconds["gridpilot"], unit=STEPS_PER_SECOND, note=note)]


def _parallel(steps: int) -> Callable[[], Lap]:
    env = microgrids_env(scenario=SCENARIO)
    env.reset(seed=0)
    random = np.random.default_rng(0)
    drawn = [_draw(random, {name: env.action_space(name).shape for name in env.possible_agents}) for _ in range(64)]

    def run() -> Lap:
        for k in range(steps):
            if not env.agents:
                env.reset()
            env.step(drawn[k % len(drawn)])
        return Lap(steps, lambda: _check(env.residual_mva))

    return run


def batch_runner(batch: int, steps: int, threads: int = 1) -> Callable[[], Lap]:
    """A runner over `microgrids_vec`."""
    envs = microgrids_vec(batch, scenario=SCENARIO, threads=threads)
    envs.reset(seed=0)
    random = np.random.default_rng(0)
    shapes = {name: (batch, *space.shape) for name, space in envs.single_action_spaces.items()}
    drawn = [_draw(random, shapes) for _ in range(16)]

    def run() -> Lap:
        for k in range(steps):
            envs.step(drawn[k % len(drawn)])
        return Lap(steps * batch, lambda: _check(envs.residual_mva))

    return run


def _draw(random: np.random.Generator, shapes: dict[str, Any]) -> dict[str, Any]:
    return {name: random.uniform(-_REACH, _REACH, shape).astype(np.float32) for name, shape in shapes.items()}


def _check(residual_mva: Any) -> None:
    if residual_mva is None or not float(residual_mva.max()) <= LARGEST_RESIDUAL_MVA:
        raise PhysicsError(f"A step left a power flow residual of {residual_mva} MVA: its time means nothing.")
