"""Bus-bus switches that differ within a batch are the networks in which they are fused, element by element."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpilot.errors import PhysicsError
from gridpilot.network import Network, from_pandapower, make_network
from gridpilot.powerflow import engine
from gridpilot.powerflow.switched import Switched
from gridpilot.testing import check_powerflow
from gridpilot.values import FORMING, OFF, PQ, PV, SLACK, Bools, Flow, ReactiveLimits, Status

TIGHT = {"tolerance_pu": 1e-11}
KINDS = (PQ, PQ, PQ, PQ, PV, FORMING, SLACK, OFF)
SHAPES = {"chain": [(0, 1), (1, 2)], "ring": [(1, 2), (2, 3), (3, 1)], "star": [(4, 0), (4, 1), (4, 2)], "apart": [(0, 5), (2, 4), (1, 3)]}


class Asked(NamedTuple):
    """Arguments of `solve` but for the switches."""

    p_mw: Any
    q_mvar: Any
    kind: Any
    v_set_pu: Any
    closed: Any

    def solve(self, solver: Any, switch_closed: Bools | None, rows: Any = slice(None), **more: Any) -> Flow:
        p, q, kind, v_set, closed = (values[rows] for values in self)
        at = switch_closed if switch_closed is None or rows == slice(None) else switch_closed[rows]
        flow: Flow = solver.solve(p, q, kind=kind, v_set_pu=v_set, closed=closed, switch_closed=at, **more)
        return flow


def grid(seed: int, pairs: list[tuple[int, int]], n: int = 7) -> Network:
    """A meshed grid with taps, shifts and shunts, with a switch between each of these pairs."""
    draw = np.random.default_rng(seed)
    lines = [(int(draw.integers(0, k)), k) for k in range(1, n)] + [(a, b) for a, b in draw.integers(0, n, (6, 2)).tolist() if a != b]
    lines.append(pairs[0])  # a branch that a closed switch bridges
    branches = [
        {
            "name": f"L{k}", "a": str(a), "b": str(b), "r_pu": draw.uniform(0.0, 0.03), "x_pu": draw.uniform(0.02, 0.1),
            "b_pu": draw.uniform(0.0, 0.05), "tap": draw.choice([1.0, 0.98, 1.03]), "shift_deg": draw.choice([0.0, 0.0, -3.0, 4.0]),
            "rating_mva": draw.uniform(20.0, 200.0),
        }
        for k, (a, b) in enumerate(lines)
    ]  # fmt: skip
    shunts = [{"name": f"S{bus}", "bus": str(bus), "g_mw": draw.uniform(0, 1), "b_mvar": draw.uniform(-5, 5)} for bus in range(0, n, 2)]
    switches = [{"name": f"K{k}", "a": str(a), "b": str(b), "closed": bool(k % 2)} for k, (a, b) in enumerate(pairs)]
    buses = [{"name": str(k), "kv": 110.0} for k in range(n)]
    return make_network(f"switched {seed}", base_mva=100.0, buses=buses, branches=branches, shunts=shunts, switches=switches)


def every_position(count: int, times: int = 1) -> Bools:
    return np.repeat(np.array(list(product([False, True], repeat=count)), dtype=np.bool_), times, axis=0)


def asked(network: Network, seed: int, rows: int, *, kinds: Any = None, outages: bool = True) -> Asked:
    """Injections, kinds and, in most elements, one branch out."""
    draw, n = np.random.default_rng(seed), network.n_bus
    kind = np.array(draw.choice(KINDS, n) if kinds is None else kinds, dtype=np.int8)
    if kinds is None:
        kind[draw.integers(0, n)] = SLACK
    closed = np.ones((rows, network.n_branch), dtype=np.bool_)
    if outages:
        closed[np.arange(rows), draw.integers(0, network.n_branch, rows)] = draw.random(rows) < 0.3
    p, q = draw.uniform(-15.0, 8.0, (rows, n)), draw.uniform(-5.0, 3.0, (rows, n))
    return Asked(p, q, np.repeat(kind[None], rows, axis=0), np.full((rows, n), 1.0) + draw.uniform(-0.01, 0.01, n), closed)


def fused(network: Network, **options: Any) -> Switched:
    """One engine per combination of positions, each of which fuses the closed switches."""
    return Switched(network, lambda still: engine("newton", still, **(TIGHT | options)))


def assert_same(mine: Flow, theirs: Flow, base_mva: float = 100.0, tolerance_pu: float = 1e-9) -> None:
    assert np.array_equal(mine.status, theirs.status)
    assert np.array_equal(mine.energised, theirs.energised)
    for name in ("v_re_pu", "v_im_pu", "v_pu", "loading"):
        assert np.allclose(getattr(mine, name), getattr(theirs, name), rtol=0.0, atol=tolerance_pu), name
    for name in ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "p_bus_mw", "q_bus_mvar", "losses_mw"):
        assert np.allclose(getattr(mine, name), getattr(theirs, name), rtol=0.0, atol=base_mva * tolerance_pu), name


pairs_of_buses = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda ends: ends[0] != ends[1]), min_size=1, max_size=4)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), pairs=pairs_of_buses, limited=st.booleans(), shared=st.booleans())
def test_every_position_is_the_network_in_which_it_is_fused(seed: int, pairs: list[tuple[int, int]], limited: bool, shared: bool) -> None:
    network = grid(seed, pairs)
    positions = every_position(len(pairs), 3)
    case = asked(network, seed, len(positions))
    more: dict[str, Any] = {}
    if limited:
        more["limits"] = ReactiveLimits(np.full(case.p_mw.shape, -20.0), np.full(case.p_mw.shape, 20.0))
    if shared:
        more["share"] = np.random.default_rng(seed).integers(0, 3, case.p_mw.shape).astype(np.float64)
    mine, theirs = (
        case.solve(engine("newton", network, switching=True, **TIGHT), positions, **more),
        case.solve(fused(network), positions, **more),
    )
    both = mine.usable & theirs.usable
    assert np.array_equal(mine.usable, theirs.usable)
    assert_same(_elements(mine, both), _elements(theirs, both))


def _elements(flow: Flow, rows: Any) -> Flow:
    return Flow(**{field.name: getattr(flow, field.name)[rows] for field in fields(Flow)})


@pytest.mark.parametrize("pairs", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kinds", [(SLACK, PQ, PQ, PQ, PQ, PQ, PQ), (PQ, PV, SLACK, PV, PQ, PQ, PQ), (PQ, PQ, FORMING, PV, OFF, SLACK, PQ)])
def test_chains_rings_and_stars_of_switches(pairs: list[tuple[int, int]], kinds: tuple[int, ...]) -> None:
    network = grid(5, pairs)
    positions = every_position(len(pairs), 4)
    case = asked(network, 5, len(positions), kinds=kinds)
    mine = case.solve(engine("newton", network, switching=True, **TIGHT), positions)
    assert mine.usable.all()
    assert_same(mine, case.solve(fused(network), positions))


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_a_batch_is_a_loop_bit_for_bit_whatever_the_neighbours(rows: int, assert_identical: Callable[..., None]) -> None:
    network = grid(11, SHAPES["apart"])
    draw = np.random.default_rng(1)
    positions = draw.random((rows, 3)) < 0.5
    case, solver = asked(network, 11, rows, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ)), engine("newton", network, switching=True)
    batch = case.solve(solver, positions)
    for order in (range(rows), reversed(range(rows))):
        for row in order:
            assert_identical(case.solve(solver, positions, slice(row, row + 1)), batch, slice(row, row + 1))


def test_a_warm_start_survives_splitting_and_joining() -> None:
    network = grid(11, SHAPES["apart"])
    positions = every_position(3)
    case, solver = (
        asked(network, 11, 8, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ), outages=False),
        engine("newton", network, switching=True, **TIGHT),
    )
    first = case.solve(solver, positions)
    assert (case.solve(solver, positions, start=first).iterations == 0).all()
    moved = case.solve(solver, positions[::-1].copy(), start=first)
    assert_same(moved, case.solve(solver, positions[::-1].copy()))


def without_switches(network: Network) -> Network:
    none = np.zeros(0, dtype=np.int64)
    return replace(network, switch_name=(), switch_a=none, switch_b=none, switch_closed=none.astype(np.bool_))


def test_open_switches_are_no_switches(assert_identical: Callable[..., None]) -> None:
    network = grid(3, SHAPES["ring"])
    case = asked(network, 3, 9, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ))
    plain = case.solve(engine("newton", without_switches(network)), None)
    assert_same(case.solve(engine("newton", network, switching=True), np.zeros((9, 3), dtype=np.bool_)), plain, tolerance_pu=1e-12)
    # a network without any has the pattern that it always had
    assert_identical(case.solve(engine("newton", without_switches(network), switching=True), None), plain)


def test_switches_stand_as_the_network_has_them_unless_told() -> None:
    network = grid(3, SHAPES["ring"])
    case = asked(network, 3, 5, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ))
    assert_same(case.solve(engine("newton", network, switching=True, **TIGHT), None), case.solve(engine("newton", network, **TIGHT), None))


def test_one_row_of_anything_stands_for_all() -> None:
    network = grid(3, SHAPES["ring"])
    case, positions = asked(network, 3, 1, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ), outages=False), every_position(3)
    repeated = Asked(*(np.repeat(values, 8, axis=0) for values in case))
    solver = engine("newton", network, switching=True, **TIGHT)
    first = solver.solve(*case[:2], kind=case.kind, v_set_pu=case.v_set_pu, closed=case.closed, switch_closed=positions)
    assert_same(first, repeated.solve(solver, positions))
    varied = repeated._replace(p_mw=repeated.p_mw * np.linspace(0.5, 1.5, 8)[:, None])
    same = np.repeat(positions[5:6], 8, axis=0)
    one = solver.solve(varied.p_mw, case.q_mvar, kind=case.kind, v_set_pu=case.v_set_pu, closed=case.closed, switch_closed=same[:1])
    assert_same(one, varied.solve(solver, same))


def substation() -> Any:
    """A grid with two busbars, between which every feeder chooses by switches without impedance."""
    net = pp.create_empty_network(sn_mva=100.0)
    bus = {name: pp.create_bus(net, 110.0, name=name) for name in ("grid", "B1", "B2", "F1", "F2", "F3", "town", "mill", "farm")}
    pp.create_ext_grid(net, bus["grid"], vm_pu=1.02, name="grid")
    lines = [("grid", "F1"), ("F2", "town"), ("F3", "mill"), ("town", "mill"), ("mill", "farm"), ("grid", "B2")]
    for a, b in lines:
        pp.create_line_from_parameters(net, bus[a], bus[b], 12.0, 0.1, 0.4, 9.0, 0.5, name=f"{a}-{b}")
    for name, p, q in (("town", 25.0, 6.0), ("mill", 18.0, 5.0), ("farm", 4.0, 1.0), ("B1", 3.0, 1.0)):
        pp.create_load(net, bus[name], p, q, name=name)
    pp.create_gen(net, bus["mill"], 10.0, vm_pu=1.0, name="gen")
    pp.create_shunt(net, bus["F3"], q_mvar=-4.0, p_mw=0.1, name="capacitor")
    for a, b in (("B1", "B2"), ("F1", "B1"), ("F1", "B2"), ("F2", "B1"), ("F2", "B2"), ("F3", "B1"), ("F3", "B2")):
        pp.create_switch(net, bus[a], bus[b], et="b", closed=False, name=f"{a}/{b}")
    return net


def test_a_substation_is_that_of_pandapower_in_every_position() -> None:
    net = substation()
    case = from_pandapower(net)
    network, positions = case.network, every_position(7)
    (p, q), (kind, v_set) = case.injections(), case.kinds()
    solver = engine("newton", network, switching=True, **TIGHT)
    flow = solver.solve(
        p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=network.branch_closed[None], switch_closed=positions
    )
    assert flow.usable.all()
    assert 0 < (flow.status == Status.ISLANDED).sum() < len(positions)
    buses = [network.bus(name) for name in net.bus["name"]]
    lines = [network.branch(name) for name in net.line["name"]]
    for b in range(0, len(positions), 5):
        net.switch["closed"] = positions[b]
        pp.runpp(net, calculate_voltage_angles=True, init="dc", tolerance_mva=1e-9)
        assert np.allclose(flow.v_pu[b, buses], np.nan_to_num(net.res_bus["vm_pu"]), rtol=0.0, atol=1e-8)
        assert np.allclose(flow.p_from_mw[b, lines], np.nan_to_num(net.res_line["p_from_mw"]), rtol=0.0, atol=1e-6)
        assert np.allclose(flow.q_to_mvar[b, lines], np.nan_to_num(net.res_line["q_to_mvar"]), rtol=0.0, atol=1e-6)
        assert flow.p_bus_mw[b].sum() == pytest.approx(flow.losses_mw[b], abs=1e-7)


def test_splitting_a_bus_islands_what_has_no_other_way() -> None:
    """source - left | right - end: the open coupler leaves right and end without a source."""
    buses = [{"name": name, "kv": 110.0} for name in ("source", "left", "right", "end")]
    lines = [{"name": f"{a}{b}", "a": a, "b": b, "r_pu": 0.01, "x_pu": 0.05} for a, b in (("source", "left"), ("right", "end"))]
    network = make_network("coupler", base_mva=100.0, buses=buses, branches=lines, switches=[{"name": "K", "a": "left", "b": "right"}])
    p = np.array([[0.0, -10.0, -5.0, -20.0]])
    flow = engine("newton", network, switching=True).solve(
        p, 0.2 * p, kind=np.array([[SLACK, PQ, PQ, PQ]], dtype=np.int8), v_set_pu=np.ones((1, 4)), closed=np.ones((1, 2), dtype=np.bool_),
        switch_closed=np.array([[True], [False]]),
    )  # fmt: skip
    assert flow.status.tolist() == [Status.OK, Status.ISLANDED]
    assert flow.energised.tolist() == [[True] * 4, [True, True, False, False]]
    assert flow.v_pu[0, 1] == flow.v_pu[0, 2] > flow.v_pu[0, 3] > 0.9
    assert flow.p_bus_mw[:, 1:].tolist() == [[-10.0, -5.0, -20.0], [-10.0, 0.0, 0.0]]
    assert flow.p_from_mw[1, 1] == flow.v_pu[1, 2] == flow.v_pu[1, 3] == 0.0


def test_what_the_pivots_were_at_fault_for_is_rescued_with_its_switches() -> None:
    """A regulated bus behind nearly no impedance, beside a bus between a coil and a capacitor of the same reactance."""
    impedances = [("A", "B", 0.01, 0.1), ("B", "C", 0.0, 0.1), ("C", "D", 0.0, -0.1), ("A", "D", 0.01, 0.3), ("D", "E", 0.0, 1e-7)]
    lines = [{"name": a + b, "a": a, "b": b, "r_pu": r, "x_pu": x} for a, b, r, x in impedances]
    network = make_network(
        "compensated", base_mva=100.0, buses=[{"name": name, "kv": 110.0} for name in "ABCDE"], branches=lines,
        switches=[{"name": "K", "a": "A", "b": "B"}],
    )  # fmt: skip
    p, ones = np.array([[0.0, -5.0, 0.0, -10.0, -20.0]] * 2), np.ones((2, 5))
    case = Asked(p, 0.2 * p, np.array([[SLACK, PQ, PQ, PQ, PV]] * 2, dtype=np.int8), ones, ones.astype(np.bool_))
    positions = np.array([[True], [False]])
    mine = case.solve(engine("newton", network, switching=True), positions)
    assert mine.rescued.any()
    assert_same(mine, case.solve(Switched(network, lambda still: engine("pandapower", still)), positions), tolerance_pu=1e-6)


@pytest.mark.parametrize("name", ["dc", "pandapower", "lightsim2grid"])
def test_the_other_engines_solve_each_combination_by_itself(name: str) -> None:
    network = grid(3, SHAPES["chain"])
    positions = every_position(2)
    case = asked(network, 3, 4, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ), outages=False)
    solver = engine(name, network, switching=True)
    mine = case.solve(solver, positions)
    assert solver.name == name
    assert mine.usable.all()
    if solver.has_voltages:
        assert_same(mine, case.solve(engine("newton", network, switching=True, **TIGHT), positions), tolerance_pu=1e-7)
    for row, position in enumerate(positions):
        still = engine(name, replace(network, switch_closed=position))
        assert_same(case.solve(still, None, slice(row, row + 1)), _elements(mine, slice(row, row + 1)))


@pytest.mark.parametrize("name", ["newton", "dc", "pandapower", "lightsim2grid"])
def test_an_engine_of_switches_that_stand_still_refuses_positions(name: str) -> None:
    for shape in ("chain", "star"):  # open everywhere; one closed, so fused
        network = grid(3, SHAPES[shape])
        case = asked(network, 3, 1, kinds=(SLACK, PQ, PQ, PQ, PQ, PQ, PQ))
        with pytest.raises(PhysicsError, match="switching=True"):
            case.solve(engine(name, network), np.zeros((1, len(SHAPES[shape])), dtype=np.bool_))


@pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 3), (5, 3)])
def test_positions_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    network = grid(3, SHAPES["ring"])
    case = asked(network, 3, 4, kinds=(SLACK, PQ, PQ, PQ, PQ, PQ, PQ))
    for solver in (engine("newton", network, switching=True), fused(network)):
        with pytest.raises(PhysicsError, match="switch_closed"):
            case.solve(solver, np.zeros(shape, dtype=np.bool_))


@pytest.mark.parametrize("name", ["newton", "pandapower"])
def test_an_engine_with_moving_switches_keeps_the_promises_of_all_engines(name: str) -> None:
    check_powerflow(lambda network: engine(name, network, switching=True))


def test_an_engine_keeps_its_switches_in_another_process() -> None:
    network = grid(3, SHAPES["ring"])
    solver = engine("newton", network, switching=True)
    case, positions = asked(network, 3, 8, kinds=(SLACK, PQ, PV, PQ, PQ, PQ, PQ)), every_position(3)
    again = pickle.loads(pickle.dumps(solver))
    assert np.array_equal(case.solve(again, positions).v_pu, case.solve(solver, positions).v_pu)
