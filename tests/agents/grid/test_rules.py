"""The rules of a grid agent: engines hold the voltage, batteries follow the price, and nothing leaves its range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.agents.grid.rules import GridRules
from gridpilot.errors import ConfigError

RANGES = {"DG": (0.0, 0.6), "ESS": (-0.5, 0.4), "PV": (0.0, 0.1)}


def seen(v_pu: float = 1.0, price: float = 42.0, ordered_mw: float = 0.3) -> dict[str, float]:
    return {
        "bus.A.v_pu": v_pu,
        "bus.B.v_pu": v_pu + 0.01,
        "now.TIE.price_usd_per_mwh": price,
        "generator.DG.order_mw": ordered_mw,
        "storage.ESS.order_mw": 0.0,
        "solar.PV.order_mw": 0.05,
    }


@given(v_pu=st.floats(0.0, 1.5), price=st.floats(-500.0, 500.0), ordered_mw=st.floats(0.0, 0.6))
def test_every_setpoint_is_inside_its_range(v_pu: float, price: float, ordered_mw: float) -> None:
    decided = GridRules().decide(seen(v_pu, price, ordered_mw), RANGES)
    assert decided.keys() == RANGES.keys()
    assert all(low <= decided[device] <= high for device, (low, high) in RANGES.items())


def test_an_engine_goes_up_while_the_lowest_voltage_is_low_and_stays_where_it_is_right() -> None:
    rules = GridRules(v_aim_pu=0.97)
    low, right, high = (rules.decide(seen(v_pu), RANGES)["DG"] for v_pu in (0.96, 0.97, 0.98))
    assert right == 0.3
    assert low - right == pytest.approx(rules.gain_per_pu * 0.01 * 0.6)
    assert right - high == pytest.approx(rules.gain_per_pu * 0.01 * 0.6)


def test_an_engine_settles_at_the_voltage_it_aims_at() -> None:
    """On a feeder whose voltage rises by 0.1 pu with full power, step after step."""
    rules, ordered_mw = GridRules(), 0.0
    for _ in range(60):
        ordered_mw = rules.decide(seen(0.93 + 0.1 * ordered_mw / 0.6, ordered_mw=ordered_mw), RANGES)["DG"]
    assert 0.93 + 0.1 * ordered_mw / 0.6 == pytest.approx(rules.v_aim_pu, abs=1e-6)


def test_a_battery_sells_dear_and_buys_cheap() -> None:
    rules = GridRules(usual_usd_per_mwh=40.0, reach_usd_per_mwh=20.0)
    powers = [rules.decide(seen(price=price), RANGES)["ESS"] for price in (0.0, 30.0, 40.0, 50.0, 90.0)]
    assert powers == pytest.approx([-0.5, -0.25, 0.0, 0.2, 0.4])


def test_a_battery_does_not_charge_where_the_voltage_is_low() -> None:
    rules = GridRules()
    assert rules.decide(seen(0.97, price=0.0), RANGES)["ESS"] == 0.0
    assert rules.decide(seen(0.97, price=90.0), RANGES)["ESS"] > 0.0


def test_the_sun_is_taken_as_it_comes() -> None:
    assert GridRules().decide(seen(), RANGES)["PV"] == 0.1


@pytest.mark.parametrize("lost", ["bus.", "now."])
def test_a_sight_without_voltage_or_price_is_refused(lost: str) -> None:
    with pytest.raises(ConfigError, match="voltage and the price"):
        GridRules().decide({name: value for name, value in seen().items() if not name.startswith(lost)}, RANGES)


def test_all_settings_out_of_range_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"gain_per_pu(.|\n)*reach_usd_per_mwh"):
        GridRules(gain_per_pu=0.0, reach_usd_per_mwh=-1.0)
