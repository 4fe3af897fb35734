"""Reactive power stays inside the circle of the rating and the power factor; active power comes first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import generator, renewable, storage
from gridpilot.errors import ConfigError

HERE = np.ones((1, 1), dtype=np.bool_)
DT_H = 0.25


@given(order=st.floats(-9.0, 9.0), q=st.floats(-20.0, 20.0), factor=st.sampled_from([0.0, 0.8, 1.0]))
def test_a_battery_stays_in_its_capability(order: float, q: float, factor: float) -> None:
    row = {"p_max_mw": 5.0, "energy_max_mwh": 20.0, "s_max_mva": 6.0, "q_control": 1.0, "power_factor_min": factor}
    unit, plain = storage.parameters([row]), storage.parameters([{**row, "q_control": 0.0}])
    state = storage.initial_state(unit, 1)
    given_ = storage.inject(unit, state, np.array([[order, q]]), np.zeros((1, 0)), HERE, DT_H)
    p, given_q = float(given_.p_mw[0, 0]), float(given_.q_mvar[0, 0])
    assert p == storage.inject(plain, state, np.array([[order]]), np.zeros((1, 0)), HERE, DT_H).p_mw[0, 0]
    assert p**2 + given_q**2 <= 36.0 + 1e-9
    assert abs(p) >= factor * np.hypot(p, given_q) - 1e-9
    if factor == 0.0:
        assert given_q == pytest.approx(np.sign(q) * min(abs(q), np.sqrt(36.0 - p**2)))


@given(offered=st.floats(0.0, 15.0), q=st.floats(-9.0, 9.0))
def test_a_plant_stays_in_its_capability(offered: float, q: float) -> None:
    plant = renewable.parameters([{"p_max_mw": 10.0, "s_max_mva": 10.5, "power_factor_min": 0.9, "q_control": 1.0}])
    given_ = renewable.inject(plant, renewable.initial_state(plant, 1), np.array([[10.0, q]]), np.array([[offered]]), HERE, DT_H)
    p, given_q = float(given_.p_mw[0, 0]), float(given_.q_mvar[0, 0])
    assert p == min(offered, 10.0)
    assert np.hypot(p, given_q) <= 10.5 + 1e-9
    assert p >= 0.9 * np.hypot(p, given_q) - 1e-9
    assert abs(given_q) <= abs(q)


def test_the_reach_is_the_largest_of_all_outputs() -> None:
    plant = renewable.parameters([{"p_max_mw": 10.0, "s_max_mva": 10.5, "power_factor_min": 0.9, "q_control": 1.0}])
    outputs = np.linspace(0.0, 10.0, 2001)
    most = np.minimum(np.sqrt(10.5**2 - outputs**2), outputs * np.tan(np.arccos(0.9))).max()
    assert renewable.q_reach_mvar(plant)[0] == pytest.approx(most, rel=1e-3)


def test_orders_for_it_need_a_unit_that_can() -> None:
    with pytest.raises(ConfigError, match="holds no voltage"):
        generator.parameters([{"p_max_mw": 10.0, "q_control": 1.0}])
    with pytest.raises(ConfigError, match="p_min_mw above 0"):
        generator.parameters([{"p_max_mw": 10.0, "start_h": 1.0}])
