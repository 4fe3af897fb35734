"""Regulators of next to no impedance: from equal magnitudes at both ends no Newton step finds to the solution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridpilot.network import Case, Network, Part, Transformer, compose, distribution_grid, load_case, make_network
from gridpilot.network.distribution import end_names
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.pandapower import Pandapower
from gridpilot.powerflow.ybus import no_load_voltages
from gridpilot.values import PQ, SLACK, Status

Batch = Callable[..., dict[str, Any]]

SUBSTATION = Transformer(5.0, 0.01, (0.08**2 - 0.01**2) ** 0.5)
TOLERANCE_MVA = 1e-9
"""A switch of 0.1 milliohm leaves mismatches of this size by rounding alone."""


def regulated(z_pu: float, tap: float) -> Network:
    """Source, line, regulator, line: the regulator raises by 1 / tap."""
    names = ("source", "before", "after", "end")
    branches = [
        {"name": "line", "a": "source", "b": "before", "r_pu": 0.02, "x_pu": 0.02},
        {"name": "regulator", "a": "before", "b": "after", "r_pu": z_pu, "x_pu": z_pu, "tap": tap, "transformer": True},
        {"name": "last", "a": "after", "b": "end", "r_pu": 0.02, "x_pu": 0.02},
    ]
    return make_network("regulated", base_mva=10.0, buses=[{"name": name, "kv": 20.0} for name in names], branches=branches)


@pytest.mark.parametrize("tap", [0.9, 0.95, 1.05, 1.1])
@pytest.mark.parametrize("z_pu", [1e-2, 1e-4, 1e-6])
def test_a_cold_start_finds_the_solution_at_any_stiffness(z_pu: float, tap: float) -> None:
    """Fed from either side, so that the slack is on the regulated one too."""
    network = regulated(z_pu, tap)
    for slack in ("source", "end"):
        kind = np.full((1, 4), PQ, dtype=np.int8)
        kind[0, network.bus(slack)] = SLACK
        p = np.full((1, 4), -1.0)
        flow = Newton(network).solve(p, 0.3 * p, kind=kind, v_set_pu=np.full((1, 4), 1.02), closed=np.ones((1, 3), dtype=np.bool_))
        assert flow.status.tolist() == [Status.OK]
        ratio = flow.v_pu[0, network.bus("after")] / flow.v_pu[0, network.bus("before")]
        assert ratio == pytest.approx(1 / tap, abs=0.5 * z_pu + 1e-6)


def test_no_load_voltages_are_products_of_ratios() -> None:
    assert no_load_voltages(regulated(1e-3, 0.9)).tolist() == pytest.approx([1.0, 1.0, 1 / 0.9, 1 / 0.9])
    assert no_load_voltages(load_case("case13").network).tolist() == [1.0] * 13


def test_a_lightly_loaded_feeder_in_one_batch_with_a_full_one(batch: Batch) -> None:
    """Elements that need the second start stand beside each other, and fare as alone."""
    case = load_case("case34")
    engine = Newton(case.network)
    together = engine.solve(**batch(case, [0.0, 0.2, 1.0]))
    assert together.status.tolist() == [Status.OK] * 3
    for row, factor in enumerate([0.0, 0.2, 1.0]):
        assert engine.solve(**batch(case, [factor])).v_pu.tobytes() == together.v_pu[row].tobytes()


def three_microgrids() -> Case:
    parts = [Part(f"MG{k}", load_case("case13"), bus, SUBSTATION, 0.2) for k, bus in enumerate(("822", "848", "856"))]
    return compose("three", load_case("case34"), parts, host_name="DSO", base_mva=3.0, scale=0.2)


def many_microgrids(count: int) -> Case:
    feeder = load_case("case13")
    parts = [Part(f"MG{k}", feeder, bus, SUBSTATION, 0.2) for k, bus in enumerate(end_names(count))]
    return compose("many", distribution_grid(count), parts, host_name="DSO", base_mva=3.0)


@pytest.mark.parametrize(("case", "n_bus"), [(three_microgrids(), 73), (many_microgrids(100), 1503)], ids=["three", "hundred"])
def test_microgrids_agree_with_pandapower(case: Case, n_bus: int, batch: Batch) -> None:
    assert case.network.n_bus == n_bus
    tolerance_pu = TOLERANCE_MVA / case.network.base_mva
    given = batch(case, [1.0, 0.3])
    ours = Newton(case.network, tolerance_pu=tolerance_pu).solve(**given)
    theirs = Pandapower(case.network, tolerance_pu=tolerance_pu).solve(**given)
    assert ours.status.tolist() == theirs.status.tolist() == [Status.OK, Status.OK]
    for name in ("v_re_pu", "v_im_pu"):
        assert np.abs(getattr(ours, name) - getattr(theirs, name)).max() <= 1e-8, name


def test_a_thousand_microgrids_are_built_and_solved(batch: Batch) -> None:
    case = many_microgrids(1000)
    assert case.network.n_bus == 15021
    flow = Newton(case.network).solve(**batch(case))
    assert flow.status.tolist() == [Status.OK]
    balance = flow.p_bus_mw[0].sum() - flow.losses_mw[0]
    assert abs(balance) < 1e-6
