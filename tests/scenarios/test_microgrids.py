"""The microgrids are those of the specification, stand inside their limits at rest, and are scaled by what was known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.network import load_case
from gridpilot.powerflow import engine
from gridpilot.profiles import load_profiles
from gridpilot.profiles.price import COLUMN
from gridpilot.scenarios import Scenario, load_scenario, microgrids
from gridpilot.scenarios.microgrids import CAISO_TUNING, PRICE, SIMBENCH_TUNING
from gridpilot.testing.scenarios import check_scenario
from gridpilot.twin import make_twin
from gridpilot.values import PQ, SLACK, Action, Flow, Status

DRIVERS = {
    "simbench": (SIMBENCH_TUNING, (microgrids.SIMBENCH_LOADS, microgrids.SIMBENCH_SOLAR, microgrids.SIMBENCH_WIND)),
    "caiso": (CAISO_TUNING, (microgrids.CAISO_LOADS, microgrids.CAISO_SOLAR, microgrids.CAISO_WIND)),
}


@pytest.fixture(scope="module")
def three() -> Scenario:
    return load_scenario("three-microgrids")


@pytest.fixture(scope="module")
def specification(shared_data: Path) -> Any:
    return json.loads((shared_data / "networks" / "upstream_balanced" / "microgrid_spec.json").read_text(encoding="utf-8"))


# ----------------------------------------------------------------------------------------------- as specified


@pytest.mark.parametrize("name", ["three-microgrids", "three-microgrids-upstream"])
def test_devices_are_those_of_the_specification(name: str, specification: Any) -> None:
    scenario = load_scenario(name)
    at = {n: scenario.network.bus_name[bus] for table in scenario.tables.values() for n, bus in zip(table.name, table.bus, strict=True)}
    units, batteries = scenario.tables["generator"], scenario.tables["storage"].parameters
    plants = {kind: scenario.tables[kind].parameters.p_max_mw for kind in ("solar", "wind")}
    for k, wanted in enumerate(specification["microgrids"]):
        own, engine_at = wanted["name"], units.name.index(f"{wanted['name']}-DG")
        for device, key in (("DG", "dg"), ("PV", "pv"), ("WT", "wt"), ("ESS", "ess")):
            assert at[f"{own}-{device}"] == f"{own}-{wanted[key]['bus']}"
        p = units.parameters
        assert [p.p_min_mw[engine_at], p.p_max_mw[engine_at]] == wanted["dg"]["p_mw"]
        assert [p.cost_a[engine_at], p.cost_b[engine_at], p.cost_c[engine_at]] == wanted["dg"]["cost_a_b_c"]
        assert [-batteries.p_max_mw[k], batteries.p_max_mw[k]] == wanted["ess"]["p_mw"]
        assert (batteries.energy_min_mwh[k], batteries.energy_max_mwh[k]) == (wanted["ess"]["e_min_mwh"], wanted["ess"]["e_max_mwh"])
        assert (plants["solar"][k], plants["wind"][k]) == (wanted["pv"]["p_max_mw"], wanted["wt"]["p_max_mw"])
    assert scenario.network.base_mva == specification["main_grid"]["base_power_mva"]


def test_each_microgrid_hangs_where_the_specification_says(three: Scenario, specification: Any) -> None:
    network = three.network
    assert network.n_bus == 73
    for wanted in specification["microgrids"]:
        link = network.branch(f"{wanted['name']}-SUBSTATION")
        ends = network.bus_name[network.branch_from[link]], network.bus_name[network.branch_to[link]]
        assert ends == (f"DSO-{wanted['host_bus'].removeprefix('DSO Bus ')}", f"{wanted['name']}-650")
        assert network.bus_kv[[network.branch_from[link], network.branch_to[link]]].tolist() == [24.9, 4.16]
        assert np.hypot(network.r_pu[link], network.x_pu[link]) == pytest.approx(0.08 * 3.0 / 5.0)
        assert network.r_pu[link] == pytest.approx(0.01 * 3.0 / 5.0)


def test_demand_is_a_fifth_of_the_published_feeders(three: Scenario) -> None:
    published = [load_case("case34"), *[load_case("case13")] * 3]
    assert sum(three.demand_peak_mw.values()) == pytest.approx(0.2 * sum(case.loads.p_mw.sum() for case in published))
    assert three.network.shunt_b_mvar.sum() == pytest.approx(0.2 * sum(case.network.shunt_b_mvar.sum() for case in published))


def test_the_upstream_variant_has_the_feeders_of_its_source() -> None:
    """36 + 3 x 12 buses, of which 692 is 671 behind a closed switch."""
    network = load_scenario("three-microgrids-upstream").network
    assert network.n_bus == 36 + 3 * 12 - 3
    head = network.branch("MG2-650-632")
    assert network.bus_name[network.branch_from[head]] == "DSO-848"


# ---------------------------------------------------------------------------------------------- what drives them


@pytest.mark.parametrize("name", DRIVERS)
def test_scales_are_those_of_the_tuning_period(name: str, three: Scenario, request: pytest.FixtureRequest) -> None:
    options = {"repair": "interpolate", "root": request.getfixturevalue("shared_data")} if name == "caiso" else {}
    profiles, (days, tables) = load_profiles(name, **options), DRIVERS[name]
    assert three.sources[name].tuning == days
    rows = profiles.rows_between(*days)
    for column, largest in (pair for table in tables for pair in table):
        known = profiles.values[rows.start : rows.stop, profiles.column(column)].max()
        assert largest == pytest.approx(known, rel=1e-4), column


def test_every_load_is_at_its_peak_when_its_column_is(three: Scenario) -> None:
    driven = three.driven_by(load_profiles("simbench"))
    rows = driven.rows_between(*SIMBENCH_TUNING)
    for name, p_mw in three.demand_peak_mw.items():
        assert driven.values[rows.start : rows.stop, driven.column(f"{name}.p_mw")].max() == pytest.approx(p_mw, rel=1e-4)


def test_there_is_a_price_on_either_source(three: Scenario, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATA", str(shared_data))
    for name, source in three.sources.items():
        column, factor = source.columns[PRICE]
        profiles = source.completed(three.load_profiles(name))
        price = factor * profiles.values[:, profiles.column(column)]
        assert 30.0 < price.mean() < 80.0
        assert price.std() > 5.0


def test_the_scenario_repairs_what_it_says_and_nothing_else(three: Scenario, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATA", str(shared_data))
    assert three.load_profiles("caiso").repairs
    assert three.load_profiles("simbench").repairs == load_profiles("simbench").repairs


def test_the_drawn_price_is_a_column_of_simbench_only(three: Scenario) -> None:
    assert three.sources["simbench"].columns[PRICE][0] == COLUMN
    assert COLUMN not in load_profiles("simbench").columns


# ----------------------------------------------------------------------------------------------------- operated


def test_three_microgrids_keep_every_promise(three: Scenario) -> None:
    check_scenario(three, load_profiles("simbench"))


def test_three_microgrids_keep_every_promise_on_caiso(three: Scenario, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATA", str(shared_data))
    check_scenario(three, three.load_profiles("caiso"), hours=6.0, cycle_minutes=60.0)


def test_the_upstream_variant_keeps_every_promise() -> None:
    check_scenario(load_scenario("three-microgrids-upstream"), load_profiles("simbench"))


# ------------------------------------------------------------------------------------------------ more to move


@pytest.fixture(scope="module")
def flexible() -> Scenario:
    return load_scenario("three-microgrids-flexible")


def test_the_flexible_variant_keeps_every_promise(flexible: Scenario) -> None:
    check_scenario(flexible, load_profiles("simbench"))


def test_with_all_orders_as_they_begin_its_flows_are_those_of_the_plain_one(three: Scenario, flexible: Scenario) -> None:
    """Without cars, and with the regulators' impedance in both: banks that are devices give what capacitors of the network give."""
    without = {name: replace(source, charging=None) for name, source in flexible.sources.items()}
    impedances = {name: getattr(flexible.network, name) for name in ("r_pu", "x_pu")}
    alike = replace(three, network=replace(three.network, **impedances))
    settings: dict[str, Any] = {"profiles": "simbench", "start": "2016-08-01", "seeds": (3,), "cycle_minutes": 60.0, "cycles": 24}
    plain, other = make_twin(alike, **settings), make_twin(replace(flexible, sources=without), **settings)
    one, two = plain.first(), other.first()
    for _ in range(24):
        one, two = plain.step(one, one.setpoints).state, other.step(two, two.setpoints).state
        assert np.abs(one.flow.v_pu - two.flow.v_pu).max() < 1e-9
        assert np.abs(one.flow.p_from_mw - two.flow.p_from_mw).max() < 1e-8
    assert two.devices["switch"].closed.all()
    apart = [name for k, name in enumerate(three.network.branch_name) if three.network.x_pu[k] != flexible.network.x_pu[k]]
    assert apart == ["DSO-814-850", "DSO-852-832"]


def test_its_banks_are_the_published_ones_at_a_fifth(flexible: Scenario) -> None:
    table, published = flexible.tables["shunt"], load_case("case13").network
    full = table.parameters.step_mvar * table.parameters.position_max
    for name, mvar in zip(table.name, full, strict=True):
        at = [published.bus_name[bus] for bus in published.shunt_bus].index(name.rpartition("-")[2])
        assert mvar == pytest.approx(0.2 * published.shunt_b_mvar[at])
    assert len(table) == 6


@pytest.mark.parametrize("position", [-16.0, -8.0, 8.0, 16.0])
def test_its_regulators_move_the_voltage_behind_them(flexible: Scenario, position: float) -> None:
    """Both at once from neutral, as far as they go: by about 5/8 % a step and regulator, more where the load lightens."""
    twin = make_twin(flexible.without_disturbances(), profiles="simbench", start="2016-02-01", cycle_minutes=60.0, cycles=24)
    names, state = [name for name in flexible.tables["tap_changer"].name if name.startswith("DSO")], twin.first()
    still = twin.step(state, state.setpoints).state
    moved = twin.step(state, twin.order(state, [Action("TAP", name, {"position": position}) for name in names])[0]).state
    end = flexible.network.bus("DSO-848")
    assert moved.flow.usable.all()
    assert moved.flow.v_pu[0, end] / still.flow.v_pu[0, end] == pytest.approx((1.0 + 0.00625 * position) ** -2, rel=0.05)


def test_cars_come_all_the_year_on_either_source(flexible: Scenario, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATA", str(shared_data))
    for name, source in flexible.sources.items():
        driven = flexible.with_events(flexible.driven_by(flexible.load_profiles(name)))
        came = driven.values[:, driven.column("MG1-EV.arriving_mwh")]
        for days in (source.tuning, source.judging):
            rows = driven.rows_between(*days)
            fortnights = np.array_split(came[rows.start : rows.stop], 12)
            # ACN-Data has no session at JPL between the second and the thirtieth of January 2020.
            missing = 2 if name == "caiso" and days == source.judging else 0
            assert sum((part > 0.0).sum() <= 3 for part in fortnights) == missing
        assert came.max() < flexible.tables["ev"].parameters.session_max_mwh[0]


def test_a_twin_on_caiso_by_name(three: Scenario, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATA", str(shared_data))
    twin = make_twin(three, profiles="caiso", start="2023-08-01", cycle_minutes=60.0, cycles=2)
    assert twin.first().flow.usable.all()


def test_what_microgrids_do_moves_the_voltage_at_the_end_of_the_feeder(three: Scenario) -> None:
    """All engines at full power against none, at peak demand: more than a tenth of the nominal voltage."""
    low, high = (at_peak(three, engines=share) for share in (0.0, 1.0))
    end = three.network.bus("MG2-675")
    assert high.v_pu[0, end] - low.v_pu[0, end] > 0.1


# ------------------------------------------------------------------------------------------------- of any number


@pytest.mark.parametrize("count", [3, 10, 100, 1000])
def test_generated_grids_hold_their_voltages_at_peak_with_all_microgrids_at_rest(count: int) -> None:
    scenario = load_scenario(f"microgrids-{count}")
    assert sum(name.endswith("-DG") for name in scenario.tables["generator"].name) == count
    flow = at_peak(scenario)
    assert flow.status.tolist() == [Status.OK]
    assert flow.v_pu.min() > 0.95
    assert flow.v_pu.max() < 1.05
    assert flow.loading.max() < 0.8


@pytest.mark.parametrize("count", [3, 100])
def test_generated_grids_hold_their_voltages_at_a_fifth_of_the_peak(count: int) -> None:
    flow = at_peak(load_scenario(f"microgrids-{count}"), demand=0.2)
    assert flow.v_pu.max() < 1.05


def test_ten_microgrids_keep_every_promise() -> None:
    check_scenario(microgrids.microgrids(10), load_profiles("simbench"), hours=1.0)


def test_a_number_belongs_to_the_name() -> None:
    assert load_scenario("Microgrids-12").name == "microgrids_12"
    with pytest.raises(UnknownNameError, match="microgrids-N"):
        load_scenario("microgrids")
    with pytest.raises(ConfigError, match="one or more, not 0"):
        load_scenario("microgrids-0")


def at_peak(scenario: Scenario, *, demand: float = 1.0, engines: float = 0.0) -> Flow:
    """The power flow at a share of all peaks, engines at a share of their power, everything else at rest."""
    network, units, loads = scenario.network, scenario.tables["generator"], scenario.tables["load"]
    columns = scenario.sources["simbench"].columns
    p, q = np.zeros(network.n_bus), np.zeros(network.n_bus)
    for name, bus in zip(loads.name, loads.bus, strict=True):
        (_, of_p), (_, of_q) = columns[f"{name}.p_mw"], columns[f"{name}.q_mvar"]
        p[bus] -= demand * scenario.demand_peak_mw[name]
        q[bus] -= demand * scenario.demand_peak_mw[name] * of_q / of_p
    free = units.parameters.is_slack == 0
    np.add.at(p, units.bus[free], engines * units.parameters.p_max_mw[free])
    kind = np.full(network.n_bus, PQ, dtype=np.int8)
    kind[units.bus[scenario.slack_unit]] = SLACK
    v_set = np.where(kind == SLACK, units.parameters.v_set_pu[scenario.slack_unit], 1.0)
    closed = network.branch_closed[None]
    return engine("newton", network).solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)
