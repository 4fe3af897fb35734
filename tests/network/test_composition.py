"""Feeders put together keep their physics, under names that say whose they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridpilot.errors import CaseError
from gridpilot.network import Case, Part, Transformer, compose, load_case
from gridpilot.powerflow import engine
from gridpilot.values import Flow

UNIT = Transformer(5.0, 0.01, 0.08)


def solved(case: Case) -> Flow:
    p, q = case.injections()
    kind, v_set = case.kinds()
    closed = case.network.branch_closed[None]
    solver = engine("newton", case.network, tolerance_pu=1e-9 / case.network.base_mva)
    return solver.solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)


def whole(base_mva: float = 3.0, scale: float = 0.2) -> Case:
    feeder = load_case("case13")
    parts = [Part("A", feeder, "822", UNIT, scale), Part("B", feeder, "848", UNIT, scale)]
    return compose("both", load_case("case34"), parts, host_name="HOST", base_mva=base_mva, scale=scale)


def test_everything_is_called_by_the_name_of_its_part() -> None:
    network = whole().network
    assert network.n_bus == 34 + 2 * 13
    assert {name.split("-")[0] for name in (*network.bus_name, *network.branch_name, *network.shunt_name)} == {"HOST", "A", "B"}
    link = network.branch("A-SUBSTATION")
    assert [network.bus_name[network.branch_from[link]], network.bus_name[network.branch_to[link]]] == ["HOST-822", "A-650"]


def test_demand_and_capacitors_are_scaled_and_lines_are_not() -> None:
    case, feeder, host = whole(base_mva=5.0), load_case("case13"), load_case("case34")
    assert case.loads.p_mw.sum() == pytest.approx(0.2 * (host.loads.p_mw.sum() + 2 * feeder.loads.p_mw.sum()))
    assert case.network.shunt_b_mvar.sum() == pytest.approx(0.2 * (0.75 + 2 * 0.7))
    line = case.network.branch("A-632-671")
    assert case.network.r_pu[line] == feeder.network.r_pu[feeder.network.branch("632-671")]


@pytest.mark.parametrize("base_mva", [1.0, 100.0])
def test_the_base_changes_nothing_in_volts_and_watts(base_mva: float) -> None:
    ours, theirs = solved(whole()), solved(whole(base_mva=base_mva))
    assert np.abs(ours.v_pu - theirs.v_pu).max() < 1e-9
    assert np.abs(ours.p_from_mw - theirs.p_from_mw).max() < 1e-7


def test_a_part_without_load_leaves_its_host_as_it_is() -> None:
    """But for the charging of its lines, which is some 200 var."""
    host = load_case("case34")
    alone = solved(host)
    with_part = solved(compose("one", host, [Part("A", load_case("case13"), "848", UNIT, 0.0)], host_name="HOST", base_mva=2.5))
    assert np.abs(with_part.v_pu[0, :34] - alone.v_pu[0]).max() < 2e-4


def test_a_head_without_a_transformer_is_the_bus_of_the_host() -> None:
    feeder = load_case("powergrid13")
    case = compose("one", load_case("powergrid34"), [Part("A", feeder, "848", None)], host_name="HOST", base_mva=3.0)
    assert case.network.n_bus == 36 + 12
    assert "A-650" not in case.network.bus_name
    head = case.network.branch("A-650-632")
    assert case.network.bus_name[case.network.branch_from[head]] == "HOST-848"


def test_every_part_that_does_not_fit_is_told() -> None:
    feeder = load_case("case13")
    slow = replace(feeder, network=replace(feeder.network, frequency_hz=50.0))
    parts = [Part("A", feeder, "999", UNIT), Part("B", feeder, "848", None), Part("C", slow, "848", UNIT)]
    with pytest.raises(CaseError) as error:
        compose("odd", load_case("case34"), parts, host_name="HOST", base_mva=3.0)
    told = str(error.value)
    for sentence in ("A: there is no bus '999'", "B: its head has 4.16 kV and the host's bus 24.9 kV", "C: has 50 Hz, the host 60 Hz"):
        assert sentence in told
