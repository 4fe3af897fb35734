"""The balanced IEEE 34-bus feeder is the published one.

Published: W. H. Kersting, "Radial distribution test feeders", IEEE PES Winter Meeting 2001, and the solution that comes
with the tables. It is unbalanced, with loads of constant impedance and current among those of constant power; a balanced
feeder of constant power is compared with means over the phases.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gridpilot.network import Case, load_case
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.pandapower import Pandapower
from gridpilot.values import Flow, Status

PUBLISHED_V_PU = {
    "806": (1.0457, 1.0474, 1.0474),
    "808": (1.0136, 1.0296, 1.0289),
    "812": (0.9763, 1.0100, 1.0069),
    "814": (0.9467, 0.9945, 0.9893),
    "850": (1.0176, 1.0255, 1.0203),
    "824": (1.0082, 1.0158, 1.0116),
    "830": (0.9894, 0.9982, 0.9938),
    "852": (0.9581, 0.9680, 0.9637),
    "832": (1.0359, 1.0345, 1.0360),
    "834": (1.0309, 1.0295, 1.0313),
    "848": (1.0310, 1.0291, 1.0314),
    "840": (1.0303, 1.0287, 1.0308),
    "888": (0.9996, 0.9983, 1.0000),
}
"""Voltages of the published solution by phase, at buses with three."""
PUBLISHED_890_PU = (0.9167, 0.9235, 0.9177)
KFT = 1000.0


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case("case34")


def solved(case: Case, engine: type[Newton] | type[Pandapower]) -> Flow:
    p, q = case.injections()
    kind, v_set = case.kinds()
    made = engine(case.network, tolerance_pu=1e-11)
    return made.solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=case.network.branch_closed[None])


@pytest.fixture(scope="module")
def flow(case: Case) -> Flow:
    return solved(case, Newton)


def test_voltages_are_near_the_means_of_the_published_solution(case: Case, flow: Flow) -> None:
    assert flow.status.tolist() == [Status.OK]
    for name, phases in PUBLISHED_V_PU.items():
        assert flow.v_pu[0, case.network.bus(name)] == pytest.approx(np.mean(phases), abs=0.004), name


def test_the_largest_load_pulls_its_bus_lower_at_constant_power(case: Case, flow: Flow) -> None:
    """It is one of constant current in the tables, which takes less the lower its voltage."""
    here = flow.v_pu[0, case.network.bus("890")]
    assert np.mean(PUBLISHED_890_PU) - 0.02 < here < np.mean(PUBLISHED_890_PU)


def test_the_feeder_takes_what_the_published_solution_says(flow: Flow) -> None:
    """2,043 kW and 290 kvar, of which 273 kW are losses; loads that follow the voltage there make the reactive power differ."""
    assert flow.p_bus_mw[0, 0] == pytest.approx(2.043, abs=0.01)
    assert flow.q_bus_mvar[0, 0] == pytest.approx(0.290, abs=0.05)
    assert flow.losses_mw[0] == pytest.approx(0.273, abs=0.01)


def test_pandapower_finds_the_same_voltages(case: Case, flow: Flow) -> None:
    theirs = solved(case, Pandapower)
    assert theirs.status.tolist() == [Status.OK]
    for name in ("v_re_pu", "v_im_pu"):
        assert np.abs(getattr(flow, name) - getattr(theirs, name)).max() <= 1e-8, name


# -------------------------------------------------------------------------------- the tables, as OpenDSS restates them


@pytest.fixture(scope="module")
def opendss(shared_data: Path) -> Path:
    return shared_data / "networks" / "ieee_feeders_opendss" / "34Bus"


def segments(text: str) -> dict[frozenset[str], tuple[str, float]]:
    """Line code and length in feet between two buses; halves with a load in the middle are put together."""
    pattern = r"New Line\.\S+\s+Phases=\d\s+Bus1=(\w+)\S*\s+Bus2=(\w+)\S*\s+LineCode=(\d+)\s+Length=\(?([\d.]+)"
    halves = [(a.lower(), b.lower(), code, float(kft) * KFT) for a, b, code, kft in re.findall(pattern, text)]
    through = {b: a for a, b, _, _ in halves if b.startswith("mid")}
    # A half is written as (length 2 /), so that the number before the 2 is the whole.
    whole = [(through.get(a, a), b, code, feet) for a, b, code, feet in halves if not b.startswith("mid")]
    return {frozenset(bus.removesuffix("r") for bus in (a, b)): (code, feet) for a, b, code, feet in whole}


def codes(text: str) -> dict[str, tuple[complex, float]]:
    """Positive-sequence impedance in ohm and capacitance in nF per 1000 ft of the line codes."""
    found = {}
    for code, body in re.findall(r"New linecode\.(30\d)(.*?)(?=\nNew|\n\n)", text, re.DOTALL):
        r, x, c = (re.search(rf"{key}\s*=\s*[\[(](.*?)[\])]", body, re.IGNORECASE) for key in ("rmatrix", "xmatrix", "cmatrix"))
        assert r is not None
        assert x is not None
        assert c is not None
        sequence = [_positive([float(v) for v in m.group(1).replace("|", " ").split()]) for m in (r, x, c)]
        found[code] = complex(sequence[0], sequence[1]), sequence[2]
    return found


def _positive(lower: list[float]) -> float:
    """Mean self less mean mutual of a lower triangle of three phases; itself for one phase."""
    return lower[0] if len(lower) == 1 else float(np.mean([lower[0], lower[2], lower[5]]) - np.mean([lower[1], lower[3], lower[4]]))


def test_impedances_are_those_of_the_line_codes(case: Case, opendss: Path) -> None:
    text = (opendss / "ieee34Mod2.dss").read_text(encoding="latin-1")
    known, of_code = segments(text), codes((opendss / "IEEELineCodes.DSS").read_text(encoding="latin-1"))
    network = case.network
    lines = [k for k, name in enumerate(network.branch_name) if name != "832-888"]
    assert {frozenset((network.bus_name[network.branch_from[k]], network.bus_name[network.branch_to[k]])) for k in lines} == set(known)
    for k in lines:
        a, b = network.branch_from[k], network.branch_to[k]
        code, feet = known[frozenset((network.bus_name[a], network.bus_name[b]))]
        z, nanofarad = of_code[code]
        ohm = network.bus_kv[a] ** 2 / network.base_mva
        assert complex(network.r_pu[k], network.x_pu[k]) * ohm == pytest.approx(z * feet / KFT, rel=2e-4), network.branch_name[k]
        charging = (network.b_from_pu[k] + network.b_to_pu[k]) / ohm
        assert charging == pytest.approx(2 * np.pi * 60 * nanofarad * 1e-9 * feet / KFT, rel=2e-3)


def test_loads_and_capacitors_are_those_of_the_tables(case: Case, opendss: Path) -> None:
    text = (opendss / "ieee34Mod2.dss").read_text(encoding="latin-1")
    spot = dict.fromkeys(("860", "840", "844", "848", "830", "890"), (0.0, 0.0))
    for bus, kw, kvar in re.findall(r"New Load\.S\w+\s+Bus1=(\d+).*?kW=\s*([\d.]+)\s+kVAR=\s*([\d.]+)", text):
        spot[bus] = spot[bus][0] + float(kw) / 1e3, spot[bus][1] + float(kvar) / 1e3
    at = [case.network.bus_name[bus] for bus in case.loads.bus]
    found = {
        bus: (p, q)
        for name, bus, p, q in zip(case.loads.name, at, case.loads.p_mw, case.loads.q_mvar, strict=True)
        if name == f"load {bus}"
    }
    assert found == {bus: pytest.approx(pq) for bus, pq in spot.items()}
    every = [(float(kw), float(kvar)) for kw, kvar in re.findall(r"New Load\..*?kW=\s*([\d.]+)\s+kVAR=\s*([\d.]+)", text)]
    assert case.loads.p_mw.sum() * 1e3 == pytest.approx(sum(kw for kw, _ in every))
    assert case.loads.q_mvar.sum() * 1e3 == pytest.approx(sum(kvar for _, kvar in every))
    banks = {bus: float(kvar) / 1e3 for bus, kvar in re.findall(r"New Capacitor\.\w+\s+Bus1=(\d+).*?kVAR=(\d+)", text)}
    ours = {case.network.bus_name[bus]: b for bus, b in zip(case.network.shunt_bus, case.network.shunt_b_mvar, strict=True)}
    assert ours == banks
