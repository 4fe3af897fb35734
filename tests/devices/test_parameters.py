"""Parameters of devices: a slip in a row is told with its place, all of them at once."""

from __future__ import annotations

import math

import pytest

from gridpilot.devices import device_kind, device_kinds, generator, load, solar, storage
from gridpilot.errors import ConfigError, UnknownNameError


def test_every_problem_is_told_with_its_device() -> None:
    rows: list[dict[str, object]] = [
        {"name": "B1", "bus": "A", "p_max_mw": 10.0, "energy_max_mwh": 20.0, "charge_eficiency": 0.9},
        {"name": "B2", "p_max_mw": 10.0, "energy_max_mwh": 20.0, "charge_efficiency": 1.2, "initial_mwh": 30.0},
        {"p_max_mw": math.nan},
    ]
    with pytest.raises(ConfigError) as caught:
        storage.parameters(rows)
    assert {problem.where for problem in caught.value.problems} == {
        "B1.charge_eficiency", "B2.charge_efficiency", "B2.initial_mwh", "row 2.p_max_mw", "row 2.energy_max_mwh", "row 2.initial_mwh",
        "row 2.s_max_mva",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "row", "where"),
    [
        (generator.parameters, {}, "row 0.p_max_mw"),
        (generator.parameters, {"p_max_mw": 10.0, "p_min_mw": 20.0}, "row 0.p_min_mw"),
        (generator.parameters, {"p_max_mw": 10.0, "ramp_mw_per_min": -1.0}, "row 0.ramp_mw_per_min"),
        (load.parameters, {"flexible_share": 1.5}, "row 0.flexible_share"),
        (load.parameters, {"rebound_h": "long"}, "row 0.rebound_h"),
        (solar.parameters, {"p_max_mw": 10.0, "power_factor_min": 0.0}, "row 0.power_factor_min"),
        (solar.parameters, {"p_max_mw": 10.0, "s_max_mva": 9.0}, "row 0.p_max_mw"),
    ],
)
def test_a_number_that_is_missing_or_out_of_range_is_refused(parameters: object, row: dict[str, object], where: str) -> None:
    assert callable(parameters)
    with pytest.raises(ConfigError) as caught:
        parameters([row])
    assert where in {problem.where for problem in caught.value.problems}


def test_defaults_fill_what_a_row_leaves_out() -> None:
    made = storage.parameters([{"p_max_mw": 10.0, "energy_max_mwh": 20.0}, {"p_max_mw": 10.0, "energy_max_mwh": 20.0, "initial_mwh": 3.0}])
    assert made.initial_mwh.tolist() == [10.0, 3.0]
    assert made.charge_efficiency.tolist() == [0.95, 0.95]


def test_no_devices_are_a_table_without_rows() -> None:
    assert len(load.parameters([]).flexible_share) == 0
    assert generator.parameters([]).curve_mw.shape == (0, 0)


def test_kinds_are_found_by_their_files() -> None:
    assert set(device_kinds()) == {"ev", "generator", "grid_tie", "load", "shunt", "solar", "storage", "switch", "tap_changer", "wind"}
    assert all(kind.name == name for name, kind in device_kinds().items())


def test_an_unknown_kind_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="ev, generator, grid_tie, load, shunt, solar, storage, switch, tap_changer, wind"):
        device_kind("storrage")
