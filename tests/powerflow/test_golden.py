"""Every folder of `tests/golden` is a case and its solution by pandapower; a new folder needs no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridpilot import values
from gridpilot.network import Case, read_case
from gridpilot.powerflow import engine
from gridpilot.values import Floats, Flow, ReactiveLimits

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FOLDERS = sorted(path.parent.name for path in GOLDEN.glob("*/case.json"))


def by_bus(case: Case, given: dict[str, float]) -> Floats:
    """Values of some buses as a row, 0 elsewhere `[1, n]`."""
    row = np.zeros((1, case.network.n_bus))
    for name, value in given.items():
        row[0, case.network.bus(name)] = value
    return row


def limits_of(case: Case) -> ReactiveLimits:
    """What the units at every bus can give, less what its loads take."""
    bounds = np.zeros((2, 1, case.network.n_bus))
    for side, column in zip(bounds, (case.units.q_min_mvar, case.units.q_max_mvar), strict=True):
        np.add.at(side[0], case.units.bus, column)
        np.subtract.at(side[0], case.loads.bus, case.loads.q_mvar)
    return ReactiveLimits(*bounds)


def solve(case: Case, inputs: dict[str, Any]) -> Flow:
    """The power flow of a case as its folder says."""
    (p, q), (kind, v_set) = case.injections(), case.kinds()
    for name, what in inputs.get("kind", {}).items():
        kind[case.network.bus(name)] = getattr(values, what)
    return engine("newton", case.network, tolerance_pu=1e-10).solve(
        p[None],
        q[None],
        kind=kind[None],
        v_set_pu=v_set[None],
        closed=case.network.branch_closed[None],
        limits=limits_of(case) if inputs.get("limits") else None,
        share=by_bus(case, inputs["share"]) if "share" in inputs else None,
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_solution_is_the_expected_one(folder: str) -> None:
    case = read_case(GOLDEN / folder / "case.json")
    expected = json.loads((GOLDEN / folder / "expected.json").read_text(encoding="utf-8"))
    flow = solve(case, expected["inputs"])
    assert flow.usable[0]
    for name, voltage in expected["buses"].items():
        bus = case.network.bus(name)
        assert [flow.v_re_pu[0, bus], flow.v_im_pu[0, bus]] == pytest.approx(voltage, abs=1e-8), name
    assert expected["branches"]
    for name, flows in expected["branches"].items():
        k = case.network.branch(name)
        ours = [flow.p_from_mw[0, k], flow.q_from_mvar[0, k], flow.p_to_mw[0, k], flow.q_to_mvar[0, k]]
        assert ours == pytest.approx(flows, abs=1e-6), name


def test_there_is_a_case_for_every_recipe_and_it_is_small() -> None:
    from make_golden import CASES

    assert set(CASES) == set(FOLDERS)
    assert max(path.stat().st_size for path in GOLDEN.glob("*/*.json")) < 20_000
