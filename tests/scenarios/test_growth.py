"""Growth: what is new is appended, comes into service when it was said, and obeys the same physics."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpilot.errors import ConfigError
from gridpilot.network import Network, make_network
from gridpilot.profiles import load_profiles
from gridpilot.scenarios import Scenario, load_scenario
from gridpilot.scenarios.growth import GrowthPlan, with_growth
from gridpilot.twin.twin import Twin, make_twin
from gridpilot.values import GridState, Transition

SEEDS = st.integers(0, 2**31)


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load_scenario("six_bus")


def ends(network: Network) -> list[frozenset[str]]:
    """The buses that every branch connects, by name."""
    names = network.bus_name
    return [frozenset((names[a], names[b])) for a, b in zip(network.branch_from, network.branch_to, strict=True)]


def same_beginning(short: Scenario, long: Scenario) -> None:
    """Asserts that `long` is `short` with something appended, in every column."""
    for field in fields(Network):
        old, new = getattr(short.network, field.name), getattr(long.network, field.name)
        if isinstance(old, tuple):
            assert new[: len(old)] == old
        elif isinstance(old, np.ndarray):
            np.testing.assert_array_equal(new[: len(old)], old)
    for kind, table in short.tables.items():
        grown = long.tables[kind]
        assert grown.name[: len(table)] == table.name
        np.testing.assert_array_equal(grown.bus[: len(table)], table.bus)
        for field_name, values in table.parameters._asdict().items():
            np.testing.assert_array_equal(getattr(grown.parameters, field_name)[: len(table)], values)
    for name, source in short.sources.items():
        assert {driver: long.sources[name].columns[driver] for driver in source.columns} == dict(source.columns)
    assert {name: long.demand_peak_mw[name] for name in short.demand_peak_mw} == dict(short.demand_peak_mw)
    assert long.bus_from_h[: len(short.bus_from_h)] == short.bus_from_h
    assert long.branch_from_h[: len(short.branch_from_h)] == short.branch_from_h


# --------------------------------------------------------------------------------------------------- the plan


@given(seed=SEEDS, count=st.integers(1, 7))
@settings(max_examples=25)
def test_more_growth_begins_with_less_growth(base: Scenario, seed: int, count: int) -> None:
    less, more = (with_growth(base, seed, GrowthPlan(count=k)) for k in (count, count + 1))
    same_beginning(less, more)
    assert more.network.n_bus == less.network.n_bus + 1


@given(seed=SEEDS)
@settings(max_examples=25)
def test_what_was_there_keeps_its_place_and_its_name(base: Scenario, seed: int) -> None:
    grown = with_growth(base, seed)
    same_beginning(base, grown)
    n, m = base.network.n_bus, base.network.n_branch
    assert grown.bus_from_h == (0.0,) * n + (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0)
    assert set(grown.branch_from_h[:m]) == {0.0}


@given(seed=SEEDS)
@settings(max_examples=25)
def test_a_line_is_never_there_before_its_buses(base: Scenario, seed: int) -> None:
    grown = with_growth(base, seed)
    since = dict(zip(grown.network.bus_name, grown.bus_from_h, strict=True))
    for branch, begins_h in zip(ends(grown.network), grown.branch_from_h, strict=True):
        assert max(since[bus] for bus in branch) == begins_h


@given(seed=SEEDS)
@settings(max_examples=25)
def test_every_second_bus_has_two_lines_and_no_line_is_doubled(base: Scenario, seed: int) -> None:
    grown = with_growth(base, seed)
    new = ends(grown.network)[base.network.n_branch :]
    assert len(set(new)) == len(new) == 12
    for number, bus in enumerate(grown.network.bus_name[base.network.n_bus :], start=1):
        own = [name for name in grown.network.branch_name if name in (f"LN-G{number}", f"LN-G{number}B")]
        assert len(own) == (2 if number % 2 == 0 else 1)
        assert all(bus in ends(grown.network)[grown.network.branch(name)] for name in own)


@given(seed=SEEDS)
@settings(max_examples=25)
def test_growth_is_moderate(base: Scenario, seed: int) -> None:
    peak = sum(base.demand_peak_mw.values())
    added = sum(with_growth(base, seed).demand_peak_mw.values()) - peak
    assert 0.08 * peak <= added <= 0.16 * peak


def test_new_parts_are_sized_like_the_old_grid(base: Scenario) -> None:
    grown = with_growth(base, 5).network
    old, new = slice(0, base.network.n_branch), slice(base.network.n_branch, None)
    assert (grown.x_pu[new] <= np.median(grown.x_pu[old])).all()
    assert (grown.x_pu[new] >= 0.5 * np.median(grown.x_pu[old])).all()
    np.testing.assert_allclose(grown.r_pu[new] / grown.x_pu[new], np.median(grown.r_pu[old]) / np.median(grown.x_pu[old]))
    assert (grown.rating_mva[new] == np.median(grown.rating_mva[old])).all()
    places = grown.bus_xy[:, None] - grown.bus_xy[None, :]
    apart = np.linalg.norm(places, axis=2) + 9 * np.eye(grown.n_bus)
    assert apart.min() > 0.2, "two buses stand on one spot of the schematic"


def test_a_seed_is_a_grid(base: Scenario) -> None:
    first, again, other = (with_growth(base, seed) for seed in (7, 7, 8))
    same_beginning(first, again)
    assert first.network.n_bus == again.network.n_bus
    assert not np.array_equal(first.network.x_pu, other.network.x_pu)
    assert load_scenario("six-bus", growth=True, seed=7).demand_peak_mw == first.demand_peak_mw


def test_new_loads_and_plants_follow_old_ones_in_every_source(base: Scenario) -> None:
    grown = with_growth(base, 1)
    for name, source in grown.sources.items():
        old = dict(base.sources[name].columns.values())
        assert {column for column, _ in source.columns.values()} <= set(old)
        assert set(source.columns) == set(grown.drivers())
    plants = [name for name in grown.tables["solar"].name if name not in base.tables["solar"].name]
    assert [name.partition("-")[0] for name in plants] == ["G2", "G4", "G6", "G8"]


def test_a_voltage_level_is_not_bridged(base: Scenario) -> None:
    """A second line around a transformer would close a loop of unequal ratios."""
    high, low = {"kv": 220.0}, {"kv": 20.0}
    line = {"r_pu": 0.01, "x_pu": 0.1, "rating_mva": 100.0}
    grid = make_network(
        "two_levels",
        base_mva=100.0,
        buses=[{"name": f"B{k}", **(high if k < 3 else low)} for k in range(6)],
        branches=[
            {"name": "A", "a": "B0", "b": "B1", **line},
            {"name": "B", "a": "B1", "b": "B2", **line},
            {"name": "T", "a": "B2", "b": "B3", **line, "transformer": True, "shift_deg": 150.0},
            {"name": "C", "a": "B3", "b": "B4", **line},
            {"name": "D", "a": "B4", "b": "B5", **line},
        ],
    )
    for seed in range(20):
        grown = with_growth(replace(base, network=grid, switchable=()), seed).network
        kv = dict(zip(grown.bus_name, grown.bus_kv, strict=True))
        assert all(len({kv[bus] for bus in pair}) == 1 for pair in ends(grown)[5:])


def test_a_wrong_plan_lists_all_that_is_wrong(base: Scenario) -> None:
    with pytest.raises(ConfigError) as error:
        GrowthPlan(every_h=0.0, count=0, load_share=(0.2, 0.1), plant_share=float("nan"), line_length=(0.0, 1.0))
    assert [problem.where for problem in error.value.problems] == ["every_h", "count", "load_share", "plant_share", "line_length"]
    with pytest.raises(ConfigError, match="end at 26 h, after the episode of 24 h"):
        with_growth(base, 0, GrowthPlan(count=13))
    with pytest.raises(ConfigError, match="grows already"):
        with_growth(with_growth(base, 0), 0)
    with pytest.raises(ConfigError, match="no load whose profile"):
        with_growth(replace(base, demand_peak_mw={}), 0)


# ---------------------------------------------------------------------------------------------------- a day of it


@pytest.fixture(scope="module")
def twin(base: Scenario) -> Twin:
    return make_twin(with_growth(base, 4), start="2016-07-04", seeds=(4, 5))


@pytest.fixture(scope="module")
def day(twin: Twin) -> list[Transition]:
    """24 h without orders."""
    state, moves = twin.first(), []
    for _ in range(twin.world.end_step):
        moves.append(twin.step(state, state.setpoints))
        state = moves[-1].state
    return moves


def test_the_power_balances_in_every_step(day: list[Transition]) -> None:
    assert len(day) == 288
    assert max(float(moved.outcomes.balance_mw.max()) for moved in day) <= 1e-6


def test_nothing_is_ever_not_a_number(day: list[Transition]) -> None:
    for moved in day:
        flow = moved.state.flow
        for values in (moved.reward, moved.reward_terms, flow.v_pu, flow.p_from_mw, flow.loading, flow.p_bus_mw, moved.state.exogenous):
            assert np.isfinite(values).all()


def test_a_bus_is_built_when_it_was_said(twin: Twin, day: list[Transition]) -> None:
    """At its hour it has voltage and demand; before it neither, nor any flow."""
    scenario = twin.model.scenario
    loads, start = scenario.tables["load"], twin.model.columns["load"].start
    for k, name in enumerate(loads.name):
        begins = round(scenario.bus_from_h[loads.bus[k]] * 12)
        for moved in day:
            built, state = int(moved.state.step[0]) >= begins, moved.state
            assert (state.bus_active[:, loads.bus[k]] == built).all()
            if not built:
                assert not state.exogenous[:, start + k].any(), f"{name} draws power before it is built"
                assert not state.flow.v_pu[:, loads.bus[k]].any()
        if begins:
            moved = day[begins - 1]
            alive = ~moved.state.collapsed
            assert alive.any()
            assert (moved.state.exogenous[alive, start + k] > 0).all()
            assert (moved.state.flow.v_pu[alive, loads.bus[k]] > 0.8).all()
            assert moved.events.built[:, loads.bus[k]].all()


def test_a_line_carries_nothing_before_it_is_built(twin: Twin, day: list[Transition]) -> None:
    begins = np.round(np.array(twin.model.scenario.branch_from_h) * 12).astype(int)
    for moved in day:
        state = moved.state
        unbuilt = begins > state.step[0]
        np.testing.assert_array_equal(state.branch_active, np.tile(~unbuilt, (2, 1)))
        assert not state.flow.p_from_mw[:, unbuilt].any()
        assert not state.flow.loading[:, unbuilt].any()
    alive = ~day[-1].state.collapsed
    assert day[-1].state.flow.p_from_mw[alive][:, begins > 0].any(axis=0).all()


def test_events_tell_of_every_addition_once(day: list[Transition]) -> None:
    built = np.array([moved.events.built for moved in day])
    assert built.sum(axis=0).tolist() == [[0] * 6 + [1] * 8] * 2


def test_a_batch_is_a_loop(base: Scenario, day: list[Transition]) -> None:
    """The second element alone goes the same way, bit for bit."""
    alone = make_twin(with_growth(base, 4), start="2016-07-04", seeds=(5,))
    state: GridState = alone.first()
    for moved in day:
        step = alone.step(state, state.setpoints)
        state = step.state
        np.testing.assert_array_equal(step.reward[0], moved.reward[1])
        np.testing.assert_array_equal(state.flow.v_pu[0], moved.state.flow.v_pu[1])


def test_growth_runs_on_a_table_that_is_not_shipped(base: Scenario) -> None:
    """New loads take the columns of old ones, whatever the table is."""
    synthetic = load_profiles("synthetic", days=3)
    columns = dict.fromkeys(base.drivers(), ("load_city_pu", 50.0))
    source = replace(next(iter(base.sources.values())), columns=columns)
    grown = with_growth(replace(base, sources={"synthetic": source}), 0)
    assert grown.driven_by(synthetic).columns == grown.drivers()
