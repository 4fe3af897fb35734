"""The Jacobian is the derivative of the power-flow equations, in the order its module says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.network import Case
from gridpilot.powerflow.jacobian import currents, jacobian, power_derivatives, unknowns_of
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.ybus import bus_admittances
from gridpilot.values import PQ, SLACK


@given(seed=st.integers(0, 10**6))
def test_columns_are_finite_differences_of_the_given_powers(
    random_grid: Callable[[int], Case], batch: Callable[..., Any], seed: int
) -> None:
    case = random_grid(seed)
    flow, kind = Newton(case.network).solve(**batch(case)), case.kinds()[0]
    y = bus_admittances(case.network, case.network.branch_closed)
    unknowns = unknowns_of(kind, flow.energised[0])
    v = flow.v_re_pu[0] + 1j * flow.v_im_pu[0]
    matrix = jacobian(power_derivatives(y, v), unknowns).toarray()
    assert matrix.shape == (unknowns.size, unknowns.size)
    for column, bus in enumerate(np.concatenate([unknowns.angle, unknowns.magnitude])):
        by_angle, h = column < len(unknowns.angle), 1e-6
        ends = []
        for step in (-h, h):
            moved = v.copy()
            moved[bus] *= np.exp(1j * step) if by_angle else 1.0 + step / abs(v[bus])
            ends.append(unknowns.pick(moved * np.conj(currents(y, moved))))
        assert np.allclose(matrix[:, column], (ends[1] - ends[0]) / (2 * h), atol=1e-7, rtol=1e-6)


def test_unknowns_are_angles_of_all_but_slack_buses_then_magnitudes_of_load_buses(case14: Case) -> None:
    kind, energised = case14.kinds()[0], np.ones(14, dtype=np.bool_)
    energised[13] = False
    unknowns = unknowns_of(kind, energised)
    assert unknowns.angle.tolist() == [k for k in range(13) if kind[k] != SLACK]
    assert unknowns.magnitude.tolist() == [k for k in range(13) if kind[k] == PQ]
