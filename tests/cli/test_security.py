"""`gridpilot security`: the worst outages of a scenario's first state or of a case, islanding ones apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Invoke

from gridpilot.network import load_case, read_matpower
from gridpilot.powerflow import engine

LINES = """function mpc = two
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
  1 3 0   0 0 0 1 1 0 110 1 1.1 0.9;
  2 1 140 0 0 0 1 1 0 110 1 1.1 0.9;
  3 1 5   0 0 0 1 1 0 110 1 1.1 0.9;
];
mpc.gen = [1 0 0 300 -300 1 100 1 300 0];
mpc.branch = [
  1 2 0 0.05 0 100 0 0 0 0 1 -360 360;
  1 2 0 0.5  0 200 0 0 0 0 1 -360 360;
  2 3 0 0.1  0 50  0 0 0 0 1 -360 360;
];
"""
"""A strong line, a weak one beside it that cannot carry the load alone, and a spur."""


def written() -> str:
    Path("two.m").write_text(LINES)
    return "two.m"


def test_a_matpower_file_has_its_outages_worst_first_and_the_islanding_ones_apart(invoke: Invoke) -> None:
    document = json.loads(invoke("security", "--case", written(), "--json").stdout)
    assert document["outages"] == document["confirmed"] == document["insecure"] == 3
    assert [row["outage"] for row in document["worst"]] == ["1-2", "1-2 #2"]
    assert [row["status"] for row in document["worst"]] == ["DIVERGED", "OK"]
    assert document["worst"][0]["loading"] is None
    (spur,) = document["islanding"]
    assert (spur["outage"], spur["islanded_load_mw"]) == ("2-3", 5.0)
    shown = invoke("security", "--case", written()).stdout
    for said in ("N-1 that cuts buses off", "diverged", "5.0", "3 of 3 outages", "largest loading"):
        assert said in shown


def test_the_numbers_are_those_of_the_grid_without_the_branch(invoke: Invoke) -> None:
    document = json.loads(invoke("security", "--case", written(), "--json").stdout)
    case = read_matpower("two.m")
    (p, q), (kind, v) = case.injections(), case.kinds()
    closed = np.array([[True, False, True]])
    flow = engine("newton", case.network).solve(p[None], q[None], kind=kind[None], v_set_pu=v[None], closed=closed)
    (row,) = [row for row in document["worst"] if row["outage"] == "1-2 #2"]
    assert row["loading"] == pytest.approx(flow.loading.max(), abs=1e-7)
    assert row["lowest_v_pu"] == pytest.approx(flow.v_pu.min(), abs=1e-7)
    assert row["branch"] == "1-2"


def test_a_shipped_case_is_called_by_its_name(invoke: Invoke) -> None:
    document = json.loads(invoke("security", "--case", "case14", "--json").stdout)
    assert document["outages"] == load_case("case14").network.n_branch
    assert [row["outage"] for row in document["islanding"]] == ["7-8"]
    shown = invoke("security", "--case", "case14", "--top", "2").stdout
    assert "2 of 19" in shown
    assert "No branch has a rating" in shown


def test_a_scenario_is_examined_at_its_first_state(invoke: Invoke) -> None:
    arguments = ("security", "--scenario", "ieee14", "--start", "2016-07-04")
    document = json.loads(invoke(*arguments, "--json").stdout)
    assert document["grid"] == "ieee14, 2016-07-04T00:00"
    assert document["outages"] == 20
    assert document == json.loads(invoke(*arguments, "--json").stdout)
    assert document["base"]["status"] == "OK"


def test_with_a_screen_estimates_are_marked(invoke: Invoke) -> None:
    full = json.loads(invoke("security", "--scenario", "ieee14", "--json").stdout)
    screened = json.loads(invoke("security", "--scenario", "ieee14", "--screen", "0.7", "--json").stdout)
    assert 0 < screened["confirmed"] < full["confirmed"] == 20
    overloads = [row["outage"] for row in full["worst"] if row["overloads"]]
    assert overloads == [row["outage"] for row in screened["worst"] if row["overloads"]]
    shown = invoke("security", "--scenario", "ieee14", "--screen", "0.7").stdout
    assert "screened" in shown
    assert "~ marks estimates" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case", "case15"], "case14"),
        (["--case", "nowhere.m"], "nowhere.m"),
        (["--scenario", "nowhere"], "six"),
        (["--screen", "0"], "screen"),
        (["--case", "case14", "--engine", "magic"], "newton"),
    ],
)
def test_what_cannot_be_examined_is_told(arguments: list[str], said: str, invoke: Invoke) -> None:
    result = invoke("security", *arguments, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
