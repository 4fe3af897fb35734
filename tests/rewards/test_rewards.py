"""Seven terms: each is zero when all is well, falls when its trouble grows, and does not depend on the cycle."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridpilot.rewards
from gridpilot.errors import ConfigError
from gridpilot.rewards import Facts, evaluate_terms, reward_terms, weights
from gridpilot.rewards.congestion import TRIPPED_AS
from gridpilot.rewards.voltage import DEAD_AS
from gridpilot.scenarios import ProtectionSettings, load_scenario, scenario_titles
from gridpilot.values import REWARD_TERMS, Floats

BATCH, BRANCHES, BUSES = 3, 4, 5
TERMS = pytest.mark.parametrize("name", REWARD_TERMS)


def calm(dt_h: float = 0.25, batch: int = BATCH) -> Facts:
    """A step in which nothing is wrong, at no cost."""
    nothing = np.zeros(batch)
    return Facts(
        loading=np.full((batch, BRANCHES), 0.6),
        tripped=np.zeros((batch, BRANCHES), dtype=np.bool_),
        v_pu=np.ones((batch, BUSES)),
        energised=np.ones((batch, BUSES), dtype=np.bool_),
        active=np.ones((batch, BUSES), dtype=np.bool_),
        v_min_pu=np.full(BUSES, 0.95),
        v_max_pu=np.full(BUSES, 1.05),
        demand_mwh=np.full(batch, 340.0 * dt_h),
        unserved_mwh=nothing,
        available_mwh=np.full(batch, 100.0 * dt_h),
        curtailed_mwh=nothing,
        slack_deviation_mwh=nothing,
        cost_usd=nothing,
        co2_t=nothing,
        price_usd_per_mwh=50.0,
        dt_h=dt_h,
    )


def term(name: str, facts: Facts) -> Floats:
    return evaluate_terms(facts)[:, REWARD_TERMS.index(name)]


# ------------------------------------------------------------------------------- what makes each term worse

TROUBLES: dict[str, Callable[[Facts, float], Facts]] = {
    "congestion": lambda facts, size: facts._replace(loading=facts.loading + 0.4 + size),
    "voltage": lambda facts, size: facts._replace(v_pu=facts.v_pu - 0.05 - size / 10),
    "curtailment": lambda facts, size: facts._replace(curtailed_mwh=facts.curtailed_mwh + 100.0 * size * facts.dt_h),
    "imbalance": lambda facts, size: facts._replace(slack_deviation_mwh=facts.slack_deviation_mwh + 100.0 * size * facts.dt_h),
    "cost": lambda facts, size: facts._replace(cost_usd=facts.cost_usd + 5000.0 * size * facts.dt_h),
    "emissions": lambda facts, size: facts._replace(co2_t=facts.co2_t + 100.0 * size * facts.dt_h),
    "reliability": lambda facts, size: facts._replace(unserved_mwh=facts.unserved_mwh + 100.0 * size * facts.dt_h),
}
"""Per term a step in which its trouble is of a size ≥ 0, at the edge of what is allowed for 0."""


@TERMS
@given(size=st.floats(0.0, 1.0), more=st.floats(0.01, 1.0), dt_h=st.sampled_from([1 / 12, 0.25, 1.0]))
def test_a_term_is_never_positive_and_falls_with_its_own_trouble(name: str, size: float, more: float, dt_h: float) -> None:
    smaller, larger = (evaluate_terms(TROUBLES[name](calm(dt_h), s)) for s in (size, size + more))
    mine = REWARD_TERMS.index(name)
    assert (smaller <= 0.0).all()
    assert (larger[:, mine] < smaller[:, mine]).all()
    assert (np.delete(larger, mine, axis=1) == np.delete(smaller, mine, axis=1)).all(), "another term moved"


@TERMS
def test_a_term_is_zero_at_the_edge_of_what_is_allowed(name: str) -> None:
    assert term(name, TROUBLES[name](calm(), 0.0)) == pytest.approx(0.0, abs=1e-12)


@TERMS
@given(size=st.floats(0.0, 2.0))
def test_the_sum_of_an_hour_does_not_depend_on_the_cycle(name: str, size: float) -> None:
    sums = [cycles * term(name, TROUBLES[name](calm(1 / cycles), size))[0] for cycles in (1, 4, 12, 60)]
    assert sums == pytest.approx([sums[0]] * 4)


def test_an_element_does_not_see_its_neighbours() -> None:
    facts = calm()
    for name in REWARD_TERMS:
        facts = TROUBLES[name](facts, 0.7)
    changed = facts.loading.copy()
    changed[1] += 3.0
    moved = evaluate_terms(facts._replace(loading=changed)) != evaluate_terms(facts)
    assert moved.any(axis=1).tolist() == [False, True, False]


# ------------------------------------------------------------------------------------------------- the formulas


def random_facts(seed: int) -> Facts:
    draw = np.random.default_rng(seed)
    grid: dict[str, Any] = {
        "loading": draw.uniform(0.0, 2.0, (BATCH, BRANCHES)),
        "tripped": draw.random((BATCH, BRANCHES)) < 0.2,
        "v_pu": draw.uniform(0.8, 1.2, (BATCH, BUSES)),
        "energised": draw.random((BATCH, BUSES)) < 0.8,
        "v_min_pu": draw.uniform(0.9, 0.97, BUSES),
    }
    active = grid["energised"] | (draw.random((BATCH, BUSES)) < 0.5)
    sums = ("demand_mwh", "unserved_mwh", "curtailed_mwh", "slack_deviation_mwh", "cost_usd", "co2_t")
    amounts: dict[str, Any] = {field: draw.uniform(0.0, 90.0, BATCH) for field in sums}
    return calm()._replace(**grid, active=active, **amounts)


def documented(f: Facts) -> dict[str, Any]:
    """The formulas in the words of the terms, on whole arrays."""
    dead = f.active & ~f.energised
    outside = np.maximum(np.maximum(f.v_min_pu - f.v_pu, f.v_pu - f.v_max_pu), 0.0)
    return {
        "congestion": np.where(f.tripped, 0.5, np.clip(f.loading - 1.0, 0.0, None)).sum(axis=1),
        "voltage": (np.where(f.energised, outside, 0.0) + 0.15 * dead).sum(axis=1) / 0.05,
        "curtailment": f.curtailed_mwh / f.demand_mwh,
        "imbalance": f.slack_deviation_mwh / f.demand_mwh,
        "cost": f.cost_usd / (f.price_usd_per_mwh * f.demand_mwh),
        "emissions": f.co2_t / f.demand_mwh,
        "reliability": 10.0 * f.unserved_mwh / f.demand_mwh + dead.sum(axis=1) / f.active.sum(axis=1),
    }


@given(st.integers(0, 10_000))
def test_terms_are_what_their_formulas_say(seed: int) -> None:
    facts = random_facts(seed)
    for name, size in documented(facts).items():
        assert term(name, facts) == pytest.approx(-size * facts.dt_h), name


@TERMS
def test_every_term_alone_is_its_column(name: str) -> None:
    facts = random_facts(1)
    assert (reward_terms()[name].evaluate(facts) == term(name, facts)).all()


def test_a_grid_without_demand_has_nothing_to_compare_with() -> None:
    facts = calm()._replace(demand_mwh=np.zeros(BATCH), cost_usd=np.full(BATCH, 9.0), curtailed_mwh=np.ones(BATCH), co2_t=np.ones(BATCH))
    assert not evaluate_terms(facts).any()


def test_a_bus_that_is_not_built_is_neither_dead_nor_out_of_band() -> None:
    facts = calm()
    unbuilt = np.ones((BATCH, BUSES), dtype=np.bool_)
    unbuilt[:, 2] = False
    facts = facts._replace(active=unbuilt, energised=unbuilt, v_pu=np.where(unbuilt, 1.0, 0.0))
    assert not evaluate_terms(facts).any()


# ------------------------------------------------------------------------------- no term is won by letting go


def test_a_trip_is_never_cheaper_than_the_overload_that_relays_tolerate() -> None:
    limit = ProtectionSettings().hard_limit
    facts = calm()
    loaded, opened = facts.loading.copy(), facts.tripped.copy()
    loaded[:, 0], opened[:, 0] = limit, True
    kept = term("congestion", facts._replace(loading=loaded))
    tripped = term("congestion", facts._replace(tripped=opened))
    assert (tripped <= kept).all()


UNDER_VOLTAGE_RELAY_PU = 0.80


def test_a_dead_bus_is_never_cheaper_than_the_lowest_voltage_that_load_is_kept_at() -> None:
    facts = calm()
    low, dark = facts.v_pu.copy(), facts.energised.copy()
    low[:, 0], dark[:, 0] = UNDER_VOLTAGE_RELAY_PU, False
    kept = evaluate_terms(facts._replace(v_pu=low)) @ weights()
    lost = evaluate_terms(facts._replace(energised=dark)) @ weights()
    assert (lost < kept).all()


@pytest.mark.parametrize("scenario", sorted(scenario_titles()))
def test_both_hold_with_the_settings_of_every_scenario(scenario: str) -> None:
    built = load_scenario(scenario)
    assert built.protection.hard_limit - 1.0 <= TRIPPED_AS
    assert built.network.bus_v_min_pu.max() - UNDER_VOLTAGE_RELAY_PU <= DEAD_AS + 1e-12


def test_ten_megawatts_unserved_outweigh_what_serving_them_costs() -> None:
    share = 10.0 / 340.0
    lost = calm()._replace(unserved_mwh=np.full(BATCH, 2.5))
    served = calm()._replace(cost_usd=np.full(BATCH, 2.5 * 500.0), co2_t=np.full(BATCH, 2.5 * 1.1))
    assert (evaluate_terms(lost) @ weights() < evaluate_terms(served) @ weights()).all()
    assert term("reliability", lost) == pytest.approx(-10.0 * share * 0.25)


# ---------------------------------------------------------------------------------------------- the register


def test_terms_are_in_the_order_of_the_values_and_none_is_missing() -> None:
    assert tuple(reward_terms()) == REWARD_TERMS
    assert [made.name for made in reward_terms().values()] == list(REWARD_TERMS)
    folder = Path(gridpilot.rewards.__file__).parent
    holds_a_term = {path.stem for path in folder.glob("*.py") if "\nTERM = " in path.read_text(encoding="utf-8")}
    assert holds_a_term == set(REWARD_TERMS)


@TERMS
def test_every_term_says_its_formula_and_unit(name: str) -> None:
    made = reward_terms()[name]
    assert made.unit
    assert "dt" in made.formula
    assert made.formula.startswith("−")
    source = ast.parse(Path(gridpilot.rewards.__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(source)


def test_constants_in_formulas_are_those_of_the_code() -> None:
    assert f"{TRIPPED_AS:g}" in reward_terms()["congestion"].formula
    assert f"{DEAD_AS:g} pu" in reward_terms()["voltage"].formula


# ---------------------------------------------------------------------------------------------------- weights


def test_weights_are_in_the_order_of_the_terms() -> None:
    assert weights().tolist() == [5.0, 3.0, 2.0, 4.0, 0.5, 1.0, 10.0]
    assert weights({"voltage": 0, "cost": 2.5}).tolist() == [5.0, 0.0, 2.0, 4.0, 2.5, 1.0, 10.0]


def test_every_weight_that_cannot_be_used_is_told() -> None:
    wrong: dict[str, Any] = {"voltag": 1.0, "voltage": -1.0, "cost": np.nan, "emissions": np.inf, "reliability": "much", "imbalance": None}
    with pytest.raises(ConfigError) as caught:
        weights(wrong)
    assert {problem.where for problem in caught.value.problems} == set(wrong)
    assert "valid: congestion" in str(caught.value)
