"""Every kind keeps the promises of a device, and the check sees a kind that breaks any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gridpilot.devices import (
    DeviceKind,
    device_kind,
    device_kinds,
    ev,
    generator,
    grid_tie,
    load,
    renewable,
    shunt,
    storage,
    switch,
    tap_changer,
)  # fmt: skip
from gridpilot.testing.devices import check_device

PLANTS = renewable.parameters([{"p_max_mw": 50.0, "q_per_p": 0.3}, {"p_max_mw": 150.0, "s_max_mva": 150.0, "q_per_p": -1.0}])
PARAMETERS: dict[str, Any] = {
    "generator": generator.parameters(
        [
            {"p_min_mw": 30.0, "p_max_mw": 100.0, "ramp_mw_per_min": 2.0, "min_up_h": 1.0, "min_down_h": 0.5, "initial_mw": 50.0,
             "cost_b": 20.0, "start_cost_usd": 100.0, "co2_t_per_mwh": 0.4},
            {"p_max_mw": 50.0, "curve": [(0.0, 0.0), (20.0, 100.0), (50.0, 500.0)]},
            {"p_min_mw": 10.0, "p_max_mw": 90.0, "is_slack": 1.0, "initial_mw": 20.0},
        ]
    ),
    "load": load.parameters([{"flexible_share": 0.2}, {"flexible_share": 1.0, "rebound_h": 0.5}, {}]),
    "storage": storage.parameters(
        [{"p_max_mw": 20.0, "energy_max_mwh": 40.0, "energy_min_mwh": 4.0}, {"p_max_mw": 50.0, "energy_max_mwh": 9.0}]
    ),
    "solar": PLANTS,
    "wind": PLANTS,
    "tap_changer": tap_changer.parameters([{}, {"position_min": -9.0, "position_max": 9.0, "step_ratio": 0.0125, "operation_s": 120.0}]),
    "shunt": shunt.parameters([{"position_max": 4.0, "step_mvar": 1.5}, {"position_max": 1.0, "step_mvar": -5.0, "initial_position": 1.0}]),
    "grid_tie": grid_tie.parameters([{"p_max_mw": 30.0, "sell_discount": 0.2, "contract_mw": 20.0}, {"p_max_mw": 5.0, "p_min_mw": 0.0}]),
    "switch": switch.parameters([{}, {"operations_life": 3.0, "rest_h": 0.5, "operations_per_day": 1.0, "initial_closed": 0.0}]),
    "ev": ev.parameters([{"p_max_mw": 0.011}, {"p_max_mw": 150.0, "missed_usd_per_mwh": 100.0}]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(device_kinds()))
def test_every_kind_keeps_its_promises(name: str) -> None:
    check_device(device_kind(name), PARAMETERS[name])


INVERTERS: dict[str, Any] = {
    "solar": renewable.parameters([{"p_max_mw": 50.0, "q_control": 1.0}, {"p_max_mw": 80.0, "q_per_p": 0.2}]),
    "storage": storage.parameters(
        [{"p_max_mw": 20.0, "energy_max_mwh": 40.0, "s_max_mva": 25.0, "q_control": 1.0},
         {"p_max_mw": 20.0, "energy_max_mwh": 40.0, "power_factor_min": 0.9, "q_control": 1.0},
         {"p_max_mw": 5.0, "energy_max_mwh": 9.0}]
    ),
    "generator": generator.parameters(
        [{"p_min_mw": 30.0, "p_max_mw": 100.0, "ramp_mw_per_min": 2.0, "min_up_h": 1.0, "initial_mw": 50.0, "start_h": 0.5, "stop_h": 0.25,
          "start_cost_usd": 100.0, "stop_cost_usd": 10.0},
         {"p_max_mw": 50.0, "holds_voltage": 0.0, "q_min_mvar": -10.0, "q_max_mvar": 20.0, "q_control": 1.0},
         {"p_min_mw": 5.0, "p_max_mw": 20.0, "start_h": 0.01}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(INVERTERS))
def test_kinds_keep_them_with_orders_for_reactive_power_and_times(name: str) -> None:
    check_device(device_kind(name), INVERTERS[name])


def test_one_device_alone_is_enough() -> None:
    check_device(device_kind("storage"), storage.parameters([{"p_max_mw": 5.0, "energy_max_mwh": 10.0}]))


# ----------------------------------------------------------------------------- a battery, broken in many ways

BATTERY = device_kind("storage")
Function = Callable[..., Any]


def broken(**functions: Function) -> DeviceKind:
    changes: dict[str, Any] = functions
    return replace(BATTERY, **changes)


def works_while_it_is_out(parameters: Any, state: Any, setpoint: Any, exogenous: Any, in_service: Any, dt_h: float) -> Any:
    proposed = BATTERY.inject(parameters, state, setpoint, exogenous, in_service, dt_h)
    return proposed._replace(p_mw=np.where(in_service, proposed.p_mw, setpoint))


def overruns_its_bounds(parameters: Any, state: Any, setpoint: Any, exogenous: Any, in_service: Any, dt_h: float) -> Any:
    proposed = BATTERY.inject(parameters, state, setpoint, exogenous, in_service, dt_h)
    return proposed._replace(p_mw=np.where(in_service, setpoint, 0.0))


def writes_into_its_order(parameters: Any, state: Any, setpoint: Any, *rest: Any) -> Any:
    proposed = BATTERY.inject(parameters, state, setpoint, *rest)
    setpoint[:] = proposed.p_mw
    return proposed


def returns_its_order(parameters: Any, state: Any, setpoint: Any, *rest: Any) -> Any:
    return BATTERY.inject(parameters, state, setpoint, *rest)._replace(q_mvar=setpoint)


def gives_nan(*arguments: Any) -> Any:
    proposed = BATTERY.inject(*arguments)
    return proposed._replace(q_mvar=proposed.q_mvar * np.nan)


def looks_at_its_neighbours(*arguments: Any) -> Any:
    proposed = BATTERY.inject(*arguments)
    return proposed._replace(p_mw=proposed.p_mw - proposed.p_mw.mean(axis=0) * 1e-12 * arguments[4])


@dataclass
class Remembers:
    """A function with a memory of its own."""

    calls: int = 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        proposed = BATTERY.inject(*arguments)
        return proposed._replace(q_mvar=proposed.q_mvar + self.calls * arguments[4])


def bounds_without_service(parameters: Any, state: Any, exogenous: Any, in_service: Any, dt_h: float) -> Any:
    return BATTERY.bounds(parameters, state, exogenous, np.ones_like(in_service), dt_h)


def bounds_upside_down(*arguments: Any) -> Any:
    low, high = BATTERY.bounds(*arguments)
    return high, low


def settles_negative(*arguments: Any) -> Any:
    state, outcome = BATTERY.settle(*arguments)
    return state, outcome._replace(co2_t=outcome.cost_usd * -1.0 - 1.0)


def curtails_from_nothing(*arguments: Any) -> Any:
    state, outcome = BATTERY.settle(*arguments)
    return state, outcome._replace(curtailed_mwh=outcome.curtailed_mwh + 1.0)


def never_serves(*arguments: Any) -> Any:
    state, outcome = BATTERY.settle(*arguments)
    return state, outcome._replace(demand_mwh=outcome.demand_mwh + 1.0, unserved_mwh=outcome.unserved_mwh + 1.0)


def settles_a_plain_tuple(*arguments: Any) -> Any:
    state, outcome = BATTERY.settle(*arguments)
    return tuple(state), outcome


def settles_single_precision(*arguments: Any) -> Any:
    state, outcome = BATTERY.settle(*arguments)
    return state._replace(energy_mwh=state.energy_mwh.astype(np.float32)), outcome


def values_the_whole_fleet(parameters: Any, state: Any) -> Any:
    return BATTERY.closing_value_mwh(parameters, state).sum(axis=1)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (broken(inject=works_while_it_is_out), "out of service exchanges nothing"),
        (broken(inject=overruns_its_bounds), "beyond `bounds`"),
        (broken(inject=writes_into_its_order), "writes into its arguments"),
        (broken(inject=returns_its_order), "return a copy"),
        (broken(inject=gives_nan), "NaN"),
        (broken(inject=looks_at_its_neighbours), "in a batch"),
        (broken(inject=Remembers()), "called again"),
        (broken(bounds=bounds_without_service), "can follow 0 only"),
        (broken(bounds=bounds_upside_down), "must not be above the highest"),
        (broken(settle=settles_negative), "co2_t must not be negative"),
        (broken(settle=curtails_from_nothing), "curtailed_mwh must not be above available_mwh"),
        (broken(settle=never_serves), "nothing is unserved"),
        (broken(settle=settles_a_plain_tuple), "must return a State"),
        (broken(settle=settles_single_precision), "float64 or bool, found float32"),
        (broken(closing_value_mwh=values_the_whole_fleet), "must have the shape"),
        (broken(initial_setpoint=lambda parameters: np.zeros(7)), "must have the shape"),
        (broken(initial_state=lambda parameters, batch: (1.0, 2.0)), "must return a State"),
    ],
)
def test_a_broken_kind_is_told_so(kind: DeviceKind, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_device(kind, PARAMETERS["storage"])


def test_fields_must_be_a_named_tuple() -> None:
    @dataclass
    class Fields:
        energy_mwh: float

    with pytest.raises(AssertionError, match="NamedTuple"):
        check_device(replace(BATTERY, state=Fields), PARAMETERS["storage"])


def test_parameters_must_be_those_of_the_kind_with_one_entry_per_device() -> None:
    class Other(NamedTuple):
        p_max_mw: Any

    with pytest.raises(AssertionError, match="need Parameters, found Other"):
        check_device(BATTERY, Other(np.zeros(2)))
    with pytest.raises(AssertionError, match="one entry per device"):
        check_device(BATTERY, PARAMETERS["storage"]._replace(p_max_mw=np.ones(3)))
