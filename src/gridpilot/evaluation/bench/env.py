"""Speed of the environments: steps per second on one core, with flows, seven reward terms and protections on; batches on all cores too.

The single environment is raced against Grid2Op with lightsim2grid's power flow, the vector environment against
lightsim2grid's own environment in C++. Both peers replay their own days of the IEEE 14-bus grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from gridpilot.envs import IDS, GridEnv, make_vec
from gridpilot.errors import PhysicsError
from gridpilot.evaluation.bench.microgrids import SCENARIO as MICROGRIDS
from gridpilot.evaluation.bench.microgrids import STEPS_PER_SECOND, batch_runner, microgrids_rows
from gridpilot.evaluation.bench.report import Lap, Row, Tell, held_to, installed, race, silent, threads_row
from gridpilot.twin.crew import usable_cores
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
    """Steps per turn of the vector environments."""
    grid2op_steps: int = 400
    """Steps per turn of Grid2Op."""
    light_steps: int = 10_000
    """Steps per turn of lightsim2grid's environment."""


def rows(effort: Effort | None = None, scenario: str = SCENARIO, batches: tuple[int, ...] = BATCHES, tell: Tell = silent) -> list[Row]:
    """Rows `env/<scenario>/B<batch>` of one thread, and of batches `…/threads<cores>`, the microgrids' too.

    Raises `PhysicsError` where a flow does not hold.
    """
    chosen = Effort() if effort is None else effort
    found = []
    with held_to(1):
        for batch in batches:
            tell(f"env/{scenario}/B{batch}")
            found.append(_row(scenario, batch, chosen))
        for batch in batches:
            steps = chosen.single_steps // 2 if batch == 1 else chosen.batch_steps
            found += microgrids_rows(batch, steps, chosen.rounds, tell)
    for batch in batches:
        if batch > 1:
            found += _threads_rows(scenario, batch, chosen, tell)
    return found


def _threads_rows(scenario: str, batch: int, effort: Effort, tell: Tell) -> list[Row]:
    """A batch on all cores against itself on one."""
    found = []
    for name, runner in ((scenario, partial(_vector, scenario)), (MICROGRIDS, batch_runner)):
        row = f"env/{name}/B{batch}"
        threads = max(2, usable_cores())
        tell(f"{row}/threads{threads}")
        of_threads = partial(runner, batch, effort.batch_steps)
        found.append(threads_row(row, STEPS_PER_SECOND, lambda seconds: 1.0 / seconds, of_threads, threads, effort.rounds))
    return found


def _row(scenario: str, batch: int, effort: Effort) -> Row:
    ours = _single(scenario, effort.single_steps) if batch == 1 else _vector(scenario, batch, effort.batch_steps)
    peer, note = _PEERS[batch > 1]
    runners = {"gridpilot": ours}
    if installed("grid2op", "lightsim2grid"):
        runners[peer] = _peer(batch, effort)
    seconds = race(runners, effort.rounds)
    raced = peer in seconds
    return Row(
        name=f"env/{scenario}/B{batch}",
        value=1.0 / seconds["gridpilot"],
        unit=STEPS_PER_SECOND,
        against=peer,
        ratio=seconds[peer] / seconds["gridpilot"] if raced else None,
        note=f"{_OURS}; {note}" if raced else "Grid2Op and lightsim2grid are not installed: pip install 'gridpilot[bench]'",
    )


_OURS = "gridpilot: another action every step; AC flows, reward terms, constraint costs, protections, disturbances, observation"
_PEERS = (
    ("grid2op", "grid2op: LightSimBackend, rte_case14_realistic, do-nothing; AC flows, its reward, protections, observation"),
    ("lightsim2grid", "lightsim2grid: one LightEnv stepped from Python, do-nothing; DC and AC flow, currents, protections; no devices"),
)
"""Name of the peer, and what it does, of the single and of the vector environment."""


def _peer(batch: int, effort: Effort) -> Callable[[], Lap]:
    from gridpilot.evaluation.bench.peer_envs import grid2op_runner, light_env_runner

    return grid2op_runner(effort.grid2op_steps) if batch == 1 else light_env_runner(effort.light_steps)


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


def _vector(scenario: str, batch: int, steps: int, threads: int = 1) -> Callable[[], Lap]:
    """A runner over `make_vec`, every element on its own day."""
    envs = make_vec(scenario, batch, threads=threads)
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
