"""Engines by name, and closed bus-bus switches as one bus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import PhysicsError, UnknownNameError
from gridpilot.network import Case, make_network
from gridpilot.powerflow import engine, engine_names
from gridpilot.powerflow.newton import Newton
from gridpilot.values import OFF, PQ, PV, SLACK, Status

Batch = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("name", engine_names())
def test_every_engine_solves_and_knows_its_name(name: str, case14: Case, batch: Batch) -> None:
    solver = engine(name, case14.network)
    flow = solver.solve(**batch(case14, [1.0, 0.9]))
    assert solver.name == name
    assert flow.usable.all()
    assert flow.v_pu.shape == (2, 14)
    assert flow.loading.shape == (2, 20)
    assert flow.residual_mva.shape == (2,)


def test_unknown_names_and_options_list_the_valid_ones(case14: Case) -> None:
    with pytest.raises(UnknownNameError, match=r"newton.*dc|dc.*newton"):
        engine("newtn", case14.network)
    with pytest.raises(UnknownNameError, match="tolerance_pu"):
        engine("newton", case14.network, tolerance=1e-6)


def test_options_reach_the_engine(case14: Case, batch: Batch) -> None:
    assert engine("newton", case14.network, max_iterations=1).solve(**batch(case14)).status[0] == Status.DIVERGED


BUSES = [{"name": name, "kv": 110.0} for name in ("source", "left", "right", "spare", "end")]
LINES = [
    {"name": "in", "a": "source", "b": "left", "r_pu": 0.01, "x_pu": 0.05},
    {"name": "out", "a": "right", "b": "end", "r_pu": 0.01, "x_pu": 0.05},
    {"name": "bridged", "a": "left", "b": "right", "r_pu": 0.01, "x_pu": 0.05},
    {"name": "reserve", "a": "spare", "b": "end", "r_pu": 0.02, "x_pu": 0.1},
]


def switched(*, coupler: bool) -> Any:
    switches = [
        {"name": "coupler", "a": "left", "b": "right", "closed": coupler},
        {"name": "open", "a": "source", "b": "end", "closed": False},
    ]
    return make_network("switched", base_mva=100.0, buses=BUSES, branches=LINES, switches=switches)


def arguments(**kinds: int) -> dict[str, Any]:
    kind = {"source": SLACK, "left": PQ, "right": PQ, "spare": PQ, "end": PQ} | kinds
    return {
        "p_mw": np.array([[0.0, -20.0, -5.0, -2.0, -10.0]]),
        "q_mvar": np.array([[0.0, -4.0, -1.0, 0.0, -2.0]]),
        "kind": np.array([list(kind.values())], dtype=np.int8),
        "v_set_pu": np.array([[1.02, 1.01, 1.0, 1.0, 1.0]]),
        "closed": np.ones((1, 4), dtype=np.bool_),
    }


@pytest.mark.parametrize("kinds", [{}, {"right": PV}, {"left": PV}, {"right": OFF}])
def test_a_closed_switch_is_the_limit_of_a_very_short_line(kinds: dict[str, int]) -> None:
    fused = engine("newton", switched(coupler=True), tolerance_pu=1e-11).solve(**arguments(**kinds))
    short = [line if line["name"] != "bridged" else {**line, "r_pu": 0.0, "x_pu": 1e-7} for line in LINES]
    near = make_network("short", base_mva=100.0, buses=BUSES, branches=short)
    if kinds.get("right") == OFF:  # an unbuilt bus behind a closed switch: the switch joins nothing but what is built
        assert fused.energised[0].tolist() == [True, True, False, True, True]
        assert fused.v_pu[0, 2] == fused.p_bus_mw[0, 2] == 0.0
        return
    flow = Newton(near, tolerance_pu=1e-9).solve(**arguments(**kinds))
    assert np.allclose(fused.v_pu, flow.v_pu, atol=1e-6)
    others = [0, 1, 3]
    assert np.allclose(fused.p_from_mw[:, others], flow.p_from_mw[:, others], atol=1e-3)
    assert fused.p_from_mw[0, 2] == fused.loading[0, 2] == 0.0
    assert fused.v_pu[0, 1] == fused.v_pu[0, 2]
    # injections: every bus keeps what was given, and the one that holds voltage has what remains
    assert np.allclose(fused.p_bus_mw[0, 1:], arguments()["p_mw"][0, 1:])
    assert fused.p_bus_mw.sum() == pytest.approx(fused.losses_mw[0], abs=1e-7)
    assert np.allclose(fused.q_bus_mvar, flow.q_bus_mvar, atol=1e-3)


def test_fused_engine_starts_from_its_own_results_and_takes_batches() -> None:
    solver = engine("newton", switched(coupler=True))
    first = solver.solve(**arguments())
    assert solver.solve(**arguments(), start=first).iterations[0] == 0
    pair: dict[str, Any] = {name: np.repeat(value, 2, axis=0) for name, value in arguments().items()}
    pair["p_mw"][1] *= 1.1
    both = solver.solve(**pair)
    assert np.array_equal(both.v_pu[:1], first.v_pu)
    assert both.v_pu[1, 1] < both.v_pu[0, 1]


def test_open_switches_join_nothing(case14: Case) -> None:
    network = switched(coupler=False)
    plain = replace(
        network, switch_name=(), switch_a=np.zeros(0, np.int64), switch_b=np.zeros(0, np.int64), switch_closed=np.zeros(0, np.bool_)
    )
    assert np.array_equal(engine("newton", network).solve(**arguments()).v_pu, Newton(plain).solve(**arguments()).v_pu)


def test_an_engine_alone_refuses_closed_switches() -> None:
    with pytest.raises(PhysicsError, match="coupler"):
        Newton(switched(coupler=True))
