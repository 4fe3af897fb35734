"""Grids to solve: random ones, IEEE test cases as pandapower ships them, and a batch of arguments from a case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pandapower.networks
import pytest

from gridpilot.network import Case, LoadTable, UnitTable, from_pandapower, make_network
from gridpilot.values import Flow

IEEE = ("case14", "case_ieee30", "case57", "case118")


@pytest.fixture(scope="session", params=IEEE)
def ieee(request: pytest.FixtureRequest) -> Case:
    """Each IEEE test case in turn."""
    return from_pandapower(getattr(pandapower.networks, request.param)())


@pytest.fixture(scope="session")
def case14() -> Case:
    return from_pandapower(pandapower.networks.case14())


@pytest.fixture(scope="session")
def random_grid() -> Callable[[int], Case]:
    """A meshed grid of 2 to 12 buses with taps, shifts, shunts, parallel branches, PV buses and a light load."""
    return make_random_grid


@pytest.fixture(scope="session")
def batch() -> Callable[..., dict[str, Any]]:
    """Arguments of `solve`: a case's own operating point, or `scale` times its injections, one row per factor."""
    return make_batch


@pytest.fixture(scope="session")
def assert_identical() -> Callable[..., None]:
    """Every bit of one flow is that of another one's elements `which`."""
    return compare_bits


def compare_bits(a: Flow, b: Flow, which: Any = slice(None)) -> None:
    for field in fields(a):
        assert getattr(a, field.name).tobytes() == getattr(b, field.name)[which].tobytes(), field.name


def make_batch(case: Case, scale: Any = (1.0,)) -> dict[str, Any]:
    factor = np.atleast_2d(np.asarray(scale, dtype=np.float64))
    factor = factor.T if factor.shape[0] == 1 else factor
    p, q = case.injections()
    kind, v_set = case.kinds()
    rows = len(factor)
    return {
        "p_mw": factor * p,
        "q_mvar": factor * q,
        "kind": np.repeat(kind[None], rows, axis=0),
        "v_set_pu": np.repeat(v_set[None], rows, axis=0),
        "closed": np.repeat(case.network.branch_closed[None], rows, axis=0),
    }


def make_random_grid(seed: int) -> Case:
    draw = np.random.default_rng(seed)
    n = int(draw.integers(2, 13))
    pairs = [(int(draw.integers(0, k)), k) for k in range(1, n)]
    pairs += [(a, b) for a, b in draw.integers(0, n, (int(draw.integers(0, n)), 2)).tolist() if a != b]
    branches = [
        {
            "name": f"L{k}",
            "a": str(a),
            "b": str(b),
            "r_pu": draw.uniform(0.0, 0.03),
            "x_pu": draw.uniform(0.02, 0.1),
            "b_pu": draw.uniform(0.0, 0.05),
            "g_pu": draw.uniform(0.0, 0.001),
            "tap": draw.choice([1.0, 0.97, 1.05]),
            "shift_deg": draw.choice([0.0, 0.0, -3.0, 5.0]),
            "rating_mva": draw.uniform(20.0, 200.0),
        }
        for k, (a, b) in enumerate(pairs)
    ]
    shunts = [{"name": "S", "bus": str(draw.integers(0, n)), "g_mw": draw.uniform(0, 1), "b_mvar": draw.uniform(-5, 5)}]
    network = make_network(
        f"random {seed}", base_mva=100.0, buses=[{"name": str(k), "kv": 110.0} for k in range(n)], branches=branches, shunts=shunts
    )
    slack = int(draw.integers(0, n))
    held = np.flatnonzero((draw.random(n) < 0.25) & (np.arange(n) != slack))
    return Case(
        network=network,
        loads=LoadTable(tuple(f"D{k}" for k in range(n)), np.arange(n), draw.uniform(-5, 15, n), draw.uniform(-3, 5, n)),
        units=holding_units(held, draw.uniform(0, 20, len(held)), draw.uniform(0.98, 1.03, len(held))),
        slack_bus=np.array([slack]),
        slack_v_pu=np.array([draw.uniform(0.98, 1.04)]),
        slack_angle_rad=np.zeros(1),
    )


def holding_units(bus: Any, p_mw: Any, v_set_pu: Any) -> UnitTable:
    """Units that hold voltage, without limits and cost."""
    count, zero = len(bus), np.zeros(len(bus))
    return UnitTable(
        name=tuple(f"G{k}" for k in range(count)),
        bus=bus,
        p_mw=p_mw,
        q_mvar=zero,
        p_min_mw=zero,
        p_max_mw=zero + 1e3,
        q_min_mvar=zero - 1e3,
        q_max_mvar=zero + 1e3,
        v_set_pu=v_set_pu,
        holds_voltage=np.ones(count, dtype=np.bool_),
        in_service=np.ones(count, dtype=np.bool_),
        fuel=("",) * count,
        cost=((),) * count,
        cost_points=((),) * count,
    )
