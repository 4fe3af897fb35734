"""Warm-up: compile every kernel ahead, or load it from the cache, so that the first step of a run does not wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np

from gridpilot.envs import GridEnv, GridVectorEnv
from gridpilot.envs.microgrids import microgrids_env, microgrids_vec
from gridpilot.network import load_case
from gridpilot.powerflow import engine
from gridpilot.powerflow.contingency import contingencies, solve_points
from gridpilot.powerflow.outages import n_minus_one
from gridpilot.powerflow.sweep import Sweep
from gridpilot.twin import make_twin

SCENARIO, STRESSED = "six_bus", "ieee14"
"""Kernels do not depend on the grid: the smallest one will do. Random orders overload the other one."""

Tell = Callable[[str], None]
_MANY = 16
"""Elements that are solved in wide registers."""


def _warm_engine() -> None:
    """Power flows of every kind: one and many, by bus and by element, with and without voltages, and after outages."""
    case = load_case("case14")
    p, q = case.injections()
    kind, v_set = case.kinds()
    closed = case.network.branch_closed[None]
    for name in ("newton", "dc"):
        solver, flow = engine(name, case.network), None
        for _ in range(2):
            flow = solver.solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed, start=flow)
    for batch in (1, _MANY):
        table = (case.loads.p_mw, case.loads.q_mvar, case.units.p_mw)
        Sweep(case, batch).solve(*[np.repeat(values[None], batch, axis=0) for values in table])
    solver = engine("newton", case.network)
    points = solve_points(solver, p_mw=p[None], q_mvar=q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)
    contingencies(solver, case.network, points, n_minus_one(case.network))


def _warm_twin() -> None:
    """A step, a view and a preview."""
    twin = make_twin(SCENARIO, cycles=4)
    first = twin.first()
    state = twin.step(first, twin.order(first, ())[0]).state
    twin.observe(state)
    twin.preview(state, [()], horizon=2)


def _warm_envs() -> None:
    """Steps of the single environment, and steps of the vector environment under orders that make protections trip."""
    env, envs = GridEnv(scenario=SCENARIO), GridVectorEnv(_MANY, scenario=STRESSED)
    env.reset(seed=0)
    env.step(env.standing_action)
    envs.reset(seed=0)
    random = np.random.default_rng(0)
    for _ in range(4):
        envs.step(random.uniform(-1.0, 1.0, envs.action_space.shape).astype(np.float32))


def _warm_microgrids() -> None:
    """Steps of microgrids in a batch, and of one whose agents answer messages: they compile their own devices."""
    envs = microgrids_vec(_MANY)
    envs.reset(seed=0)
    envs.step({name: np.zeros((_MANY, *space.shape)) for name, space in envs.single_action_spaces.items()})
    env = microgrids_env(centralized=False, cycles=2)
    env.reset(seed=0)
    env.step(env.standing_action)
    env.close()


PARTS: Mapping[str, Callable[[], None]] = {
    "engine": _warm_engine,
    "twin": _warm_twin,
    "envs": _warm_envs,
    "microgrids": _warm_microgrids,
}
"""What is warmed, in this order: a later part uses what an earlier one has compiled."""


def warm_up(tell: Tell | None = None) -> dict[str, float]:
    """Seconds that each of `PARTS` took; `tell` hears its name before it begins."""
    seconds = {}
    for name, warm in PARTS.items():
        if tell is not None:
            tell(name)
        begun = perf_counter()
        warm()
        seconds[name] = perf_counter() - begun
    return seconds
