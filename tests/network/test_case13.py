"""The balanced IEEE 13-bus feeder is the published one.

Published: W. H. Kersting, "Radial distribution test feeders", IEEE PES Winter Meeting 2001, and the solution that comes
with the tables. It is unbalanced; a balanced feeder is compared with means over the phases.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gridpilot.network import Case, load_case
from gridpilot.powerflow import engine
from gridpilot.values import Flow, Status

PUBLISHED_V_PU = {
    "632": (1.0210, 1.0420, 1.0174),
    "633": (1.0180, 1.0401, 1.0148),
    "634": (0.9940, 1.0218, 0.9960),
    "671": (0.9900, 1.0529, 0.9778),
    "675": (0.9835, 1.0553, 0.9758),
    "680": (0.9900, 1.0529, 0.9778),
}
"""Voltages of the published solution by phase, at buses with three."""


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case("case13")


@pytest.fixture(scope="module")
def flow(case: Case) -> Flow:
    p, q = case.injections()
    kind, v_set = case.kinds()
    closed = case.network.branch_closed[None]
    return engine("newton", case.network).solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)


def test_voltages_are_near_the_means_of_the_published_solution(case: Case, flow: Flow) -> None:
    assert flow.status.tolist() == [Status.OK]
    for name, phases in PUBLISHED_V_PU.items():
        assert flow.v_pu[0, case.network.bus(name)] == pytest.approx(np.mean(phases), abs=0.003), name


def test_the_feeder_takes_what_the_published_solution_says(flow: Flow) -> None:
    """3,577 kW and 1,725 kvar, of which 111 kW are losses; balance leaves fewer."""
    assert flow.p_bus_mw[0, 0] == pytest.approx(3.577, abs=0.02)
    assert flow.q_bus_mvar[0, 0] == pytest.approx(1.725, abs=0.05)
    assert 0.08 < flow.losses_mw[0] < 0.111


def test_lengths_loads_and_capacitors_are_those_of_the_tables(case: Case, shared_data: Path) -> None:
    with (shared_data / "networks" / "ieee13_published_balanced.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = {(row["from_bus"], row["to_bus"]): row for row in rows if row["kind"] in ("line", "switch", "trafo")}
    network = case.network
    ends = {(network.bus_name[a], network.bus_name[b]) for a, b in zip(network.branch_from, network.branch_to, strict=True)}
    assert ends == set(lines)
    for code in ("601", "603"):
        alike = [row for row in lines.values() if row["config"] == code]
        per_foot = [network.r_pu[network.branch(f"{row['from_bus']}-{row['to_bus']}")] / float(row["length_ft"]) for row in alike]
        assert np.allclose(per_foot, per_foot[0])
    at = np.array([int(network.bus_name[bus]) for bus in case.loads.bus])
    for row in rows:
        if row["kind"] == "load" and row["config"] != "distributed":
            here = at == int(row["from_bus"])
            assert float(row["p_mw"]) in case.loads.p_mw[here]
            assert float(row["q_mvar"]) in case.loads.q_mvar[here]
    assert case.loads.p_mw.sum() == pytest.approx(sum(float(row["p_mw"]) for row in rows if row["kind"] == "load"))
    assert network.shunt_b_mvar.sum() == pytest.approx(-sum(float(row["q_mvar"]) for row in rows if row["kind"] == "shunt"))
