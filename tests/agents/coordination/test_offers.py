"""At any price a device does what earns it most, by the books of the device itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.agents.coordination.offers import Offer, answer, ev, join, make_offer, offer_kind, offer_kinds
from gridpilot.devices import device_kind, generator, load, renewable, storage
from gridpilot.devices.device import DeviceKind
from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.values import Floats

PRICES = st.floats(-80.0, 300.0)
CYCLES = st.sampled_from([1 / 12, 0.25, 1.0])
numbers = st.floats


def offered(kind: str, parameters: Any, state: Any, terms: dict[str, float], exogenous: Floats, dt_h: float) -> Offer:
    """The offer of one device."""
    device, maker = device_kind(kind), offer_kind(kind)
    low, high = device.bounds(parameters, state, exogenous, np.ones((1, 1), dtype=np.bool_), dt_h)
    return maker.make(parameters, state, maker.from_rows([terms]), exogenous, low, high, dt_h)


def booked(kind: DeviceKind, parameters: Any, state: Any, setpoint: float, exogenous: Floats, dt_h: float) -> tuple[float, float, Any]:
    """Energy to the grid, cost and next state, as the device books a step."""
    on, order = np.ones((1, 1), dtype=np.bool_), np.array([[setpoint]])
    p = kind.inject(parameters, state, order, exogenous, on, dt_h).p_mw
    after, outcome = kind.settle(parameters, state, order, exogenous, on, p, dt_h)
    return float(p[0, 0]) * dt_h, float(outcome.cost_usd[0, 0]), after


def choices(offer: Offer) -> list[float]:
    """Setpoints over the whole range, the rest among them."""
    low, high = float(offer.low_mw[0, 0]), float(offer.high_mw[0, 0])
    return [*np.linspace(low, high, 21).tolist(), min(max(0.0, low), high)]


def best(price: float, offer: Offer) -> float:
    return float(answer(np.array([[price]]), offer)[0, 0])


NONE = np.zeros((1, 0))


@given(numbers(0.0, 60.0), numbers(-5.0, 80.0), numbers(0.0, 0.9), PRICES, CYCLES)
def test_a_generator_produces_where_marginal_cost_is_the_price(a: float, b: float, initial: float, price: float, dt_h: float) -> None:
    unit = {"p_max_mw": 0.9, "cost_a": a, "cost_b": b, "cost_c": 0.5, "initial_mw": initial, "ramp_mw_per_min": 0.03}
    parameters = generator.parameters([unit])
    state = generator.initial_state(parameters, 1)._replace(on=np.ones((1, 1), dtype=np.bool_))
    offer = offered("generator", parameters, state, {}, NONE, dt_h)
    assert offer.high_mw[0, 0] <= initial + 0.03 * 60.0 * dt_h + 1e-12

    def profit(p_mw: float) -> float:
        sold, cost, _ = booked(generator.KIND, parameters, state, p_mw, NONE, dt_h)
        return price * sold - cost

    chosen = best(price, offer)
    assert all(profit(chosen) >= profit(p) - 1e-9 for p in choices(offer))
    inside = offer.low_mw[0, 0] < chosen < offer.high_mw[0, 0]
    if inside and chosen > 0.0:
        assert b + 2.0 * a * chosen == pytest.approx(price, abs=1e-9)


STORES = st.fixed_dictionaries(
    {
        "p_max_mw": numbers(0.1, 2.0), "energy_max_mwh": numbers(0.5, 4.0), "charge_efficiency": numbers(0.6, 1.0),
        "discharge_efficiency": numbers(0.6, 1.0), "self_discharge_per_h": st.just(0.0), "wear_usd_per_mwh": numbers(0.0, 30.0),
    }
)  # fmt: skip


@given(STORES, numbers(0.0, 150.0), numbers(0.0, 1.0), PRICES, CYCLES)
def test_storage_earns_most_by_its_own_value_of_energy(
    unit: dict[str, float], value: float, full: float, price: float, dt_h: float
) -> None:
    parameters = storage.parameters([unit])
    state = storage.initial_state(parameters, 1)._replace(energy_mwh=np.array([[full * unit["energy_max_mwh"]]]))
    offer = offered("storage", parameters, state, {"value_usd_per_mwh": value}, NONE, dt_h)

    def profit(p_mw: float) -> float:
        sold, wear, after = booked(storage.KIND, parameters, state, p_mw, NONE, dt_h)
        return price * sold - wear + value * float(after.energy_mwh[0, 0] - state.energy_mwh[0, 0])

    chosen = best(price, offer)
    assert all(profit(chosen) >= profit(p) - 1e-7 for p in choices(offer))


@given(numbers(0.0, 1.0), numbers(0.0, 60.0), numbers(-20.0, 120.0), numbers(0.0, 5.0), PRICES, CYCLES)
def test_a_flexible_load_moves_what_the_difference_of_prices_pays(
    share: float, paid: float, usual: float, demand: float, price: float, dt_h: float
) -> None:
    parameters = load.parameters([{"flexible_share": share, "shaping_usd_per_mwh": paid}])
    state, series = load.initial_state(parameters, 1), np.array([[demand, 0.0]])
    offer = offered("load", parameters, state, {"usual_usd_per_mwh": usual}, series, dt_h)

    def profit(shaping_mw: float) -> float:
        sold, cost, after = booked(load.KIND, parameters, state, shaping_mw, series, dt_h)
        return price * sold - cost - usual * float(after.owed_mwh[0, 0])

    chosen = best(price, offer)
    assert all(profit(chosen) >= profit(p) - 1e-9 for p in choices(offer))


@pytest.mark.parametrize("kind", ["solar", "wind"])
@pytest.mark.parametrize(("price", "limit"), [(5.1, 2.0), (5.0, 2.0), (4.9, 0.0), (-30.0, 0.0)])
def test_a_renewable_is_curtailed_only_below_its_marginal_cost(kind: str, price: float, limit: float) -> None:
    parameters = renewable.parameters([{"p_max_mw": 2.0}])
    offer = offered(kind, parameters, renewable.initial_state(parameters, 1), {"marginal_usd_per_mwh": 5.0}, np.array([[1.0]]), 1.0)
    assert best(price, offer) == limit


class Points(NamedTuple):
    p_max_mw: Floats
    charge_efficiency: Floats


class Sessions(NamedTuple):
    needed_mwh: Floats
    left_h: Floats


def charging(points: Points, needed_mwh: float, left_h: float, low_mw: float, high_mw: float, dt_h: float) -> Offer:
    """The offer of one point whose driver pays up to 50 USD/MWh, and feeds back above 200."""
    terms = ev.terms([{"willing_usd_per_mwh": 50.0, "give_back_usd_per_mwh": 200.0}])
    here = Sessions(np.array([[needed_mwh]]), np.array([[left_h]]))
    return ev.make(points, here, terms, np.zeros((1, 2)), np.array([[low_mw]]), np.array([[high_mw]]), dt_h)


@given(numbers(0.0, 40.0), numbers(0.1, 24.0), numbers(1.0, 22.0), numbers(0.7, 1.0), CYCLES)
def test_a_car_that_finds_every_price_too_high_still_leaves_charged(
    need: float, hours: float, p_max: float, efficiency: float, dt_h: float
) -> None:
    """And not a step earlier than it must."""
    points = Points(np.array([p_max]), np.array([efficiency]))
    steps, most = max(int(hours / dt_h), 1), dt_h * p_max * efficiency
    need = min(need, steps * most)
    left, taken = need, []
    for step in range(steps):
        chosen = -best(1000.0, charging(points, left, (steps - step) * dt_h, -min(p_max, left / efficiency / dt_h), 0.0, dt_h))
        assert 0.0 <= chosen <= p_max
        taken.append(chosen)
        left = max(left - chosen * dt_h * efficiency, 0.0)
    assert left == pytest.approx(0.0, abs=1e-8)
    waited = int(steps - need / most - 1e-6)
    assert not any(taken[:waited])


@pytest.mark.parametrize(("price", "waiting_mw", "pressed_mw"), [(40.0, -11.0, -11.0), (60.0, 0.0, -4.0), (250.0, 11.0, -4.0)])
def test_a_car_charges_at_a_good_price_and_feeds_back_where_it_can_wait(price: float, waiting_mw: float, pressed_mw: float) -> None:
    points = Points(np.array([11.0]), np.array([1.0]))
    assert best(price, charging(points, 15.0, 9.0, -11.0, 11.0, 1.0)) == waiting_mw
    assert best(price, charging(points, 15.0, 2.0, -11.0, 11.0, 1.0)) == pressed_mw


def test_a_car_that_has_just_come_is_asked_what_it_needs() -> None:
    points, empty = Points(np.array([11.0]), np.array([1.0])), Sessions(np.zeros((1, 1)), np.zeros((1, 1)))
    terms = ev.terms([{"willing_usd_per_mwh": 50.0}])
    offer = ev.make(points, empty, terms, np.array([[15.0, 2.0]]), np.array([[-11.0]]), np.zeros((1, 1)), 1.0)
    assert best(100.0, offer) == -4.0


def test_offers_join_in_order() -> None:
    one = make_offer(np.zeros((2, 1)), np.ones((2, 1)), sell_above_usd_per_mwh=10.0)
    two = make_offer(np.zeros((2, 2)), np.full((2, 2), 5.0), sell_above_usd_per_mwh=[20.0, 30.0])
    both = join([one, two])
    assert answer(np.full((2, 3), 25.0), both).tolist() == [[1.0, 5.0, 0.0]] * 2


def test_offers_are_found_by_the_kind_and_an_unknown_one_is_answered_with_the_valid_ones() -> None:
    assert set(offer_kinds()) == {"ev", "generator", "load", "solar", "storage", "wind"}
    with pytest.raises(UnknownNameError, match="ev, generator, load, solar, storage, wind"):
        offer_kind("tram")


def test_costs_without_an_answer_are_refused_and_named() -> None:
    parameters = generator.parameters(
        [{"p_max_mw": 5.0}, {"p_max_mw": 5.0, "curve": [(0.0, 0.0), (5.0, 50.0)]}, {"p_max_mw": 5.0, "cost_a": -1.0}]
    )
    state, limits = generator.initial_state(parameters, 1), np.zeros((1, 3))
    maker = offer_kind("generator")
    with pytest.raises(ConfigError, match=r"unit 1: has a piecewise-linear cost(.|\n)*unit 2: has cost_a -1"):
        maker.make(parameters, state, maker.from_rows([{}, {}, {}]), NONE, limits, limits, 1.0)


def test_offers_that_contradict_themselves_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError, match=r"low_mw, high_mw: must be finite and rise; device 1 (.|\n)*not cross; device 0 (.|\n)*slope"):
        make_offer(
            np.array([[0.0, 3.0]]),
            np.array([[1.0, 2.0]]),
            buy_below_usd_per_mwh=[9.0, 0.0],
            sell_above_usd_per_mwh=[8.0, 0.0],
            slope_usd_per_mw2h=[0.0, -1.0],
        )
    with pytest.raises(ConfigError, match="rest_mw: must be finite; device 0"):
        make_offer(np.zeros((1, 1)), np.ones((1, 1)), rest_mw=np.nan)


def test_terms_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"value_usd_per_mwh: must be a number, found nothing"):
        offer_kind("storage").from_rows([{}])
    with pytest.raises(ConfigError, match=r"value_usd_per_mwh: must be in 0 … inf, found -1"):
        offer_kind("storage").from_rows([{"value_usd_per_mwh": -1.0}])
