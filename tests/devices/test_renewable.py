"""A plant of the weather: what it injects and what is curtailed is what was offered; q stays inside its capability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import DeviceKind, device_kind, renewable

PLANTS = st.fixed_dictionaries(
    {
        "p_max_mw": st.floats(1.0, 200.0),
        "oversize": st.floats(1.0, 1.3),
        "power_factor_min": st.floats(0.5, 1.0),
        "q_per_p": st.floats(-2.0, 2.0),
    }
)
IN_SERVICE = np.ones((1, 1), dtype=np.bool_)


@pytest.fixture(params=["solar", "wind"], scope="module")
def kind(request: pytest.FixtureRequest) -> DeviceKind:
    return device_kind(request.param)


def plant(drawn: dict[str, float]) -> renewable.Parameters:
    row = {key: value for key, value in drawn.items() if key != "oversize"}
    return renewable.parameters([{**row, "s_max_mva": drawn["p_max_mw"] * drawn["oversize"]}])


@given(PLANTS, st.floats(-5.0, 300.0), st.floats(-50.0, 300.0), st.sampled_from([1 / 12, 1.0]))
def test_injection_and_curtailment_are_what_was_offered(
    kind: DeviceKind, drawn: dict[str, float], weather: float, limit: float, dt_h: float
) -> None:
    parameters = plant(drawn)
    state, setpoint, offer = kind.initial_state(parameters, 1), np.array([[limit]]), np.array([[weather]])
    p, _ = kind.inject(parameters, state, setpoint, offer, IN_SERVICE, dt_h)
    _, outcome = kind.settle(parameters, state, setpoint, offer, IN_SERVICE, p, dt_h)
    offered = min(max(weather, 0.0), drawn["p_max_mw"])
    assert p[0, 0] == min(offered, max(limit, 0.0))
    assert outcome.available_mwh[0, 0] == offered * dt_h
    assert p[0, 0] * dt_h + outcome.curtailed_mwh[0, 0] == pytest.approx(offered * dt_h)


@given(PLANTS, st.floats(0.0, 300.0))
def test_reactive_power_stays_inside_the_capability(kind: DeviceKind, drawn: dict[str, float], weather: float) -> None:
    parameters = plant(drawn)
    no_limit = kind.initial_setpoint(parameters)[None]
    p, q = kind.inject(parameters, kind.initial_state(parameters, 1), no_limit, np.array([[weather]]), IN_SERVICE, 0.25)
    apparent = np.hypot(p[0, 0], q[0, 0])
    assert apparent <= drawn["p_max_mw"] * drawn["oversize"] * (1 + 1e-12)
    assert p[0, 0] >= apparent * drawn["power_factor_min"] * (1 - 1e-9)
    assert q[0, 0] * drawn["q_per_p"] >= 0.0
    assert abs(q[0, 0]) <= abs(drawn["q_per_p"]) * p[0, 0]


def test_a_ratio_inside_the_capability_is_followed(kind: DeviceKind) -> None:
    parameters = renewable.parameters([{"p_max_mw": 100.0, "q_per_p": -0.2}])
    state, no_limit = kind.initial_state(parameters, 1), kind.initial_setpoint(parameters)[None]
    p, q = kind.inject(parameters, state, no_limit, np.array([[60.0]]), IN_SERVICE, 0.25)
    assert (p[0, 0], q[0, 0]) == pytest.approx((60.0, -12.0))


def test_what_a_dead_bus_cannot_take_is_curtailed(kind: DeviceKind) -> None:
    parameters = renewable.parameters([{"p_max_mw": 100.0}])
    state, no_limit = kind.initial_state(parameters, 1), kind.initial_setpoint(parameters)[None]
    _, outcome = kind.settle(parameters, state, no_limit, np.array([[60.0]]), IN_SERVICE, np.zeros((1, 1)), 0.5)
    assert outcome.curtailed_mwh[0, 0] == outcome.available_mwh[0, 0] == 30.0


def test_without_a_limit_nothing_is_curtailed(kind: DeviceKind) -> None:
    parameters = renewable.parameters([{"p_max_mw": 100.0}])
    state, no_limit, offer = kind.initial_state(parameters, 1), kind.initial_setpoint(parameters)[None], np.array([[100 / 3]])
    p, _ = kind.inject(parameters, state, no_limit, offer, IN_SERVICE, 1 / 12)
    _, outcome = kind.settle(parameters, state, no_limit, offer, IN_SERVICE, p, 1 / 12)
    assert outcome.curtailed_mwh[0, 0] == 0.0
