"""The AC engine and pandapower, two implementations without common code, find the same voltages and flows.

Two sorts of comparison: against `runpp` on the net that pandapower ships, and against the engine `pandapower`, which
builds its own net from a `Network`, for networks of any source. Both solve to 1e-11 pu of mismatch, because an error in
voltage may be a hundred times the mismatch it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

from gridpilot.network import Case, from_pandapower, read_matpower
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.pandapower import Pandapower
from gridpilot.values import OFF, PQ, Flow, Status

Batch = Callable[..., dict[str, Any]]
AGREEMENT_PU = 1e-8
TOLERANCE_PU = 1e-11


def scales(case: Case, count: int) -> Any:
    """The base case and `count` random ones: every injection by a factor of its own."""
    draw = np.random.default_rng(14)
    return np.vstack([np.ones(case.network.n_bus), draw.uniform(0.8, 1.1, (count, case.network.n_bus))])


def assert_same(ours: Flow, theirs: Flow, base_mva: float) -> None:
    assert np.array_equal(ours.status, theirs.status)
    assert np.array_equal(ours.energised, theirs.energised)
    for name in ("v_re_pu", "v_im_pu", "v_pu"):
        assert np.abs(getattr(ours, name) - getattr(theirs, name)).max() <= AGREEMENT_PU, name
    for name in ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "p_bus_mw", "q_bus_mvar"):
        # a flow is a voltage difference times an admittance, which reaches 1e2 pu and more
        assert np.abs(getattr(ours, name) - getattr(theirs, name)).max() <= 100 * AGREEMENT_PU * base_mva, name
    assert np.abs(ours.losses_mw - theirs.losses_mw).max() <= 100 * AGREEMENT_PU * base_mva
    assert np.allclose(ours.loading, theirs.loading, atol=1e-6)


def assert_agreement(case: Case, arguments: dict[str, Any]) -> None:
    ours = Newton(case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    theirs = Pandapower(case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    assert (ours.status == Status.OK).all()
    assert_same(ours, theirs, case.network.base_mva)


def test_base_case_and_twenty_random_injections(ieee: Case, batch: Batch) -> None:
    assert_agreement(ieee, batch(ieee, scales(ieee, 20)))


def test_rts_gmlc(shared_data: Path, batch: Batch) -> None:
    case = read_matpower(shared_data / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    assert_agreement(case, batch(case, scales(case, 20)))


@pytest.mark.parametrize("name", ["case14", "case30", "case57", "case118"])
def test_the_nets_that_pandapower_ships(name: str, batch: Batch) -> None:
    net = getattr(pandapower.networks, name)()
    case = from_pandapower(net)
    factors = [1.0, *np.random.default_rng(7).uniform(0.8, 1.1, 20)]
    flow = Newton(case.network, tolerance_pu=TOLERANCE_PU).solve(**batch(case, factors))
    load, gen = net.load[["p_mw", "q_mvar"]].copy(), net.gen["p_mw"].copy()
    for row, factor in enumerate(factors):
        net.load[["p_mw", "q_mvar"]], net.gen["p_mw"] = load * factor, gen * factor
        pp.runpp(
            net,
            lightsim2grid=False,
            tolerance_mva=TOLERANCE_PU * net.sn_mva,
            calculate_voltage_angles=True,
            init="dc",
            enforce_q_lims=False,
        )
        angle = np.deg2rad(net.res_bus["va_degree"].to_numpy()) - case.slack_angle_rad[0]
        theirs = net.res_bus["vm_pu"].to_numpy() * np.exp(1j * angle)
        assert np.abs(flow.v_re_pu[row] + 1j * flow.v_im_pu[row] - theirs).max() <= AGREEMENT_PU


def test_outages_islands_and_unbuilt_buses_agree(case14: Case, batch: Batch) -> None:
    network = case14.network
    arguments = batch(case14, np.ones((network.n_branch + 2, network.n_bus)))
    np.fill_diagonal(arguments["closed"], False)
    arguments["kind"][-2, network.bus("14")] = OFF
    arguments["kind"][-1, network.bus("2")] = PQ
    ours = Newton(network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    theirs = Pandapower(network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    assert Status.ISLANDED in ours.status
    assert Status.OK in ours.status
    assert_same(ours, theirs, network.base_mva)


def test_statuses_agree(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 50.0, 1.0, 1.0])
    arguments["p_mw"][2, 3] = np.nan
    arguments["kind"][3] = PQ
    ours, theirs = Newton(case14.network).solve(**arguments), Pandapower(case14.network).solve(**arguments)
    assert ours.status.tolist() == [Status.OK, Status.DIVERGED, Status.NON_FINITE, Status.ISLANDED]
    assert np.array_equal(ours.status, theirs.status)
