"""Elements whose pivots were at fault, solved by SciPy's sparse LU (`gridpilot.powerflow.rescue`), which pivots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.adjusted import adjusted_network
from gridpilot.powerflow.group import Inputs, Outputs, Settings
from gridpilot.powerflow.islands import roles
from gridpilot.powerflow.rescue import rescue
from gridpilot.powerflow.seam import copy_element, new_outputs, one_element
from gridpilot.values import OFF, Status

_CLOSER = 0.5
"""Part of the tolerance that the other solver is asked for, as the two round differently."""


def rescue_rows(network: Network, settings: Settings, inputs: Inputs, out: Outputs, read_out: Callable[[Inputs, Outputs], None]) -> None:
    """Solve the elements marked `rescued` anew; the mark stays with those that are solved now.

    `read_out` solves a batch with the compiled engine, which has nothing left to do but to compute what follows from the
    voltages. Elements with reactive limits or a shared slack stay as they are: the other solver knows neither.
    """
    rows = np.flatnonzero(out.rescued)
    out.rescued[rows] = False
    if len(inputs.q_min_mvar) or len(inputs.share):
        return
    for row in rows.tolist():
        _rescue_row(network, settings, one_element(inputs, row), out, row, read_out)


def _rescue_row(
    network: Network, settings: Settings, one: Inputs, out: Outputs, row: int, read_out: Callable[[Inputs, Outputs], None]
) -> None:
    tap, bank_mvar = (values[0] if len(values) else None for values in (one.tap, one.bank_mvar))
    network = adjusted_network(network, tap, bank_mvar)
    if len(one.head):
        network, one = _with_moved_ends(network, one)
    role = roles(network, closed=one.closed, kind=one.kind)[0]
    found = rescue(
        network, one.p_mw[0], one.q_mvar[0], role, one.v_set_pu[0], one.closed[0], role != OFF,
        np.ones(network.n_bus, dtype=np.complex128), _CLOSER * settings.tolerance_pu, settings.max_iterations,
    )  # fmt: skip
    if not found.converged:
        return
    start = one._replace(
        start_re=found.v.real[None].copy(), start_im=found.v.imag[None].copy(), start_status=np.array([Status.OK], dtype=np.int8)
    )
    mine = new_outputs(1, network.n_bus, network.n_branch)
    read_out(start, mine)
    mine.rescued[0] = mine.status[0] in (Status.OK, Status.ISLANDED)
    if mine.rescued[0]:
        mine.iterations[0] = found.iterations
    copy_element(mine, out, row)


def _with_moved_ends(network: Network, one: Inputs) -> tuple[Network, Inputs]:
    """The network in which branches and shunts are at the heads of their buses; what closed switches bridge is open."""
    head = one.head[0]
    a, b = head[network.branch_from], head[network.branch_to]
    real = a != b
    moved = replace(
        network,
        branch_from=np.where(real, a, network.branch_from),
        branch_to=np.where(real, b, network.branch_to),
        shunt_bus=head[network.shunt_bus],
    )
    return moved, one._replace(closed=one.closed & real)
