"""The cases that come with gridpilot are the published ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as nw
import pytest
from numpy.typing import NDArray

from gridpilot.errors import UnknownNameError
from gridpilot.network import Network, case_names, load_case, read_matpower
from gridpilot.values import PQ, SLACK

Ybus = Callable[[Network], NDArray[np.complex128]]


@pytest.mark.parametrize("name", case_names())
def test_every_case_loads_under_its_name_and_tells_its_source(name: str) -> None:
    case = load_case(name)
    assert case.network.name == name
    assert len(case.source) > 20


def test_an_unknown_case_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'case14'"):
        load_case("case_14")


def test_case14_has_the_impedances_of_pglib(shared_data: Path) -> None:
    theirs = read_matpower(shared_data / "networks" / "pglib_opf_v23.07" / "pglib_opf_case14_ieee.m")
    ours = load_case("case14")
    for column in ("branch_name", "branch_from", "branch_to", "r_pu", "x_pu", "b_from_pu", "b_to_pu", "tap", "shift_rad", "shunt_b_mvar"):
        assert np.array_equal(getattr(ours.network, column), getattr(theirs.network, column)), column
    for column in ("name", "bus", "p_mw", "q_mvar"):
        assert np.array_equal(getattr(ours.loads, column), getattr(theirs.loads, column)), column


def test_case14_is_balanced_at_the_solution_of_pandapower(ybus: Ybus) -> None:
    """pandapower's own case14, solved by pandapower; its transformers are per-unit copies, exact to about 1e-6."""
    net = nw.case14()
    pp.runpp(net, lightsim2grid=False, tolerance_mva=1e-9)
    v = net.res_bus.vm_pu.to_numpy() * np.exp(1j * np.deg2rad(net.res_bus.va_degree.to_numpy()))
    case = load_case("case14")
    power_mva = v * np.conj(ybus(case.network) @ v) * case.network.base_mva
    p_mw, q_mvar = case.injections()
    kind, v_set = case.kinds()
    assert np.abs(power_mva.real - p_mw)[kind != SLACK].max() <= 1e-4
    assert np.abs(power_mva.imag - q_mvar)[kind == PQ].max() <= 1e-4
    assert np.abs(np.abs(v) - v_set)[kind != PQ].max() <= 1e-9


def test_case14_loses_what_the_archive_says(ybus: Ybus) -> None:
    """The archive's solution: 232.4 MW at bus 1 and 40 MW at bus 2 for 259 MW of load, so 13.4 MW of losses."""
    case = load_case("case14")
    made = sum(p for p, name in zip(case.units.p_mw, case.units.name, strict=True) if name.startswith("gen"))
    assert made - case.loads.p_mw.sum() == pytest.approx(13.4, abs=0.05)
