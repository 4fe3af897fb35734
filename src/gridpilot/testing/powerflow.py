"""`check_powerflow`: what every power flow engine must do, for those who write one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import PhysicsError
from gridpilot.network import Network, make_network
from gridpilot.powerflow import engine as make_engine
from gridpilot.values import PQ, PV, SLACK, Bools, Codes, Floats, Flow, PowerFlow, Status

Complexes = NDArray[np.complex128]

TOLERANCE_MVA = 1e-5
"""Mismatch that is rounding on a base of 100 MVA."""


def check_powerflow(engine: Callable[[Network], PowerFlow] | str) -> None:
    """Solves a small grid in every way the seam allows, and raises `AssertionError` at the first promise that is broken.

    `engine` is a name, or makes an engine for a network. The grid has a tapped transformer, a phase shift, a shunt, a
    regulated bus and a spur. Solutions are judged by the equations of the branches themselves, not by another engine.
    """
    network = _grid()
    made = make_engine(engine, network) if isinstance(engine, str) else engine(network)
    _check_shapes(made, network)
    _check_physics(made, network)
    _check_batch(made, network)
    _check_warm_start(made, network)
    _check_island(made, network)
    _check_bad_elements(made, network)


class _Asked(NamedTuple):
    """Arguments of `PowerFlow.solve`."""

    p_mw: Floats
    q_mvar: Floats
    kind: Codes
    v_set_pu: Floats
    closed: Bools

    def solve(self, engine: PowerFlow, start: Flow | None = None) -> Flow:
        return engine.solve(self.p_mw, self.q_mvar, kind=self.kind, v_set_pu=self.v_set_pu, closed=self.closed, start=start)

    def only(self, element: int) -> _Asked:
        one = slice(element, element + 1)
        return _Asked(self.p_mw[one], self.q_mvar[one], self.kind[one], self.v_set_pu[one], self.closed[one])


def _grid() -> Network:
    return make_network(
        "engine check",
        base_mva=100.0,
        buses=[{"name": name, "kv": 110.0} for name in "ABCDE"],
        branches=[
            {"name": "AB", "a": "A", "b": "B", "r_pu": 0.01, "x_pu": 0.08, "b_pu": 0.03, "rating_mva": 100.0},
            {"name": "BC", "a": "B", "b": "C", "r_pu": 0.02, "x_pu": 0.10, "b_pu": 0.02, "rating_mva": 80.0},
            {"name": "AC", "a": "A", "b": "C", "r_pu": 0.01, "x_pu": 0.09, "rating_mva": 80.0, "tap": 0.98, "shift_deg": 2.0},
            {"name": "CD", "a": "C", "b": "D", "r_pu": 0.0, "x_pu": 0.12, "rating_mva": 60.0, "tap": 1.03, "transformer": True},
            {"name": "DE", "a": "D", "b": "E", "r_pu": 0.03, "x_pu": 0.12},
        ],
        shunts=[{"name": "S", "bus": "D", "g_mw": 1.0, "b_mvar": 10.0}],
    )


def _asked(network: Network, scales: tuple[float, ...] = (0.0, 0.5, 1.0, 1.4, 1.0)) -> _Asked:
    """One element per load level; the last one has a branch open."""
    batch, one = len(scales), np.ones((len(scales), 1))
    factor = np.array(scales)[:, None]
    closed = np.ones((batch, network.n_branch), dtype=np.bool_)
    closed[-1, network.branch("AC")] = False
    return _Asked(
        p_mw=factor * np.array([[0.0, 30.0, -40.0, -15.0, -20.0]]),
        q_mvar=factor * np.array([[0.0, 0.0, -10.0, -5.0, -6.0]]),
        kind=(one * np.array([[SLACK, PV, PQ, PQ, PQ]])).astype(np.int8),
        v_set_pu=one * np.array([[1.02, 1.01, 1.0, 1.0, 1.0]]),
        closed=closed,
    )


# ----------------------------------------------------------------------------------------------------- checks


def _check_shapes(engine: PowerFlow, network: Network) -> None:
    asked = _asked(network)
    flow = asked.solve(engine)
    batch, n, m = len(asked.p_mw), network.n_bus, network.n_branch
    for field in fields(Flow):
        shape = getattr(flow, field.name).shape
        assert shape in ((batch,), (batch, n), (batch, m)), f"{engine.name}: Flow.{field.name} has shape {shape}"
        assert np.isfinite(getattr(flow, field.name)).all(), f"{engine.name}: Flow.{field.name} holds a number that is not finite"
    try:
        asked._replace(p_mw=asked.p_mw[:, :-1]).solve(engine)
    except PhysicsError:
        return
    raise AssertionError(f"{engine.name}: injections for one bus too few must raise PhysicsError")


def _check_physics(engine: PowerFlow, network: Network) -> None:
    asked = _asked(network)
    flow = asked.solve(engine)
    assert (flow.status == Status.OK).all(), f"{engine.name}: a feasible grid must be solved, found status {flow.status.tolist()}"
    p_shunt, q_shunt = _shunts(network, flow)
    p_left = _left_over(network, flow.p_from_mw, flow.p_to_mw, flow.p_bus_mw - p_shunt)
    outside = np.stack([flow.p_from_mw, flow.p_to_mw, flow.loading])[:, ~asked.closed]
    _assert_close(engine, "p at PQ and PV buses is what was asked for", (flow.p_bus_mw - asked.p_mw)[asked.kind != SLACK])
    _assert_close(engine, "active power balances at every bus", p_left)
    _assert_close(engine, "an open branch carries nothing", outside)
    _assert_close(engine, "losses are what goes in less what comes out", flow.p_bus_mw.sum(axis=1) - flow.losses_mw)
    if engine.has_voltages:
        q_left = _left_over(network, flow.q_from_mvar, flow.q_to_mvar, flow.q_bus_mvar - q_shunt)
        _assert_close(engine, "reactive power balances at every bus", q_left)
        _check_voltages(engine, network, asked, flow)
    else:
        assert (flow.v_pu == 1.0).all(), f"{engine.name}: an engine without voltages returns 1 pu"


def _check_voltages(engine: PowerFlow, network: Network, asked: _Asked, flow: Flow) -> None:
    free = asked.kind == PQ
    s_from, s_to = branch_powers(network, flow, asked.closed)
    loading = np.maximum(np.abs(s_from), np.abs(s_to)) / network.rating_mva
    _assert_close(engine, "q at PQ buses is what was asked for", (flow.q_bus_mvar - asked.q_mvar)[free])
    _assert_close(engine, "PV and SLACK buses have their voltage", (flow.v_pu - asked.v_set_pu)[~free])
    _assert_close(engine, "flows at from ends follow from the voltages", s_from - (flow.p_from_mw + 1j * flow.q_from_mvar))
    _assert_close(engine, "flows at to ends follow from the voltages", s_to - (flow.p_to_mw + 1j * flow.q_to_mvar))
    _assert_close(engine, "loading is the larger end over the rating", flow.loading - loading)


def _check_batch(engine: PowerFlow, network: Network) -> None:
    asked = _asked(network)
    flow = asked.solve(engine)
    for element in range(len(asked.p_mw)):
        alone = asked.only(element).solve(engine)
        for field in fields(Flow):
            same = getattr(flow, field.name)[element].tobytes() == getattr(alone, field.name)[0].tobytes()
            assert same, f"{engine.name}: Flow.{field.name} of element {element} is another one alone than in a batch"


def _check_warm_start(engine: PowerFlow, network: Network) -> None:
    asked = _asked(network)
    cold = asked.solve(engine)
    again = asked.solve(engine, start=cold)
    _assert_close(engine, "a warm start leads to the same flows", again.p_from_mw - cold.p_from_mw, 10 * TOLERANCE_MVA)


def _check_island(engine: PowerFlow, network: Network) -> None:
    asked = _asked(network)
    asked.closed[1, network.branch("DE")] = False
    flow = asked.solve(engine)
    status = [int(Status.OK)] * len(asked.p_mw)
    status[1] = int(Status.ISLANDED)
    assert flow.status.tolist() == status, f"{engine.name}: bus E of element 1 is cut off, found status {flow.status.tolist()}"
    assert not flow.energised[1, -1], f"{engine.name}: a bus without a source is not energised"
    assert flow.energised.sum() == flow.energised.size - 1, f"{engine.name}: all other buses are energised"
    assert flow.v_pu[1, -1] == 0.0, f"{engine.name}: a dead bus has 0 pu"
    assert flow.p_bus_mw[1, -1] == 0.0, f"{engine.name}: a dead bus exchanges nothing"


def _check_bad_elements(engine: PowerFlow, network: Network) -> None:
    """An element that cannot be solved says so, and leaves its neighbours alone."""
    good = _asked(network)
    bad = _asked(network)
    bad.p_mw[0, 2] = np.nan
    expected = {0: Status.NON_FINITE}
    if engine.has_voltages:
        bad.p_mw[1] *= 200.0
        expected[1] = Status.DIVERGED
    flow, clean = bad.solve(engine), good.solve(engine)
    for element, status in expected.items():
        found = Status(int(flow.status[element]))
        assert found not in (Status.OK, Status.ISLANDED), f"{engine.name}: element {element} should be {status.name}, found {found.name}"
    for field in fields(Flow):
        values = getattr(flow, field.name)
        assert np.isfinite(values).all(), f"{engine.name}: Flow.{field.name} of an element that failed is not finite"
        same = values[2:].tobytes() == getattr(clean, field.name)[2:].tobytes()
        assert same, f"{engine.name}: an element that fails changes Flow.{field.name} of its neighbours"


# ------------------------------------------------------------------------------------------------ independent


def branch_powers(network: Network, flow: Flow, closed: Bools) -> tuple[Complexes, Complexes]:
    """Complex power into both ends `[B, m]` from voltages and the π-section of every branch, in MVA.

    Walks through the transformer instead of building admittances: v_inside = v_from / a, i_from = i_inside / conj(a).
    """
    v = flow.v_re_pu + 1j * flow.v_im_pu
    ratio = network.tap * np.exp(1j * network.shift_rad)
    inside, far = v[:, network.branch_from] / ratio, v[:, network.branch_to]
    series = (inside - far) / (network.r_pu + 1j * network.x_pu)
    i_from = (series + inside * (network.g_from_pu + 1j * network.b_from_pu)) / np.conj(ratio)
    i_to = -series + far * (network.g_to_pu + 1j * network.b_to_pu)
    scale = network.base_mva * closed
    return v[:, network.branch_from] * np.conj(i_from) * scale, far * np.conj(i_to) * scale


def _shunts(network: Network, flow: Flow) -> tuple[Floats, Floats]:
    """What shunts take at every bus `[B, n]`, in MW and Mvar."""
    taken = []
    for at_one_pu in (network.shunt_g_mw, -network.shunt_b_mvar):
        total = np.zeros(flow.v_pu.shape)
        np.add.at(total.T, network.shunt_bus, (at_one_pu * flow.v_pu[:, network.shunt_bus] ** 2).T)
        taken.append(total)
    return taken[0], taken[1]


def _left_over(network: Network, at_from: Floats, at_to: Floats, injected: Floats) -> Floats:
    left = injected.copy()
    np.subtract.at(left.T, network.branch_from, at_from.T)
    np.subtract.at(left.T, network.branch_to, at_to.T)
    return left


def _assert_close(engine: PowerFlow, promise: str, left: Floats | Complexes, tolerance: float = TOLERANCE_MVA) -> None:
    worst = float(np.abs(left).max(initial=0.0))
    assert worst <= tolerance, f"{engine.name}: {promise}; off by {worst:.3g}"
