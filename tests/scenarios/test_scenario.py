"""Scenarios: found by name, refused when inconsistent, and honest about their dates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridpilot.disturbances import Channel
from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.profiles import load_profiles
from gridpilot.scenarios import RewardSettings, Scenario, Source, device_tables, load_scenario, scenario_titles
from gridpilot.testing.scenarios import dates_overlap

NAMES = sorted(scenario_titles())


@pytest.fixture(scope="module")
def six() -> Scenario:
    return load_scenario("six_bus")


# ------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["six_bus", "six-bus", "6-bus", "6_bus", "Six-Bus"])
def test_a_scenario_has_several_spellings(name: str) -> None:
    assert load_scenario(name).name == "six_bus"


@pytest.mark.parametrize("name", ["ieee14", "14-bus", "14_bus", "IEEE-14"])
def test_so_has_the_other(name: str) -> None:
    assert load_scenario(name).name == "ieee14"


def test_a_wrong_name_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no scenario called 'six-buss'.*Did you mean 'six-bus'.*six-bus"):
        load_scenario("six-buss")


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_called_like_its_file(name: str) -> None:
    built = load_scenario(name)
    assert built.name == name
    assert built.title == scenario_titles()[name]


# ------------------------------------------------------------------------------------------------------- dates


@pytest.mark.parametrize("name", NAMES)
def test_no_day_of_tuning_is_a_day_of_judging(name: str) -> None:
    for source in load_scenario(name).sources.values():
        assert not dates_overlap(source)
        for period in (source.tuning, source.judging):
            assert np.datetime64(period[0], "D") <= np.datetime64(period[1], "D")


@pytest.mark.parametrize(
    ("tuning", "judging", "overlap"),
    [
        (("2020-01-01", "2020-06-30"), ("2020-07-01", "2020-12-31"), False),
        (("2020-07-01", "2020-12-31"), ("2020-01-01", "2020-06-30"), False),
        (("2020-01-01", "2020-07-01"), ("2020-07-01", "2020-12-31"), True),
        (("2020-01-01", "2020-12-31"), ("2020-03-01", "2020-03-02"), True),
    ],
)
def test_an_overlap_of_dates_is_seen(tuning: tuple[str, str], judging: tuple[str, str], overlap: bool) -> None:
    assert dates_overlap(Source({}, tuning, judging)) == overlap


# ----------------------------------------------------------------------------------------------------- profiles


def test_drivers_are_columns_in_the_order_of_the_devices(six: Scenario) -> None:
    driven = six.driven_by(load_profiles("simbench"))
    assert driven.columns == six.drivers()
    assert len(set(driven.columns)) == len(driven.columns)


def test_a_table_with_one_column_per_driver_needs_no_source(six: Scenario) -> None:
    table = six.driven_by(load_profiles("simbench"))
    renamed = replace(table, name="mine", columns=table.columns[::-1], values=table.values[:, ::-1])
    np.testing.assert_array_equal(six.driven_by(renamed).values, table.values)


def test_unknown_profiles_name_every_driver_without_a_column(six: Scenario) -> None:
    synthetic = load_profiles("synthetic", days=1)
    with pytest.raises(ConfigError, match="does not know how to read profiles 'synthetic'") as error:
        six.driven_by(synthetic)
    assert [problem.where for problem in error.value.problems] == list(six.drivers())


# ------------------------------------------------------------------------------------------------- inconsistency


def test_every_problem_of_a_scenario_is_told_at_once(six: Scenario) -> None:
    table = six.tables["load"]
    tables = {**six.tables, "load": replace(table, bus=np.array([1, 99]), name=("B2-GAS", "B4-SUBURB"))}
    with pytest.raises(ConfigError) as error:
        replace(six, tables=tables, switchable=("LN99",), rewards=RewardSettings(weights={"beauty": 1.0}))
    told = str(error.value)
    for sentence in ("B2-GAS: two devices have this name", "bus 99, which is not in 0…5", "LN99: is switchable", "beauty: unknown reward"):
        assert sentence in told


def test_a_source_without_a_column_for_a_driver_is_refused(six: Scenario) -> None:
    source = replace(six.sources["simbench"], columns={})
    with pytest.raises(ConfigError) as error:
        replace(six, sources={"simbench": source})
    assert [problem.where for problem in error.value.problems] == [f"simbench: {driver}" for driver in six.drivers()]


@pytest.mark.parametrize("slack", [[0.0, 0.0], [1.0, 1.0]])
def test_exactly_one_unit_holds_the_slack_bus(six: Scenario, slack: list[float]) -> None:
    units = six.tables["generator"]
    wrong = replace(units, parameters=units.parameters._replace(is_slack=np.array(slack)))
    with pytest.raises(ConfigError, match=r"exactly one unit must be the slack unit, found [02]"):
        replace(six, tables={**six.tables, "generator": wrong})


def test_a_scenario_needs_generators(six: Scenario) -> None:
    with pytest.raises(ConfigError, match="needs generators"):
        replace(six, tables={kind: table for kind, table in six.tables.items() if kind != "generator"})


def test_an_unknown_kind_of_device_lists_the_known_ones(six: Scenario) -> None:
    with pytest.raises(UnknownNameError, match=r"no kind of device called 'fusion'.*generator"):
        replace(six, tables={**six.tables, "fusion": six.tables["load"]})


def test_a_weight_below_zero_is_refused(six: Scenario) -> None:
    with pytest.raises(ConfigError):
        replace(six, rewards=RewardSettings(weights={"cost": -1.0}))


def test_devices_at_unknown_buses_are_all_named(six: Scenario) -> None:
    rows = [{"name": "A", "bus": "NOWHERE"}, {"name": "B", "bus": "B1-CITY"}, {"name": "C", "bus": "ELSEWHERE"}]
    with pytest.raises(ConfigError) as error:
        device_tables(six.network, {"load": rows})
    assert [problem.where for problem in error.value.problems] == ["load A", "load C"]


# ------------------------------------------------------------------------------------------------------- places


def test_disturbances_find_what_they_hit(six: Scenario) -> None:
    places = six.places()
    assert places[Channel.BRANCH_FAULT] == {name: k for k, name in enumerate(six.network.branch_name)}
    assert places[Channel.LOAD_FACTOR]["B4-SUBURB"] == six.tables["load"].name.index("B4-SUBURB")
    assert set(places[Channel.GENERATOR_OUTAGE]) == set(six.tables["generator"].name)


def test_a_part_is_in_service_from_the_first_step_at_or_after_its_hour(six: Scenario) -> None:
    late = replace(six, bus_from_h=(0.0, 0.1, 0.25, 1.0, 0.0, 0.0))
    assert late.active_from(0.25)[0].tolist() == [0, 1, 1, 4, 0, 0]
    assert six.active_from(0.25)[1].tolist() == [0] * six.network.n_branch


def test_quiet_days_have_no_threats(six: Scenario) -> None:
    assert six.without_disturbances().threats == ()
