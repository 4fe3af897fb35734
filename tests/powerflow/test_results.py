"""Results of branches are pandapower's, and what the slack takes up is what injections leave over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

from gridpilot.errors import PhysicsError
from gridpilot.network import Case, from_pandapower
from gridpilot.powerflow import engine
from gridpilot.powerflow.results import branch_results, slack_power
from gridpilot.values import OFF, SLACK, Flow, Status

Batch = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("name", ["case14", "case118"])
def test_currents_loading_and_losses_are_pandapowers(name: str, batch: Batch) -> None:
    net = getattr(pandapower.networks, name)()
    net.line["max_i_ka"] = np.linspace(0.2, 0.9, len(net.line))
    case = from_pandapower(net)
    pp.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-9)
    flow = engine("newton", case.network, tolerance_pu=1e-11, loading="current").solve(**batch(case))
    found = branch_results(case.network, flow)
    lines, trafos = slice(0, len(net.line)), slice(len(net.line), None)
    for table, rows, near, far in ((net.res_line, lines, "from", "to"), (net.res_trafo, trafos, "hv", "lv")):
        for mine, current, end in ((found.s_from_mva, found.i_from_ka, near), (found.s_to_mva, found.i_to_ka, far)):
            assert np.allclose(mine[0, rows], np.hypot(table[f"p_{end}_mw"], table[f"q_{end}_mvar"]), rtol=0.0, atol=1e-6)
            assert np.allclose(current[0, rows], table[f"i_{end}_ka"], rtol=1e-8, atol=1e-9)
        assert np.allclose(found.loading_percent[0, rows], table["loading_percent"], rtol=1e-8, atol=1e-8)
        assert np.allclose(found.p_loss_mw[0, rows], table["pl_mw"], rtol=0.0, atol=1e-6)
        assert np.allclose(found.q_loss_mvar[0, rows], table["ql_mvar"], rtol=0.0, atol=1e-6)
    sides = case.network.bus_kv[[case.network.branch_from[-1], case.network.branch_to[-1]]]
    assert sides[0] != sides[1]


def test_what_is_open_dead_or_not_solved_carries_nothing(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 1.0, 50.0])
    network, spur = case14.network, case14.network.branch_to == 7  # bus 7 has one branch
    spur |= network.branch_from == 7
    assert spur.sum() == 1
    arguments["closed"][1, spur] = False
    flow = engine("newton", network).solve(**arguments)
    assert flow.status.tolist() == [Status.OK, Status.ISLANDED, Status.DIVERGED]
    found = branch_results(network, flow)
    for name in ("s_from_mva", "s_to_mva", "i_from_ka", "i_to_ka", "loading_percent"):
        values = getattr(found, name)
        assert np.isfinite(values).all()
        assert (values >= 0.0).all()
        assert (values[2] == 0.0).all()
        assert (values[1, spur] == 0.0).all()
        assert (values[0] > 0.0).all()
    assert found.p_loss_mw[0].sum() == pytest.approx(flow.losses_mw[0], abs=1e-9)
    assert slack_power(flow, arguments["p_mw"])[2] == 0.0


def test_the_slack_takes_up_what_is_left_over_whoever_it_is(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [0.9, 1.0])
    solver = engine("newton", case14.network, tolerance_pu=1e-11)
    given = arguments["p_mw"]
    one = solver.solve(**arguments)
    slack = np.flatnonzero(arguments["kind"][0] == SLACK)
    assert np.allclose(slack_power(one, given), (one.p_bus_mw - given)[:, slack].sum(axis=1), rtol=0.0, atol=1e-9)
    shared = solver.solve(**arguments, share=np.ones((1, 14)))
    for flow in (one, shared):
        assert np.allclose(slack_power(flow, given), flow.losses_mw - given.sum(axis=1), rtol=0.0, atol=1e-6)
    # one row of injections for all, and buses that are not built, whose injections nobody sees
    unbuilt = arguments | {"kind": np.where(np.arange(14) == 7, OFF, arguments["kind"]).astype(np.int8)}
    without: Flow = solver.solve(**(unbuilt | {"p_mw": given[:1], "q_mvar": arguments["q_mvar"][:1]}))
    rest = np.delete(given[0], 7).sum()
    assert np.allclose(slack_power(without, given[:1]), without.losses_mw - rest, rtol=0.0, atol=1e-6)


def test_the_flow_of_another_network_is_refused(case14: Case, batch: Batch) -> None:
    flow = engine("newton", case14.network).solve(**batch(case14))
    other = from_pandapower(pandapower.networks.case_ieee30()).network
    with pytest.raises(PhysicsError, match="v_pu"):
        branch_results(other, flow)
