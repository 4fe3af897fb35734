"""MATPOWER files: every real one is read, and a broken one says everything that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from math import inf
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pandapower.pypower import idx_brch
from pandapower.pypower.makeYbus import makeYbus

from gridpilot.errors import CaseError
from gridpilot.network import LINE, TRANSFORMER, Network, read_matpower

Matrix = NDArray[np.complex128]

CASE = """\
function mpc = small
%% a case with one of everything
mpc.version = '2';
mpc.baseMVA = 50;
%{
mpc.bus = [ this is a comment ];
%}
mpc.bus = [
	1	3	0	0	0	0	1	1	5	110	1	1.1	0.9;
	2	1	10	4	0	-5	1	1	0	110	1	1.1	0.9;	% a load and a reactor
	7, 2, 20, 8, 0, 0, 1, 1, 0, 20, 1, 1.1, 0.9; 9	4	99	0	0	0	1	1	0	20	1	1.1	0.9
];
mpc.gen = [
	1	30	0	Inf	-Inf	1.02	50	1	60	0;
	7	5	1	8	-8	1.01	50	1	10	0;
	7	5	1	8	-8	1.03	50	0	10	0;
	2	3	1	0	0	1	50	1	3	0;
	9	1	1	0	0	1	50	1	3	0;
];
mpc.branch = [
	1	2	0.01	0.1	0.02	0	0	0	0	0	1	-360	360;
	1	2	0.01	0.1	0.02	40	0	0	0	0	0	-360	360;
	2	7	0	0.2	0	25	0	0	0.98	-30 ...
	1	-360	360;
	2	9	0.01	0.1	0	0	0	0	0	0	1	-360	360;
];
mpc.gencost = [
	2	0	0	3	0.1	20	5	0;
	1	0	0	2	0	0	10	300;
	2	0	0	2	15	0	0	0;
	2	0	0	0	0	0	0	0;
	2	0	0	1	7	0	0	0;
];
mpc.bus_name = {
	'Grid; main';
	'O''Hara';
	'Plant % 7';
	'Attic';
};
mpc.genfuel = { 'ng'; 'coal'; 'coal'; 'solar'; 'ng' };
mpc.dcline = [
	1	7	1	4	0	0.5	0.2	1	1	1	10	-2	2	-1	1	0.1	0.05;
];
mpc.areas = [1 1];
define_constants;
"""


def changed(*edits: tuple[str, str]) -> str:
    text = CASE
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def problems_of(text: str) -> dict[str, list[str]]:
    with pytest.raises(CaseError) as caught:
        read_matpower(text)
    found: dict[str, list[str]] = {}
    for problem in caught.value.problems:
        found.setdefault(problem.where, []).append(problem.what)
    return found


def line_of(fragment: str, text: str = CASE) -> str:
    return f"line {next(k for k, line in enumerate(text.splitlines(), start=1) if fragment in line)}"


def test_buses_have_their_names_and_isolated_ones_are_left_out() -> None:
    case = read_matpower(CASE)
    assert case.network.name == "small"
    assert case.network.base_mva == 50
    assert case.network.bus_name == ("Grid; main", "O'Hara", "Plant % 7")
    assert "Attic" not in {case.network.bus_name[bus] for bus in case.loads.bus}


def test_branches_have_matpowers_meaning_of_zero() -> None:
    network = read_matpower(CASE).network
    assert network.branch_name == ("Grid; main-O'Hara", "Grid; main-O'Hara #2", "O'Hara-Plant % 7")
    assert network.tap.tolist() == [1, 1, 0.98]
    assert network.rating_mva.tolist() == [inf, 40, 25]
    assert network.branch_closed.tolist() == [True, False, True]
    assert network.branch_kind.tolist() == [LINE, LINE, TRANSFORMER]
    assert np.rad2deg(network.shift_rad).tolist() == pytest.approx([0, 0, -30])
    assert network.b_from_pu.tolist() == network.b_to_pu.tolist() == [0.01, 0.01, 0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("-30", "20", (-30.0, 20.0)),
        ("0", "0", (-inf, inf)),
        ("-360", "360", (-inf, inf)),
        ("-360", "10", (-inf, 10.0)),
        ("0", "15", (0.0, 15.0)),
    ],
)
def test_angle_limits_have_matpowers_meaning_of_none(low: str, high: str, expected: tuple[float, float]) -> None:
    network = read_matpower(
        CASE.replace("0.02	0	0	0	0	0	1	-360	360", f"0.02	0	0	0	0	0	1	{low}	{high}")
    ).network
    assert np.rad2deg([network.angle_min_rad[0], network.angle_max_rad[0]]) == pytest.approx(expected)


def test_a_lower_angle_limit_above_the_upper_one_is_told() -> None:
    with pytest.raises(CaseError, match="branch 1-2 has the angmin 20 above its angmax 10"):
        read_matpower(CASE.replace("0.02	0	0	0	0	0	1	-360	360", "0.02	0	0	0	0	0	1	20	10"))


def test_loads_and_shunts_are_named_by_their_bus() -> None:
    case = read_matpower(CASE)
    assert case.loads.name == ("load O'Hara", "load Plant % 7")
    assert case.network.shunt_name == ("shunt O'Hara",)
    assert case.network.shunt_b_mvar.tolist() == [-5]


def test_units_carry_limits_costs_and_fuels() -> None:
    units = read_matpower(CASE).units
    assert units.name[:4] == ("gen Grid; main", "gen Plant % 7", "gen Plant % 7 #2", "gen O'Hara")
    assert units.in_service.tolist()[:4] == [True, True, False, True]
    assert units.holds_voltage.tolist()[:4] == [True, True, True, False]
    assert units.q_max_mvar[0] == inf
    assert list(units.cost[:4]) == [(0.1, 20, 5), (), (15, 0), ()]
    assert list(units.cost_points[1]) == [(0, 0), (10, 300)]
    assert units.fuel[:4] == ("ng", "coal", "coal", "solar")


def test_a_dc_line_is_a_pair_of_injections_with_its_losses_between() -> None:
    case = read_matpower(CASE)
    ends = [case.units.name.index(f"dcline 1 {end}") for end in ("from", "to")]
    assert case.units.p_mw[ends].tolist() == pytest.approx([-4, 4 - (0.1 + 0.05 * 4)])
    assert case.units.q_mvar[ends].tolist() == [0.5, 0.2]
    assert case.units.p_min_mw[ends[0]] == -10
    assert case.units.p_max_mw[ends[1]] == pytest.approx(10 - (0.1 + 0.05 * 10))
    assert not case.units.holds_voltage[ends].any()


def test_injections_count_what_is_in_service() -> None:
    p_mw, q_mvar = read_matpower(CASE).injections()
    assert p_mw.tolist() == pytest.approx([30 - 4, 3 - 10, 5 - 20 + 3.7])
    assert q_mvar.tolist() == pytest.approx([0.5, 1 - 4, 1 - 8 + 0.2])


def test_the_slack_has_the_voltage_of_its_generator_and_the_angle_of_its_bus() -> None:
    case = read_matpower(CASE)
    assert case.slack_bus.tolist() == [0]
    assert case.slack_v_pu.tolist() == [1.02]
    assert np.rad2deg(case.slack_angle_rad).tolist() == pytest.approx([5])


def test_several_reference_buses_are_several_slacks() -> None:
    case = read_matpower(changed(("7, 2, 20", "7, 3, 20")))
    assert case.slack_bus.tolist() == [0, 2]
    assert case.slack_v_pu.tolist() == [1.02, 1.01]


def test_a_file_and_its_text_are_the_same_case(tmp_path: Path) -> None:
    path = tmp_path / "small.m"
    path.write_text(CASE)
    assert read_matpower(path).network.branch_name == read_matpower(CASE).network.branch_name
    assert read_matpower(str(path)).units.name == read_matpower(CASE).units.name


def test_a_missing_file_is_told() -> None:
    with pytest.raises(CaseError, match=r"no case file at nowhere\.m"):
        read_matpower("nowhere.m")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2	1	10	4", "2	1	ten	4", "Pd is 'ten'"),
        ("2	1	10	4", "2	1	NaN	4", "Pd is 'NaN'"),
        ("2	1	10	4	0", "2	1	10	4", "12 columns"),
        ("2	1	10	4", "2	6	10	4", "bus type 6"),
        ("2	1	10	4", "1	1	10	4", "bus 1 stands a second time"),
        ("7	5	1	8	-8	1.01", "8	5	1	8	-8	1.01", "bus 8 is not in the bus table"),
        ("7	5	1	8	-8	1.01", "7	5	1	8	-8	0", "Vg 0 pu"),
        ("1	2	0.01	0.1	0.02	0	", "1	2	0	0	0.02	0	", "zero impedance"),
        ("1	2	0.01	0.1	0.02	40", "2	2	0.01	0.1	0.02	40", "both ends at the same bus"),
        ("1	2	0.01	0.1	0.02	40", "1	2	0.01	0.1	0.02	-40", "negative rating"),
        ("1	2	0.01	0.1	0.02	40	0	0	0", "1	2	0.01	0.1	0.02	40	0	0	-1", "negative ratio"),
        ("1	0	0	2	0	0	10	300", "1	0	0	3	0	0	10	300", "asks for 6"),
        ("1	0	0	2	0	0	10	300", "1	0	0	2	10	0	5	300", "must rise"),
        ("1	0	0	2	0	0	10	300", "3	0	0	2	0	0	10	300", "expected model 1 or 2"),
        ("mpc.areas = [1 1];", "mpc.bus(:, 3) = mpc.bus(:, 3) * 2;", "computes values"),
        ("mpc.baseMVA = 50;", "mpc.baseMVA = 5 * 10;", "is computed"),
        ("mpc.areas = [1 1];", "mpc.gen = [1 2];", "stands a second time"),
        ("mpc.areas = [1 1];", "mpc.areas = [1 1", "not closed"),
        ("1	7	1	4	0	0.5", "1	6	1	4	0	0.5", "tbus 6 is not in the bus table"),
        ("	'Attic';\n", "", "bus_name has 3 rows for 4"),
        ("	2	0	0	1	7	0	0	0;\n", "", "gencost has 4 rows, expected 5"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, said: str) -> None:
    text = changed((old, new))
    found = problems_of(text)
    assert any(said in what for what in chain.from_iterable(found.values())), found
    assert all(where.startswith(("line ", "mpc.")) for where in found)
    if new.strip():
        assert any(said in what for what in found.get(line_of(new.splitlines()[0], text), [])) or "not closed" in said or "baseMVA" in old


def test_all_faults_of_a_file_come_in_one_error() -> None:
    text = changed(
        ("'2'", "'1'"),
        ("mpc.baseMVA = 50", "mpc.baseMVA = -1"),
        ("1	3	0", "1	2	0"),
        ("2	1	10	4", "2	1	ten	4"),
        ("1	2	0.01	0.1	0.02	40", "1	5	0.01	0.1	0.02	40"),
        ("1	0	0	2	0	0	10	300", "1	0	0	2	0	0	x	300"),
    )
    found = problems_of(text)
    assert {
        "mpc.version",
        "mpc.baseMVA",
        "mpc.bus",
        line_of("ten", text),
        line_of("1	5	0.01", text),
        line_of("x	300", text),
    } <= set(found)


def test_missing_tables_are_named() -> None:
    found = problems_of("function mpc = empty\nmpc.version = '2';\n")
    assert set(found) == {"mpc.baseMVA", "mpc.bus", "mpc.gen", "mpc.branch"}


def test_a_reference_without_a_generator_is_told() -> None:
    text = changed(("1	30	0	Inf	-Inf	1.02	50	1", "1	30	0	Inf	-Inf	1.02	50	0"))
    assert "no generator in service" in problems_of(text)[line_of("1	3	0	0")][0]


def test_a_version_1_file_is_told_what_to_do() -> None:
    found = problems_of("function [baseMVA, bus, gen, branch] = case9\nbaseMVA = 100;\n")
    assert "version 1" in found["line 1"][0]


PGLIB = {
    **{"case3_lmbd": (3, 3, 3), "case5_pjm": (5, 6, 5), "case14_ieee": (14, 20, 5), "case24_ieee_rts": (24, 38, 33)},
    **{"case30_as": (30, 41, 6), "case30_ieee": (30, 41, 6), "case39_epri": (39, 46, 10), "case57_ieee": (57, 80, 7)},
    **{"case73_ieee_rts": (73, 120, 99), "case118_ieee": (118, 186, 54), "case300_ieee": (300, 411, 69)},
}
"""Buses, branches and generators that the library's own table of contents gives."""


@pytest.mark.parametrize("name", PGLIB)
def test_pglib_cases_are_read_whole(shared_data: Path, name: str) -> None:
    case = read_matpower(shared_data / "networks" / "pglib_opf_v23.07" / f"pglib_opf_{name}.m")
    assert (case.network.n_bus, case.network.n_branch, len(case.units.name)) == PGLIB[name]


def test_every_pglib_file_is_among_them(shared_data: Path) -> None:
    files = (shared_data / "networks" / "pglib_opf_v23.07").glob("*.m")
    assert {path.stem.removeprefix("pglib_opf_") for path in files} == set(PGLIB)


def test_rts_gmlc_has_its_names_costs_and_dc_line(shared_data: Path) -> None:
    case = read_matpower(shared_data / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    network, units = case.network, case.units
    assert (network.n_bus, network.n_branch, len(units.name)) == (73, 120, 158 + 2)
    assert network.bus_name[0] == "ABEL"
    assert case.loads.p_mw.sum() == pytest.approx(3 * 2850)
    gas = units.name.index("107_CC_1")
    assert units.fuel[gas] == "NG"
    assert len(units.cost_points[gas]) == 4
    ends = [units.bus[units.name.index(f"dcline 1 {end}")] for end in ("from", "to")]
    assert ends == [12, 24 + 24 + 15], "buses 113 and 316 of three areas with 24 buses each"


@pytest.mark.parametrize("name", [*(f"pglib_opf_v23.07/pglib_opf_{name}.m" for name in PGLIB), "rts_gmlc/RTS_GMLC.m"])
def test_admittances_and_injections_are_those_of_pypower(shared_data: Path, name: str, ybus: Callable[[Network], Matrix]) -> None:
    """The numbers cut out of the file by a regular expression, and assembled by PYPOWER's code in pandapower."""
    text = (shared_data / "networks" / name).read_text()
    bus, gen, branch = (table(text, part) for part in ("bus", "gen", "branch"))
    place = {number: k for k, number in enumerate(bus[:, 0])}
    branch[:, :2] = [[place[end] for end in ends] for ends in branch[:, :2]]
    wide = np.zeros((len(branch), idx_brch.branch_cols))
    wide[:, :13] = branch
    expected = makeYbus(100.0, bus, wide)[0].toarray()
    case = read_matpower(text)
    assert np.abs(ybus(case.network) - expected).max() <= 1e-12 * np.abs(expected).max()
    at, live = np.array([place[number] for number in gen[:, 0]]), gen[:, 7] > 0
    for found, made, used in zip(case.injections(), (1, 2), (2, 3), strict=True):
        net = np.bincount(at[live], weights=gen[live, made], minlength=len(bus)) - bus[:, used]
        assert found == pytest.approx(net, abs=1e-9), "the DC line of RTS-GMLC carries nothing"


def table(text: str, name: str) -> NDArray[np.float64]:
    found = re.search(rf"mpc\.{name} = \[(.*?)\];", re.sub(r"%.*", "", text), re.DOTALL)
    assert found
    return np.array([row.split() for row in re.split(r"[;\n]", found[1]) if row.split()], dtype=np.float64)
