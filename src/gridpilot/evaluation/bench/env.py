"""Speed of the environments: steps per second on one core, with flows, seven reward terms and protections on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from gridpilot.envs import IDS, GridEnv, make_vec
from gridpilot.errors import PhysicsError
from gridpilot.evaluation.bench.report import Lap, Row, one_core, race
from gridpilot.values import Floats

SCENARIO = "ieee14"
BATCHES = (1, 1024)
LARGEST_RESIDUAL_MVA = 1e-5
_WOBBLE = 0.05
"""Every step every control moves by up to this part of its half range around the standing orders."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    single_steps: int = 2000
    """Steps per turn of the single environment."""
    batch_steps: int = 100
    """Steps per turn of the vector environment."""


def rows(effort: Effort | None = None, scenario: str = SCENARIO, batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Rows `env/<scenario>/B<batch>`; raises `PhysicsError` where a flow does not hold."""
    chosen = Effort() if effort is None else effort
    with one_core():
        return [_row(scenario, batch, chosen) for batch in batches]


def _row(scenario: str, batch: int, effort: Effort) -> Row:
    runner = _single(scenario, effort.single_steps) if batch == 1 else _vector(scenario, batch, effort.batch_steps)
    seconds = race({"gridpilot": runner}, effort.rounds)["gridpilot"]
    return Row(
        name=f"env/{scenario}/B{batch}",
        value=1.0 / seconds,
        unit="environment steps per second",
        against="grid2op",
        note="Grid2Op's null environment is not raced here: gridpilot does not install it",
    )


def _actions(standing: Any, steps: int, batch: tuple[int, ...]) -> Any:
    random = np.random.default_rng(0)
    wobble = random.uniform(-_WOBBLE, _WOBBLE, (min(steps, 64), *batch, len(standing)))
    return (standing + wobble).clip(-1.0, 1.0).astype(np.float32)


def _single(scenario: str, steps: int) -> Callable[[], Lap]:
    """A runner over `gymnasium.make`, without Gymnasium's own checks of every step."""
    name = next(key for key, known in IDS.items() if known == scenario)
    env = gymnasium.make(name, disable_env_checker=True)
    env.reset(seed=0)
    grid: GridEnv = env.unwrapped  # type: ignore[assignment]  # registered under this id
    actions = _actions(grid.standing_action, steps, ())

    def run() -> Lap:
        left: list[Floats | None] = []
        for k in range(steps):
            _, _, terminated, truncated, _ = env.step(actions[k % len(actions)])
            if terminated or truncated:
                env.reset()
            left.append(grid.residual_mva)
        return Lap(steps, lambda: _check(left))

    return run


def _vector(scenario: str, batch: int, steps: int) -> Callable[[], Lap]:
    """A runner over `make_vec`, every element on its own day."""
    envs = make_vec(scenario, batch)
    envs.reset(seed=0)
    actions = _actions(envs.standing_action, steps, (batch,))

    def run() -> Lap:
        left: list[Floats | None] = []
        for k in range(steps):
            envs.step(actions[k % len(actions)])
            left.append(envs.residual_mva)
        return Lap(steps * batch, lambda: _check(left))

    return run


def _check(left: Sequence[Floats | None]) -> None:
    worst = max(float(residual.max()) for residual in left if residual is not None)
    if worst > LARGEST_RESIDUAL_MVA:
        raise PhysicsError(f"A step left a power flow residual of {worst:g} MVA: its time means nothing.")
