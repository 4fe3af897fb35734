"""AC sensitivities are what the engine does when something is changed by a little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.errors import PhysicsError
from gridpilot.network import Case
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.sensitivities import Response, ac_sensitivities
from gridpilot.values import PQ, SLACK, Floats, Flow

H = {"p_mw": 0.02, "q_mvar": 0.02, "v_set_pu": 2e-5}
"""Half of a central difference: its error is of the order of the square."""


def differences(case: Case, arguments: dict[str, Any], changed: str) -> Flow:
    """Flows after every bus's value is changed down (rows 0 … n − 1) and up (rows n … 2n − 1)."""
    n = case.network.n_bus
    many: dict[str, Any] = {name: np.repeat(values, 2 * n, axis=0) for name, values in arguments.items()}
    many[changed][:n] -= H[changed] * np.eye(n)
    many[changed][n:] += H[changed] * np.eye(n)
    return Newton(case.network, tolerance_pu=1e-13, max_iterations=30).solve(**many)


def slope(flow: Flow, field: str, h: float) -> Floats:
    values = getattr(flow, field)
    n = len(values) // 2
    return np.asarray((values[n:] - values[:n]).T / (2 * h))


def check(case: Case, arguments: dict[str, Any]) -> None:
    kind, closed = arguments["kind"][0], arguments["closed"][0]
    flow = Newton(case.network, tolerance_pu=1e-12, max_iterations=30).solve(**arguments)
    found = ac_sensitivities(case.network, flow, kind=kind, closed=closed)
    pairs: tuple[tuple[str, Response], ...] = (("p_mw", found.to_p), ("q_mvar", found.to_q), ("v_set_pu", found.to_v_set))
    for changed, response in pairs:
        moved, h = differences(case, arguments, changed), H[changed]
        size = 100.0 if changed == "v_set_pu" else 1.0
        for field in ("v_pu", "angle_rad", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "losses_mw"):
            assert np.allclose(getattr(response, field), slope(moved, field, h), atol=2e-5 * size, rtol=1e-4), (changed, field)
        free = np.flatnonzero((kind == SLACK) & flow.energised[0])
        assert np.allclose(response.p_bus_mw[free], slope(moved, "p_bus_mw", h)[free], atol=2e-5 * size, rtol=1e-4)
        held = np.flatnonzero((kind != PQ) & flow.energised[0])
        assert np.allclose(response.q_bus_mvar[held], slope(moved, "q_bus_mvar", h)[held], atol=2e-5 * size, rtol=1e-4)


@given(seed=st.integers(0, 10**6))
def test_every_response_is_a_finite_difference_of_the_engine(
    random_grid: Callable[[int], Case], batch: Callable[..., Any], seed: int
) -> None:
    case = random_grid(seed)
    arguments = batch(case)
    arguments["closed"][:] = np.random.default_rng(seed).random(case.network.n_branch) < 0.85
    check(case, arguments)


def test_it_holds_on_test_cases(ieee: Case, batch: Callable[..., Any]) -> None:
    if ieee.network.n_bus <= 57:
        check(ieee, batch(ieee))


def test_loading_follows_the_end_that_loads_the_branch_more(case14: Case, batch: Callable[..., Any]) -> None:
    arguments, network = batch(case14), case14.network
    flow = Newton(network, tolerance_pu=1e-12).solve(**arguments)
    found = ac_sensitivities(network, flow, kind=arguments["kind"][0], closed=arguments["closed"][0])
    moved = slope(differences(case14, arguments, "p_mw"), "loading", H["p_mw"])
    rated = np.isfinite(network.rating_mva) & (flow.loading[0] > 1e-4)
    assert rated.any()
    assert np.allclose(found.to_p.loading[rated], moved[rated], rtol=1e-3, atol=1e-8)


def test_what_cannot_be_changed_has_no_effect(case14: Case, batch: Callable[..., Any]) -> None:
    arguments, network = batch(case14), case14.network
    kind = arguments["kind"][0]
    arguments["closed"][0, (network.branch_from == 13) | (network.branch_to == 13)] = False
    flow = Newton(network).solve(**arguments)
    found = ac_sensitivities(network, flow, kind=kind, closed=arguments["closed"][0])
    assert not found.to_p.v_pu[:, kind == SLACK].any()
    assert not found.to_q.v_pu[:, kind != PQ].any()
    assert not found.to_v_set.v_pu[:, kind == PQ].any()
    for response in found:
        assert not response.v_pu[13].any()
        assert not response.p_from_mw[:, 13].any()
        assert not response.p_from_mw[~arguments["closed"][0]].any()


def test_the_element_asked_for_is_the_one_linearised(case14: Case, batch: Callable[..., Any]) -> None:
    arguments = batch(case14, (0.3, 1.0))
    flow = Newton(case14.network).solve(**arguments)
    shared = {"kind": arguments["kind"][0], "closed": arguments["closed"][0]}
    light, heavy = (ac_sensitivities(case14.network, flow, **shared, element=k).to_p.losses_mw for k in (0, 1))
    assert np.abs(heavy).max() > 2 * np.abs(light).max()


def test_a_grid_without_a_solution_is_refused_with_its_status(case14: Case, batch: Callable[..., Any]) -> None:
    arguments = batch(case14, (50.0,))
    flow = Newton(case14.network).solve(**arguments)
    with pytest.raises(PhysicsError, match="no operating point to linearise"):
        ac_sensitivities(case14.network, flow, kind=arguments["kind"][0], closed=arguments["closed"][0])
