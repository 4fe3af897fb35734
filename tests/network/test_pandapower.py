"""A pandapower net read by gridpilot is the grid that pandapower solves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as nw
import pytest
from numpy.typing import NDArray

from gridpilot.errors import CaseError
from gridpilot.network import LINE, TRANSFORMER, Case, Network, from_pandapower, fuse
from gridpilot.values import PQ, SLACK

Matrix = NDArray[np.complex128]
Ybus = Callable[[Network], Matrix]


def feeder() -> Any:
    """Grid, transformer and a ring of three 20 kV buses: small enough to see what every switch does."""
    net = pp.create_empty_network(sn_mva=10.0)
    grid = pp.create_bus(net, 110.0, name="grid")
    a, b, c = (pp.create_bus(net, 20.0, name=name) for name in "abc")
    pp.create_ext_grid(net, grid, vm_pu=1.02, va_degree=11.0)
    pp.create_transformer(net, grid, a, "25 MVA 110/20 kV", name="T1")
    for start, end in ((a, b), (b, c), (c, a)):
        pp.create_line(net, start, end, 4.0, "NA2XS2Y 1x240 RM/25 12/20 kV")
    pp.create_load(net, b, 4.0, 1.0, scaling=0.5)
    pp.create_load(net, c, 3.0, 0.5, name="mill")
    return net


def line_open_at_one_end() -> Any:
    net = feeder()
    pp.create_switch(net, 2, 1, et="l", closed=False, name="S1")
    return net


def line_open_at_both_ends() -> Any:
    net = line_open_at_one_end()
    pp.create_switch(net, 3, 1, et="l", closed=False, name="S2")
    return net


def line_to_a_dead_bus() -> Any:
    net = feeder()
    spur = pp.create_bus(net, 20.0, in_service=False)
    pp.create_line(net, 3, spur, 2.0, "NA2XS2Y 1x240 RM/25 12/20 kV")
    pp.create_load(net, spur, 1.0)
    return net


def transformer_open_at_one_end() -> Any:
    net = feeder()
    pp.create_transformer(net, 0, 2, "25 MVA 110/20 kV", name="T2")
    pp.create_switch(net, 2, 1, et="t", closed=False)
    return net


def double_busbar(z_ohm: float = 0.0) -> Any:
    net = feeder()
    bar = pp.create_bus(net, 20.0, name="a2")
    pp.create_switch(net, 1, bar, et="b", closed=True, name="coupler", z_ohm=z_ohm)
    pp.create_switch(net, 3, bar, et="b", closed=False, name="tie")
    pp.create_load(net, bar, 1.5, 0.2)
    return net


def every_source() -> Any:
    net = feeder()
    pp.create_gen(net, 2, 1.0, vm_pu=1.0, scaling=0.5, name="G1")
    pp.create_gen(net, 2, 0.7, vm_pu=1.0, min_q_mvar=-2.0, max_q_mvar=2.0)
    pp.create_sgen(net, 3, 0.8, 0.1, scaling=0.9, type="PV")
    pp.create_storage(net, 3, 0.3, 4.0, q_mvar=0.05, min_p_mw=-1.0, max_p_mw=0.5)
    pp.create_shunt(net, 3, -0.9, 0.02, vn_kv=21.0, step=2)
    pp.create_ward(net, 1, 0.2, 0.1, 0.3, 0.05)
    pp.create_xward(net, 3, 0.1, 0.0, 0.2, 0.0, 0.4, 2.0, 1.0)
    return net


def dc_line() -> Any:
    net = feeder()
    far = pp.create_bus(net, 20.0, name="far")
    pp.create_line(net, 3, far, 10.0, "NA2XS2Y 1x240 RM/25 12/20 kV")
    pp.create_dcline(net, 1, far, 1.2, 2.0, 0.05, 1.01, 1.0)
    return net


def uneven_sections() -> Any:
    net = feeder()
    net.trafo["leakage_resistance_ratio_hv"], net.trafo["leakage_reactance_ratio_hv"] = 0.7, 0.4
    pp.create_impedance(net, 1, 3, 0.01, 0.05, 10.0, gf_pu=0.01, bf_pu=0.02, gt_pu=0.03, bt_pu=0.01)
    return net


def three_winding_transformer_open_at_one_end() -> Any:
    net = nw.example_multivoltage()
    pp.create_switch(net, net.trafo3w.lv_bus.iloc[0], net.trafo3w.index[0], et="t3", closed=False)
    return net


def slack_generator() -> Any:
    net = feeder()
    net.ext_grid["in_service"] = False
    pp.create_gen(net, 2, 1.0, vm_pu=1.01, slack=True)
    return net


NETS: dict[str, Callable[[], Any]] = {
    **{name: getattr(nw, name) for name in ("case9", "case14", "case30", "case_ieee30", "case39", "case57", "case118", "case300")},
    **{name: getattr(nw, name) for name in ("create_cigre_network_mv", "create_cigre_network_lv", "example_multivoltage", "mv_oberrhein")},
    "cigre_mv_with_plants": lambda: nw.create_cigre_network_mv(with_der="pv_wind"),
    "line_open_at_one_end": line_open_at_one_end,
    "line_open_at_both_ends": line_open_at_both_ends,
    "line_to_a_dead_bus": line_to_a_dead_bus,
    "transformer_open_at_one_end": transformer_open_at_one_end,
    "double_busbar": double_busbar,
    "busbar_coupler_with_impedance": lambda: double_busbar(z_ohm=0.4),
    "every_source": every_source,
    "dc_line": dc_line,
    "uneven_sections": uneven_sections,
    "three_winding_transformer_open_at_one_end": three_winding_transformer_open_at_one_end,
    "slack_generator": slack_generator,
}


@pytest.fixture(scope="module", params=NETS)
def solved(request: pytest.FixtureRequest) -> tuple[Any, Case]:
    """A net that pandapower has solved, and our reading of it as it was before."""
    net = NETS[request.param]()
    case = from_pandapower(net)
    pp.runpp(net, lightsim2grid=False, tolerance_mva=1e-9, max_iteration=50)
    return net, case


def test_admittance_matrix_is_the_one_pandapower_solves(solved: tuple[Any, Case], ybus: Ybus) -> None:
    net, case = solved
    network, index = fuse(case.network)
    theirs_all = net._ppc["internal"]["Ybus"].toarray()
    live = net.bus.index[net.bus.in_service]
    rows = net._pd2ppc_lookups["bus"][live]
    in_theirs = rows < len(theirs_all)
    pairs = sorted(set(zip(rows[in_theirs].tolist(), index[: len(live)][in_theirs].tolist(), strict=True)))
    theirs, ours = np.array(pairs).T
    assert len(set(theirs)) == len(set(ours)) == len(pairs), "the same buses must be fused"
    expected, found = reduced(theirs_all, theirs), reduced(ybus(network), ours)
    assert np.abs(found - expected).max() <= 1e-10 * np.abs(expected).max()


def reduced(y: Matrix, kept: NDArray[np.int64]) -> Matrix:
    """Kron reduction to the net's own buses: both sides have open ends and star points, in their own order."""
    rest = np.array([k for k in np.flatnonzero(np.any(y, axis=1)) if k not in set(kept.tolist())], dtype=np.int64)
    inner = np.linalg.solve(y[np.ix_(rest, rest)], y[np.ix_(rest, kept)]) if len(rest) else np.zeros((0, len(kept)))
    reduction: Matrix = y[np.ix_(kept, kept)] - y[np.ix_(kept, rest)] @ inner
    return reduction


def test_injections_balance_at_the_solution_of_pandapower(solved: tuple[Any, Case], ybus: Ybus) -> None:
    """p at every bus without a slack and q where no voltage is held, within 1e-7 MVA."""
    net, case = solved
    network, index = fuse(case.network)
    y = ybus(network)
    kind = np.zeros(network.n_bus, dtype=np.int64)
    np.maximum.at(kind, index, case.kinds()[0].astype(np.int64))
    made_up = kind == PQ
    made_up[index[: net.bus.in_service.sum()]] = False
    voltage = completed(y, made_up, voltages(net, network.n_bus, index))
    known = ~np.isnan(voltage)
    full = known & np.array([bool(np.all(known[row != 0])) for row in y])
    power = voltage[full] * np.conj(y[np.ix_(full, known)] @ voltage[known]) * network.base_mva
    p_mw, q_mvar = (np.bincount(index, weights=part, minlength=network.n_bus)[full] for part in case.injections())
    assert (kind[full] == PQ).any()
    assert np.abs(power.real - p_mw)[kind[full] != SLACK].max() <= 1e-7
    assert np.abs(power.imag - q_mvar)[kind[full] == PQ].max() <= 1e-7


def voltages(net: Any, n_bus: int, index: NDArray[np.int64]) -> Matrix:
    """Pandapower's solution in the order of our fused buses; NaN where it has none or the bus has no supply."""
    live = net.res_bus.loc[net.bus.index[net.bus.in_service]]
    found = np.full(n_bus, np.nan, dtype=np.complex128)
    found[index[: len(live)]] = live.vm_pu.to_numpy() * np.exp(1j * np.deg2rad(live.va_degree.to_numpy()))
    return found


def completed(y: Matrix, missing: NDArray[np.bool_], voltage: Matrix) -> Matrix:
    """Voltages of open ends and star points, which carry no injection, from those around them."""
    known = ~np.isnan(voltage)
    found = voltage.copy()
    if missing.any():
        found[missing] = np.linalg.solve(y[np.ix_(missing, missing)], -y[np.ix_(missing, known)] @ voltage[known])
    return found


def test_slacks_have_the_voltage_and_angle_of_the_external_grid() -> None:
    case = from_pandapower(feeder())
    assert [case.network.bus_name[bus] for bus in case.slack_bus] == ["grid"]
    assert case.slack_v_pu == pytest.approx([1.02])
    assert np.rad2deg(case.slack_angle_rad) == pytest.approx([11.0])


def test_names_are_those_of_the_net_and_the_table_and_index_where_it_has_none() -> None:
    net = feeder()
    net.line.loc[1, "name"] = "T1"
    case = from_pandapower(net)
    assert case.network.bus_name == ("grid", "a", "b", "c")
    assert case.network.branch_name == ("line 0", "T1", "line 2", "T1 #2")
    assert case.loads.name == ("load 0", "mill")
    assert case.network.branch_kind.tolist() == [LINE, LINE, LINE, TRANSFORMER]


def test_ratings_are_thermal_limits_at_nominal_voltage() -> None:
    case = from_pandapower(feeder())
    network = case.network
    line = network.branch("line 0")
    assert network.rating_mva[line] == pytest.approx(np.sqrt(3) * 20.0 * 0.421)
    assert network.rating_mva[network.branch("T1")] == pytest.approx(25.0)


def test_an_open_end_is_kept_apart_by_its_switch() -> None:
    network = from_pandapower(line_open_at_one_end()).network
    assert network.bus_name[4:] == ("line 1 open at b",)
    assert network.switch_name == ("S1",)
    assert not network.switch_closed[0]
    assert network.branch_closed.all()


def test_a_line_open_at_both_ends_is_an_open_branch() -> None:
    network = from_pandapower(line_open_at_both_ends()).network
    assert network.n_bus == 4
    assert network.branch_closed.tolist() == [True, False, True, True]


def test_a_closed_coupler_stays_a_switch_which_fuse_joins() -> None:
    network = from_pandapower(double_busbar()).network
    assert network.switch_name == ("coupler", "tie")
    fused, index = fuse(network)
    assert index[network.bus("a")] == index[network.bus("a2")]
    assert fused.switch_name == ("tie",)


def test_elements_out_of_service_are_left_out() -> None:
    net = feeder()
    net.line.loc[2, "in_service"] = False
    net.load.loc[0, "in_service"] = False
    case = from_pandapower(net)
    assert case.network.branch_name == ("line 0", "line 1", "T1")
    assert case.loads.name == ("mill",)


def test_units_inject_what_storage_consumes() -> None:
    units = from_pandapower(every_source()).units
    storage = units.name.index("storage 0")
    assert units.p_mw[storage] == pytest.approx(-0.3)
    assert (units.p_min_mw[storage], units.p_max_mw[storage]) == (-0.5, 1.0)
    assert units.fuel[units.name.index("sgen 0")] == "PV"


def test_costs_are_polynomials_or_points() -> None:
    net = every_source()
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=20.0, cp2_eur_per_mw2=0.5, cp0_eur=3.0)
    pp.create_pwl_cost(net, 0, "ext_grid", [[-10.0, 0.0, 30.0], [0.0, 40.0, 50.0]])
    units = from_pandapower(net).units
    assert units.cost[units.name.index("G1")] == (0.5, 20.0, 3.0)
    assert units.cost_points[units.name.index("ext_grid 0")] == ((-10.0, 0.0), (0.0, 300.0), (40.0, 2300.0))


def test_the_net_is_left_as_it_was() -> None:
    net = every_source()
    before, keys = deepcopy(net), set(net.keys())
    from_pandapower(net)
    assert set(net.keys()) == keys
    assert pp.toolbox.nets_equal(net, before)
    assert net.res_bus.empty


def test_every_element_that_cannot_be_read_is_named_at_once() -> None:
    net = feeder()
    net.ext_grid["in_service"] = False
    pp.create_motor(net, 2, 0.2, 0.9)
    pp.create_asymmetric_load(net, 3, p_a_mw=0.1)
    pp.create_impedance(net, 1, 2, 0.01, 0.02, 10.0, rtf_pu=0.03, xtf_pu=0.02)
    net.load.loc[1, "const_z_p_percent"] = 40.0
    net.load.loc[1, "const_i_q_percent"] = 10.0
    with pytest.raises(CaseError) as caught:
        from_pandapower(net)
    found = {problem.where: problem.what for problem in caught.value.problems}
    assert set(found) == {"motor", "asymmetric_load", "impedance 0", "load 1", "ext_grid"}
    assert "const_z_p_percent, const_i_q_percent" in found["load 1"]


def test_what_pandapower_refuses_is_a_case_error() -> None:
    net = every_source()
    net.gen.loc[1, "vm_pu"] = 1.03
    with pytest.raises(CaseError, match="different setpoints"):
        from_pandapower(net)


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_the_layer_does_not_import_pandapower() -> None:
    assert run("import sys, gridpilot.network; print('pandapower' in sys.modules or 'pandas' in sys.modules)") == "False"


def test_without_pandapower_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['pandapower'] = None\n"
        "from gridpilot.errors import MissingExtraError\n"
        "try:\n    from gridpilot.network import from_pandapower\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    assert "pip install 'gridpilot[pandapower]'" in run(program)
