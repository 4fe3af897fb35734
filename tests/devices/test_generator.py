"""A unit keeps its ramp, its limits and its minimum times, and pays what its cost curve says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gridpilot.devices import generator

UNITS = st.fixed_dictionaries(
    {
        "p_min_mw": st.sampled_from([0.0, 20.0, 40.0]),
        "p_max_mw": st.floats(50.0, 200.0),
        "ramp_mw_per_min": st.floats(0.1, 5.0),
        "min_up_h": st.sampled_from([0.0, 0.5, 1.0, 2.0]),
        "min_down_h": st.sampled_from([0.0, 0.5, 1.0, 2.0]),
        "initial_mw": st.sampled_from([0.0, 45.0]),
        "cost_b": st.floats(0.0, 60.0),
        "start_cost_usd": st.floats(1.0, 5000.0),
        "co2_t_per_mwh": st.floats(0.0, 1.1),
    }
)
ORDERS = st.lists(st.floats(-20.0, 220.0), min_size=1, max_size=40)
CYCLES = st.sampled_from([1 / 12, 0.25, 1.0])
NO_SERIES = np.zeros((1, 0))


class Run:
    """A unit on its way through orders: what it gave, whether it was on, what it cost."""

    def __init__(self, unit: Mapping[str, Any], dt_h: float) -> None:
        self.parameters = generator.parameters([unit])
        self.dt_h = dt_h
        self.state = generator.initial_state(self.parameters, 1)
        self.p: list[float] = [float(self.state.p_mw[0, 0])]
        self.on: list[bool] = [bool(self.state.on[0, 0])]
        self.cost: list[float] = []
        self.co2: list[float] = []

    def step(self, order: float, *, in_service: bool = True) -> None:
        here, setpoint = np.array([[in_service]]), np.array([[order]])
        self.low, self.high = (float(end[0, 0]) for end in generator.bounds(self.parameters, self.state, NO_SERIES, here, self.dt_h))
        p = generator.inject(self.parameters, self.state, setpoint, NO_SERIES, here, self.dt_h).p_mw
        self.state, outcome = generator.settle(self.parameters, self.state, setpoint, NO_SERIES, here, p, self.dt_h)
        self.p.append(float(p[0, 0]))
        self.on.append(bool(self.state.on[0, 0]))
        self.cost.append(float(outcome.cost_usd[0, 0]))
        self.co2.append(float(outcome.co2_t[0, 0]))

    def follow(self, orders: Sequence[float]) -> Run:
        for order in orders:
            self.step(order)
        return self

    def starts(self) -> list[bool]:
        return [now and not before for before, now in pairwise(self.on)]

    def spells(self, which: bool) -> list[int]:
        """Cycles of every complete spell of on (or off), the first and the last left out."""
        edges = [k for k in range(1, len(self.on)) if self.on[k] != self.on[k - 1]]
        return [b - a for a, b in pairwise(edges) if self.on[a] == which]


@given(UNITS, ORDERS, CYCLES)
def test_output_is_zero_or_inside_the_limits_and_the_ramp(unit: Mapping[str, Any], orders: list[float], dt_h: float) -> None:
    run = Run(unit, dt_h).follow(orders)
    p_min, p_max = float(run.parameters.p_min_mw[0]), float(run.parameters.p_max_mw[0])
    step = float(run.parameters.ramp_mw_per_min[0]) * 60.0 * dt_h
    for before, now in pairwise(run.p):
        assert now == 0.0 or p_min <= now <= p_max
        if before > 0.0 and now > 0.0:
            assert abs(now - before) <= step + 1e-9
        elif now > 0.0:
            assert now <= max(p_min, step) + 1e-9
        elif before > 0.0:
            assert before <= p_min + step + 1e-9


@given(UNITS, ORDERS, CYCLES)
def test_every_order_inside_the_bounds_is_followed_exactly(unit: Mapping[str, Any], orders: list[float], dt_h: float) -> None:
    run = Run(unit, dt_h)
    p_min = float(run.parameters.p_min_mw[0])
    for order in orders:
        run.step(order)
        if run.low <= order <= run.high and not 0.0 < order < p_min:
            assert run.p[-1] == order
        assert run.low <= run.p[-1] <= run.high


@given(UNITS, ORDERS, CYCLES)
def test_minimum_times_are_kept(unit: Mapping[str, Any], orders: list[float], dt_h: float) -> None:
    run = Run(unit, dt_h).follow(orders)
    for which, least_h in ((True, run.parameters.min_up_h[0]), (False, run.parameters.min_down_h[0])):
        assert all(cycles * dt_h >= least_h - 1e-9 for cycles in run.spells(which))


@pytest.mark.parametrize("dt_h", [1 / 12, 0.25, 0.5, 1.0])
def test_a_minimum_time_lasts_no_cycle_longer_than_it_says(dt_h: float) -> None:
    unit = {"p_min_mw": 20.0, "p_max_mw": 50.0, "min_up_h": 2.0, "min_down_h": 3.0, "initial_mw": 20.0}
    off_until_allowed = Run(unit, dt_h).follow([0.0, *[50.0] * round(8.0 / dt_h)])
    off = off_until_allowed.on.index(False)
    assert (off_until_allowed.on.index(True, off) - off) * dt_h == pytest.approx(3.0)
    run = Run({**unit, "initial_mw": 0.0}, dt_h).follow([30.0, *[0.0] * round(8.0 / dt_h)])
    assert (run.on.index(False, 1) - 1) * dt_h == pytest.approx(2.0)


@given(UNITS, ORDERS, CYCLES)
def test_a_start_is_paid_once_and_fuel_by_the_formula(unit: Mapping[str, Any], orders: list[float], dt_h: float) -> None:
    run = Run(unit, dt_h).follow(orders)
    fuel = [p * run.parameters.cost_b[0] * dt_h for p in run.p[1:]]
    starts = [run.parameters.start_cost_usd[0] * start for start in run.starts()]
    assert run.cost == pytest.approx(np.add(fuel, starts), abs=1e-6)
    assert run.co2 == pytest.approx([p * run.parameters.co2_t_per_mwh[0] * dt_h for p in run.p[1:]])


@given(st.floats(0.0, 200.0), st.floats(0.0, 0.1), st.floats(0.0, 80.0), st.floats(0.0, 900.0))
def test_polynomial_cost_is_the_polynomial(p: float, a: float, b: float, c: float) -> None:
    parameters = generator.parameters([{"p_max_mw": 200.0, "cost_a": a, "cost_b": b, "cost_c": c}])
    assert generator.hourly_cost(parameters, 0, p) == pytest.approx(np.polyval([a, b, c], p))


@given(
    st.lists(st.tuples(st.floats(1.0, 40.0), st.floats(0.0, 2000.0)), min_size=2, max_size=6),
    st.integers(0, 3),
    st.floats(0.0, 1.0),
)
def test_a_piecewise_cost_is_linear_between_its_points(steps: list[tuple[float, float]], longer: int, place: float) -> None:
    mw, usd = np.cumsum(steps, axis=0).T
    other = [(10.0 * k, 5.0 * k) for k in range(len(steps) + longer)]
    parameters = generator.parameters([{"p_max_mw": 500.0, "curve": list(zip(mw, usd, strict=True))}, {"p_max_mw": 500.0, "curve": other}])
    p = mw[0] + place * (mw[-1] - mw[0])
    assert generator.hourly_cost(parameters, 0, p) == pytest.approx(np.interp(p, mw, usd))


@pytest.mark.parametrize("longer", [0, 3])
def test_a_piecewise_cost_goes_on_beyond_its_ends(longer: int) -> None:
    other = [(10.0 * k, 5.0 * k) for k in range(3 + longer)]
    rows = [{"p_max_mw": 100.0, "curve": [(20.0, 400.0), (50.0, 700.0), (80.0, 1300.0)]}, {"p_max_mw": 100.0, "curve": other}]
    parameters = generator.parameters(rows)
    assert generator.hourly_cost(parameters, 0, 90.0) == pytest.approx(1500.0)
    assert generator.hourly_cost(parameters, 0, 10.0) == pytest.approx(300.0)


def test_an_outage_stops_the_unit_and_its_order_starts_it_again_after_the_minimum_time() -> None:
    unit = {"p_min_mw": 20.0, "p_max_mw": 80.0, "ramp_mw_per_min": 1.0, "min_down_h": 1.0, "start_cost_usd": 700.0, "initial_mw": 60.0}
    run = Run(unit, 0.25)
    for k in range(12):
        run.step(60.0, in_service=k not in (1, 2))
    assert run.p[1:] == [60.0, 0.0, 0.0, 0.0, 0.0, 20.0, 35.0, 50.0, 60.0, 60.0, 60.0, 60.0]
    assert run.cost.count(700.0) == 1
    assert not any(run.on[2:6])


def test_an_order_below_half_the_minimum_asks_for_a_stop() -> None:
    unit = {"p_min_mw": 40.0, "p_max_mw": 80.0, "initial_mw": 40.0}
    assert Run(unit, 0.25).follow([19.0]).p[-1] == 0.0
    assert Run(unit, 0.25).follow([21.0]).p[-1] == 40.0


@given(UNITS, ORDERS, CYCLES)
def test_a_unit_with_a_minimum_of_zero_idles_and_starts_once(unit: Mapping[str, Any], orders: list[float], dt_h: float) -> None:
    assume(max(orders) > 0.0)
    run = Run({**unit, "p_min_mw": 0.0, "min_down_h": 0.0}, dt_h).follow(orders)
    assert sum(run.starts()) == (unit["initial_mw"] == 0.0)


def test_the_slack_unit_is_on_from_the_beginning() -> None:
    parameters = generator.parameters([{"p_max_mw": 80.0, "is_slack": 1.0, "start_cost_usd": 500.0}])
    state = generator.initial_state(parameters, 1)
    _, outcome = generator.settle(parameters, state, np.zeros((1, 1)), NO_SERIES, np.ones((1, 1), dtype=np.bool_), np.array([[33.0]]), 0.25)
    assert outcome.cost_usd[0, 0] == 0.0
