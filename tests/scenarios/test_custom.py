"""A user's own grid: what the case says is kept, what it lacks is asked for, all of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import ConfigError
from gridpilot.network import Case, load_case, make_case, make_network, read_matpower
from gridpilot.profiles import Profiles, load_profiles, make_profiles
from gridpilot.scenarios.custom import Assumptions, scenario_from_case
from gridpilot.testing.scenarios import check_scenario
from gridpilot.twin.twin import make_twin

SHAPES = {"load_pu": (0.5, 1.0), "solar_pu": (0.0, 0.8), "wind_pu": (0.1, 0.9)}


def table(columns: Mapping[str, tuple[float, float]] = SHAPES) -> Profiles:
    """Two days at 15 min in which every column goes from one value to another."""
    values = np.column_stack([np.linspace(*ends, 2 * 96 + 1) for ends in columns.values()])
    return make_profiles(
        name="mine", start=np.datetime64("2025-06-01"), step_min=15.0, columns=list(columns), values=values, source="a test", licence="none"
    )


def make_grid(units: Sequence[dict[str, Any]] = (), loads: Sequence[dict[str, Any]] = (), slacks: Sequence[str] = ("Grid",)) -> Case:
    """Four buses in a row; a closed switch joins the last two."""
    network = make_network(
        "feeder",
        base_mva=10.0,
        buses=[{"name": name, "kv": 20.0} for name in ("Grid", "Mill", "Farm", "Barn")],
        branches=[
            {"name": "Cable 1", "a": "Grid", "b": "Mill", "r_pu": 0.02, "x_pu": 0.05, "rating_mva": 6.0},
            {"name": "Cable 2", "a": "Mill", "b": "Farm", "r_pu": 0.02, "x_pu": 0.05},
        ],
        switches=[{"name": "Coupler", "a": "Farm", "b": "Barn"}],
    )
    usual = [
        {"name": "Mill load", "bus": "Mill", "p_mw": 2.0, "q_mvar": 0.5},
        {"name": "Barn load", "bus": "Barn", "p_mw": 1.0, "q_mvar": -0.2},
    ]
    feed = [{"name": "Substation", "bus": "Grid", "holds_voltage": True, "v_set_pu": 1.02}]
    plants = [{"name": "Roof", "bus": "Barn", "p_mw": 1.5, "fuel": "PV"}, {"name": "WKA 2", "bus": "Farm", "p_mw": 1.0, "q_mvar": 0.1}]
    return make_case(
        network, loads=list(loads) or usual, units=[*feed, *plants, *units], slacks=[{"bus": bus, "v_pu": 1.02} for bus in slacks]
    )


def problems_of(case: Case, profiles: Profiles | None = None, **options: Any) -> dict[str, str]:
    """The problems that the case is refused with, by place."""
    with pytest.raises(ConfigError) as error:
        scenario_from_case(case, profiles, **options)
    return {problem.where: problem.what for problem in error.value.problems}


# ----------------------------------------------------------------------------------------------- what is kept


def test_a_feeder_becomes_a_scenario() -> None:
    scenario = scenario_from_case(make_grid(), table(), name="mine")
    assert scenario.network.bus_name == ("Grid", "Mill", "Farm")
    assert {kind: devices.name for kind, devices in scenario.tables.items()} == {
        "generator": ("Substation",), "load": ("Mill load", "Barn load"), "solar": ("Roof",), "wind": ("WKA 2",),
    }  # fmt: skip
    assert [scenario.network.bus_name[bus] for bus in scenario.tables["load"].bus] == ["Mill", "Farm"]
    assert scenario.tables["wind"].parameters.q_per_p == pytest.approx([0.1])
    assert scenario.demand_peak_mw == {"Mill load": 2.0, "Barn load": 1.0}
    check_scenario(scenario, table())


def test_the_case_is_what_the_twin_solves_at_one_per_unit() -> None:
    """At 1 pu of everything the twin has the power flow of the case itself."""
    case = load_case("case14")
    flat = table({"load_pu": (1.0, 1.0)})
    twin = make_twin(scenario_from_case(case, flat), profiles=flat, start="2025-06-01", cycles=4)
    state = twin.first()
    p_mw, q_mvar = case.injections()
    kind, v_set = case.kinds()
    closed = np.tile(case.network.branch_closed, (1, 1))
    own = twin.model.engine.solve(p_mw[None], q_mvar[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)
    np.testing.assert_allclose(state.flow.v_pu, own.v_pu, atol=1e-8)
    np.testing.assert_allclose(state.flow.p_from_mw, own.p_from_mw, atol=1e-5)


def test_costs_and_limits_come_from_the_case() -> None:
    unit = {"name": "CHP", "bus": "Mill", "p_mw": 1.0, "p_max_mw": 2.0, "p_min_mw": 0.4, "holds_voltage": True, "cost": (0.1, 20.0, 5.0)}
    pieces = {"name": "Engine", "bus": "Farm", "p_max_mw": 1.0, "holds_voltage": True, "cost_points": ((0, 0), (0.5, 10), (1.0, 40))}
    made = scenario_from_case(make_grid([unit, pieces]), table()).tables["generator"]
    assert made.name == ("Substation", "CHP", "Engine")
    p = made.parameters
    assert (p.cost_a[1], p.cost_b[1], p.cost_c[1]) == (0.1, 20.0, 5.0)
    assert (p.p_min_mw[1], p.p_max_mw[1], p.initial_mw[1]) == (0.4, 2.0, 1.0)
    assert p.curve_mw[2].tolist() == [0.0, 0.5, 1.0]
    assert p.curve_usd_per_h[2].tolist() == [0.0, 10.0, 40.0]


def test_a_unit_without_limit_stays_at_its_present_output() -> None:
    made = scenario_from_case(make_grid([{"name": "CHP", "bus": "Mill", "p_mw": 0.7}]), table()).tables["generator"].parameters
    assert made.p_max_mw[1] == made.initial_mw[1] == 0.7


def test_an_external_grid_is_an_import_at_a_price() -> None:
    assumed = Assumptions(import_price_usd_per_mwh=80.0, import_co2_t_per_mwh=0.3)
    scenario = scenario_from_case(make_grid(), table(), assumptions=assumed)
    p = scenario.tables["generator"].parameters
    assert (p.cost_b[0], p.co2_t_per_mwh[0], p.v_set_pu[0]) == (80.0, 0.3, 1.02)
    assert p.p_max_mw[0] == -p.p_min_mw[0] == 2 * (3.0 + 2.5)
    assert p.initial_mw[0] == pytest.approx(0.5)
    assert scenario.rewards.slack_band_mw >= p.p_max_mw[0] - p.p_min_mw[0]
    limited = scenario_from_case(make_grid(), table(), assumptions=Assumptions(import_limit_mw=4.0)).tables["generator"].parameters
    assert (limited.p_min_mw[0], limited.p_max_mw[0]) == (-4.0, 4.0)


def test_a_reference_bus_without_a_unit_gets_an_import() -> None:
    case = make_grid(slacks=("Mill",))
    scenario = scenario_from_case(case, table(), assumptions=Assumptions(kinds={"Substation": "out"}))
    units = scenario.tables["generator"]
    assert units.name == ("Mill import",)
    assert scenario.network.bus_name[units.bus[0]] == "Mill"


def test_branches_without_rating_take_the_assumed_one() -> None:
    assert scenario_from_case(make_grid(), table()).network.rating_mva.tolist() == [6.0, np.inf]
    assert scenario_from_case(make_grid(), table(), assumptions=Assumptions(rating_mva=3.0)).network.rating_mva.tolist() == [6.0, 3.0]


def test_storage_is_added_by_rows_or_from_the_case() -> None:
    case = make_grid([{"name": "Shed battery", "bus": "Barn", "p_max_mw": 0.5, "fuel": "storage"}])
    rows = [{"name": "Shed battery", "energy_max_mwh": 1.0}, {"name": "New", "bus": "Mill", "p_max_mw": 1.0, "energy_max_mwh": 4.0}]
    made = scenario_from_case(case, table(), storage=rows).tables["storage"]
    assert made.name == ("Shed battery", "New")
    assert made.bus.tolist() == [2, 1]
    assert made.parameters.p_max_mw.tolist() == [0.5, 1.0]


def test_what_a_unit_is_can_be_said() -> None:
    case = make_grid(
        [{"name": "X1", "bus": "Mill", "p_mw": 1.0}, {"name": "PV bus unit", "bus": "Mill", "p_mw": 1.0, "holds_voltage": True}]
    )
    scenario = scenario_from_case(case, table(), assumptions=Assumptions(kinds={"X1": "solar", "WKA 2": "out", "Roof": "generator"}))
    assert scenario.tables["solar"].name == ("X1",)
    assert scenario.tables["generator"].name == ("Substation", "Roof", "PV bus unit")
    assert "wind" not in scenario.tables


# ---------------------------------------------------------------------------------------------------- drivers


def test_the_nearest_column_wins() -> None:
    own = {"Mill load.p_mw": (1.0, 3.0), "Barn load_pu": (0.2, 0.4), "Roof_mw": (0.0, 1.2), "WKA 2.available_mw": (0.3, 0.6)}
    profiles = table({**SHAPES, **own})
    driven = scenario_from_case(make_grid(), profiles).driven_by(profiles)
    last = dict(zip(driven.columns, driven.values[-1].tolist(), strict=True))
    assert last == pytest.approx(
        {
            "Mill load.p_mw": 3.0, "Mill load.q_mvar": 0.75, "Barn load.p_mw": 0.4, "Barn load.q_mvar": -0.08,
            "Roof.available_mw": 1.2, "WKA 2.available_mw": 0.6,
        }
    )  # fmt: skip


def test_a_column_of_reactive_power_replaces_the_power_factor() -> None:
    profiles = table({**SHAPES, "Mill load.q_mvar": (0.3, -0.3), "Barn load_mvar": (0.1, 0.2)})
    driven = scenario_from_case(make_grid(), profiles).driven_by(profiles)
    assert driven.values[-1, [driven.column("Mill load.q_mvar"), driven.column("Barn load.q_mvar")]].tolist() == [-0.3, 0.2]


def test_a_kind_can_follow_a_column_of_another_name() -> None:
    columns = {"load": "load_mv_rural_p_pu", "solar": "solar_PV3_pu", "wind": "wind_WP7_pu"}
    scenario = scenario_from_case(make_grid(), load_profiles("simbench"), assumptions=Assumptions(columns=columns))
    assert scenario.sources["simbench"].columns["Mill load.p_mw"] == ("load_mv_rural_p_pu", 2.0)
    assert scenario.sources["simbench"].tuning == ("2016-01-01", "2016-07-01")
    assert scenario.sources["simbench"].judging == ("2016-07-02", "2016-12-31")
    check_scenario(scenario)


def test_every_driver_without_a_column_is_named() -> None:
    found = problems_of(make_grid(), table({"Mill load.p_mw": (1.0, 2.0), "Mil load.q_mvar": (0.1, 0.2), "price_usd_per_mwh": (1.0, 2.0)}))
    assert list(found) == ["Barn load.p_mw", "Roof.available_mw", "WKA 2.available_mw", "column Mil load.q_mvar"]
    assert found["Roof.available_mw"].endswith("expected one of Roof.available_mw, Roof_mw, Roof_pu, solar_pu")


def test_a_kind_column_that_is_not_there_is_named() -> None:
    found = problems_of(make_grid(), table(), assumptions=Assumptions(columns={"load": "load_x_pu", "lode": "load_pu"}))
    assert {"columns: load", "columns: lode"} <= set(found)


def test_without_profiles_it_runs_on_one_column_per_driver() -> None:
    scenario = scenario_from_case(make_grid())
    assert scenario.demand_peak_mw == {"Mill load": 2.0, "Barn load": 1.0}
    check_scenario(scenario, table(dict.fromkeys(scenario.drivers(), (0.2, 1.0))))


# --------------------------------------------------------------------------------------------------- problems


def test_all_that_is_wrong_with_a_case_is_told_at_once() -> None:
    units: list[dict[str, Any]] = [
        {"name": "Dam", "bus": "Mill", "p_mw": 0.0, "fuel": "hydro", "q_mvar": 0.3},
        {"name": "Pump", "bus": "Mill", "p_mw": -1.0},
        {"name": "Cells", "bus": "Mill", "fuel": "battery"},
        {"name": "Dark", "bus": "Mill", "fuel": "solar"},
        {"name": "Link", "bus": "Mill", "fuel": "dcline", "holds_voltage": True},
        {"name": "Steep", "bus": "Mill", "p_mw": 1.0, "cost": (1.0, 0.0, 0.0, 0.0)},
    ]
    loads = [{"name": "Feed-in", "bus": "Mill", "p_mw": -1.0}]
    storage = [
        {"name": "New", "bus": "Moon", "p_max_mw": 1.0},
        {"name": "Odd", "bus": "Mill", "p_max_mw": 1.0, "energy_max_mwh": 1.0, "colour": 1.0},
    ]
    found = problems_of(make_grid(units, loads, ("Grid", "Mill")), storage=storage, assumptions=Assumptions(kinds={"Ghost": "solar"}))
    expected = {
        "reference bus": "2 found", "Feed-in": "static generators", "Dam": "unity power factor", "Pump": "make it a load",
        "Cells": "energy the case does not say", "Dark": "rated power above 0", "Link": "DC line", "Steep": "degree 3",
        "storage New": "there is no bus 'Moon'", "storage Odd": "unknown keys colour", "kinds: Ghost": "no unit of this name",
    }  # fmt: skip
    assert set(found) == set(expected)
    for where, words in expected.items():
        assert words in found[where]


def test_storage_rows_say_what_they_lack() -> None:
    assert problems_of(make_grid(), table(), storage=[{"name": "New", "bus": "Mill"}]) == {"storage New": "has no p_max_mw, energy_max_mwh"}


def test_two_devices_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="Mill load: two devices have this name"):
        scenario_from_case(make_grid([{"name": "Mill load", "bus": "Mill", "p_mw": 1.0}]), table())


def test_a_load_of_nothing_is_left_out() -> None:
    loads: list[dict[str, Any]] = [{"name": "Mill load", "bus": "Mill", "p_mw": 1.0}, {"name": "Empty", "bus": "Farm"}]
    assert scenario_from_case(make_grid(loads=loads), table()).tables["load"].name == ("Mill load",)


# ---------------------------------------------------------------------------------------------- whole grids


def test_a_pandapower_net_runs_for_a_day() -> None:
    """CIGRE's medium-voltage grid with photovoltaics and wind, switches and all."""
    networks = pytest.importorskip("pandapower.networks", reason="Reading a pandapower net needs the extra 'pandapower'.")
    from gridpilot.network import from_pandapower

    case = from_pandapower(networks.create_cigre_network_mv(with_der="pv_wind"))
    scenario = scenario_from_case(case, table(), name="cigre_mv")
    assert len(scenario.tables["solar"]) == 8
    assert scenario.tables["wind"].name == ("WKA 7",)
    check_scenario(scenario, table(), hours=23.0)


def test_a_matpower_case_with_a_dc_line_runs(shared_data: Path) -> None:
    case = read_matpower(shared_data / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    kinds = {name: "out" for name, fuel in zip(case.units.name, case.units.fuel, strict=True) if fuel == "dcline"}
    scenario = scenario_from_case(case, table(), assumptions=Assumptions(kinds=kinds))
    assert len(scenario.tables["generator"]) == case.units.in_service.sum() - 2
    twin = make_twin(replace(scenario, threats=()), profiles=table(), start="2025-06-01", cycles=6)
    state = twin.first()
    for _ in range(6):
        moved = twin.step(state, state.setpoints)
        state = moved.state
        assert not state.collapsed.any()
        assert np.isfinite(moved.reward).all()
