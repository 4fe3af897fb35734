"""One feature of a grid at a time, in a net of pandapower's: `runpp` and the AC engine find the same voltages and flows.

Every net is the same small feeder with the feature added to it, and the feature must matter: without it the voltages are
others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandapower as pp
import pytest

from gridpilot.network import Case, from_pandapower
from gridpilot.powerflow import engine, engine_names
from gridpilot.values import FORMING, PQ, PV, SLACK, Flow, Status
from make_golden import (
    Edit,
    a_coupler,
    a_line_open_at_one_end,
    a_phase_shifter,
    a_very_short_line,
    an_isolated_pair,
    branch_flows,
    feeder,
    of_transformer,
    tap,
)

AGREEMENT_PU, AGREEMENT_MVA = 1e-8, 1e-6
TOLERANCE_PU = 1e-10
"""An admittance of 4e5 pu leaves no smaller mismatch than 1e-11 pu in doubles."""


def shunts(net: Any) -> None:
    pp.create_shunt(net, 2, q_mvar=-3.0, p_mw=0.4, step=2)
    pp.create_shunt(net, 3, q_mvar=1.0, vn_kv=21.0)


def an_open_transformer(net: Any) -> None:
    a_phase_shifter(net)
    pp.create_switch(net, 0, 1, et="t", closed=False)
    net.trafo.loc[1, ["i0_percent", "pfe_kw"]] = 0.8, 40.0


def an_impedance_that_differs_at_its_ends(net: Any) -> None:
    pp.create_impedance(net, 1, 3, rft_pu=0.02, xft_pu=0.3, sn_mva=100.0, gf_pu=0.001, bf_pu=0.02, gt_pu=0.002, bt_pu=0.05)


def a_series_capacitor(net: Any) -> None:
    pp.create_impedance(net, 1, 3, rft_pu=0.02, xft_pu=-0.1, sn_mva=100.0)


def another_voltage_and_angle(net: Any) -> None:
    net.ext_grid[["vm_pu", "va_degree"]] = 1.05, 37.0


def two_sources_at_one_angle(net: Any) -> None:
    pp.create_ext_grid(net, 2, vm_pu=0.99)


def a_transformer_with_three_windings(net: Any) -> None:
    bus = pp.create_bus(net, 10.0, name="tertiary")
    pp.create_transformer3w_from_parameters(
        net, 0, 2, bus, vn_hv_kv=110.0, vn_mv_kv=20.0, vn_lv_kv=10.0, sn_hv_mva=40.0, sn_mv_mva=30.0, sn_lv_mva=10.0,
        vk_hv_percent=10.0, vk_mv_percent=9.0, vk_lv_percent=8.0, vkr_hv_percent=0.3, vkr_mv_percent=0.3, vkr_lv_percent=0.3,
        pfe_kw=30.0, i0_percent=0.1,
    )  # fmt: skip
    pp.create_load(net, bus, 1.0, 0.2)


FEATURES: dict[str, Edit] = {
    "tap at the high side": tap("hv", -4),
    "tap at the low side": tap("lv", 3),
    "tap of a phase shifter, high side": tap("hv", 2, degree=3.0),
    "tap of an ideal phase shifter, low side": tap("lv", -2, degree=3.0, percent=0.0),
    "phase shifter in a loop": a_phase_shifter,
    "vector group": of_transformer(shift_degree=150.0),
    "magnetising branch": of_transformer(i0_percent=0.9, pfe_kw=60.0),
    "magnetising branch, negative": of_transformer(i0_percent=-0.9, pfe_kw=60.0),
    "rated off the nominal voltage": of_transformer(vn_lv_kv=20.8),
    "parallel transformers": of_transformer(parallel=3),
    "shunts": shunts,
    "line open at one end": a_line_open_at_one_end,
    "transformer open at one end": an_open_transformer,
    "closed coupler": a_coupler,
    "isolated buses": an_isolated_pair,
    "near-zero impedance": a_very_short_line,
    "unequal ends": an_impedance_that_differs_at_its_ends,
    "series capacitor": a_series_capacitor,
    "source at another voltage and angle": another_voltage_and_angle,
    "two sources at one angle": two_sources_at_one_angle,
    "three windings": a_transformer_with_three_windings,
}


def solved(net: Any) -> Any:
    # isolated buses and open ends are for its connectivity check to find
    pp.runpp(net, calculate_voltage_angles=True, init="dc", tolerance_mva=TOLERANCE_PU * net.sn_mva, lightsim2grid=False)
    return net


def arguments(case: Case) -> dict[str, Any]:
    (p, q), (kind, v_set) = case.injections(), case.kinds()
    rows: dict[str, Any] = {"p_mw": p, "q_mvar": q, "kind": kind, "v_set_pu": v_set, "closed": case.network.branch_closed}
    return {name: values[None] for name, values in rows.items()}


def assert_agree(case: Case, flow: Flow, net: Any) -> None:
    buses = len(net.bus)
    ours = (flow.v_re_pu + 1j * flow.v_im_pu)[0, :buses]
    magnitude, angle = np.nan_to_num(np.asarray(net.res_bus[["vm_pu", "va_degree"]], dtype=np.float64).T)
    assert np.abs(ours - magnitude * np.exp(1j * (np.deg2rad(angle) - case.slack_angle_rad[0]))).max() <= AGREEMENT_PU
    flows = np.column_stack([flow.p_from_mw[0], flow.q_from_mvar[0], flow.p_to_mw[0], flow.q_to_mvar[0]])
    theirs = branch_flows(net, case)
    assert len(theirs) >= 4
    for name, expected in theirs.items():
        assert flows[case.network.branch(name)] == pytest.approx(expected, abs=AGREEMENT_MVA), name


@pytest.mark.parametrize("feature", FEATURES)
def test_it_is_what_pandapower_makes_of_it(feature: str) -> None:
    net = feeder()
    FEATURES[feature](net)
    solved(net)
    case = from_pandapower(net)
    flow = engine("newton", case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments(case))
    assert flow.usable[0]
    assert_agree(case, flow, net)
    plain = solved(feeder()).res_bus
    difference = np.abs(net.res_bus[["vm_pu", "va_degree"]].iloc[:4] - plain[["vm_pu", "va_degree"]])
    assert difference.to_numpy().max() > 1e-6


@pytest.mark.parametrize("feature", [feature for feature in FEATURES if feature != "two sources at one angle"])
def test_lightsim2grid_agrees(feature: str) -> None:
    # it takes a second slack for a share in the balance
    if "lightsim2grid" not in engine_names():
        pytest.skip("There is no engine 'lightsim2grid' here.")
    net = feeder()
    FEATURES[feature](net)
    case = from_pandapower(net)
    flow, theirs = (engine(name, case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments(case)) for name in ("newton", "lightsim2grid"))
    assert np.abs(flow.v_re_pu + 1j * flow.v_im_pu - theirs.v_re_pu - 1j * theirs.v_im_pu).max() <= AGREEMENT_PU
    for name in ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"):
        assert np.abs(getattr(flow, name) - getattr(theirs, name)).max() <= AGREEMENT_MVA


# --------------------------------------------------------------------------------------- grid-forming buses


def formed(kinds: list[int], *, tie: bool) -> tuple[Case, Flow]:
    """The feeder cut from its transformer or not, with these kinds at station, east and west."""
    case = from_pandapower(feeder())
    inputs = arguments(case)
    inputs["kind"][0, 1:] = kinds
    inputs["v_set_pu"][0, 1:] = 1.01, 1.0, 0.99
    inputs["closed"] = inputs["closed"].copy()
    inputs["closed"][0, list(case.network.branch_kind).index(1)] = tie
    return case, engine("newton", case.network, tolerance_pu=TOLERANCE_PU).solve(**inputs)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_with_a_slack_in_its_island_a_forming_bus_regulates(at: int) -> None:
    kinds = [PQ, PQ, PV]
    kinds[at] = FORMING
    regulates = [PV if kind == FORMING else kind for kind in kinds]
    assert np.array_equal(formed(kinds, tie=True)[1].v_re_pu, formed(regulates, tie=True)[1].v_re_pu)


@pytest.mark.parametrize(("kinds", "holder"), [([FORMING, PQ, PV], 1), ([PQ, FORMING, FORMING], 2), ([PV, PQ, FORMING], 3)])
def test_without_one_the_first_forming_bus_holds_the_island(kinds: list[int], holder: int) -> None:
    case, flow = formed(kinds, tie=False)
    others = [PV if kind == FORMING else kind for kind in kinds]
    others[holder - 1] = SLACK
    assert np.array_equal(flow.v_re_pu, formed(others, tie=False)[1].v_re_pu)
    assert flow.status[0] == Status.OK
    assert flow.angle_rad[0, holder] == 0.0
    # and the island is the one that pandapower solves with an external grid there
    net = feeder()
    net.trafo["in_service"] = False
    net.ext_grid["in_service"], net.gen["in_service"] = False, False
    pp.create_sgen(net, 3, 3.0)
    for bus, (kind, v) in enumerate(zip(others, (1.01, 1.0, 0.99), strict=True), start=1):
        if kind == SLACK:
            pp.create_ext_grid(net, bus, vm_pu=v)
        elif kind == PV:
            pp.create_gen(net, bus, 0.0, vm_pu=v)
    solved(net)
    theirs = net.res_bus["vm_pu"] * np.exp(1j * np.deg2rad(net.res_bus["va_degree"]))
    assert np.abs((flow.v_re_pu + 1j * flow.v_im_pu)[0, 1:] - theirs.to_numpy()[1:]).max() <= AGREEMENT_PU
    assert case.network.bus_name[holder] in ("station", "east", "west")


def test_an_island_that_only_regulates_is_dead() -> None:
    flow = formed([PV, PQ, PV], tie=False)[1]
    assert flow.status[0] == Status.ISLANDED
    assert flow.energised[0].tolist() == [True, False, False, False]
