"""DC sensitivities: how much of a megawatt injected at a bus flows over each branch.

With the branch susceptances b = 1 / (x · tap), C the branch-bus incidence and B = Cᵀ diag(b) C, the power transfer
distribution factors are diag(b) C B⁻¹, the slack's row and column left out of B.

Source: A. J. Wood, B. F. Wollenberg, "Power Generation, Operation and Control", ch. 7 (generation shift factors).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import SuperLU, splu

from gridpilot.errors import PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.powerflow.islands import energised_buses
from gridpilot.values import SLACK, Bools, Codes, Floats, Ints


class DcSystem(NamedTuple):
    """The factorised DC equations of one topology."""

    free: Ints
    """Buses whose angle is unknown: energised, and not slack."""
    on: Bools
    """Branches in service with both ends energised `[m]`."""
    susceptance: Floats
    """b of every branch in pu, 0 where it is out `[m]`."""
    flow_matrix: csc_array
    """From angles to branch flows in pu `[m, n]`: diag(b) C."""
    factors: SuperLU | None
    """Of B on the free buses; None where there are none."""


def check_reactances(network: Network) -> None:
    """Raises `PhysicsError` where a branch has no reactance, for which DC equations have no meaning."""
    bad = np.flatnonzero(network.x_pu == 0)
    if len(bad):
        problems = [Problem(f"branch {network.branch_name[k]}", "has x_pu = 0, expected another value") for k in bad]
        raise PhysicsError(f"Network {network.name!r} has no DC approximation.", problems, hint="Use the AC engine `newton`.")


def dc_system(network: Network, *, closed: Bools, energised: Bools, kind: Codes) -> DcSystem:
    """The DC equations with the branches `closed` `[m]` and the buses `energised` `[n]`, of which SLACK ones are given.

    Raises `RuntimeError` (of SuperLU) where series capacitors make the matrix singular.
    """
    on = closed & energised[network.branch_from] & energised[network.branch_to]
    susceptance = np.where(on, 1.0 / (network.x_pu * network.tap), 0.0)
    m, rows = network.n_branch, np.arange(network.n_branch)
    ends = np.concatenate([network.branch_from, network.branch_to])
    signs = np.repeat([1.0, -1.0], m)
    incidence = csc_array((signs, (np.concatenate([rows, rows]), ends)), shape=(m, network.n_bus))
    flow_matrix = csc_array(diags_array(susceptance) @ incidence)
    free = np.flatnonzero(energised & (kind != SLACK))
    factors = splu(csc_array((incidence.T @ flow_matrix)[free][:, free])) if len(free) else None
    return DcSystem(free, on, susceptance, flow_matrix, factors)


def ptdf(network: Network, *, closed: Bools, kind: Codes) -> Floats:
    """Power transfer distribution factors `[m, n]`: MW at the from end of a branch per MW injected at a bus.

    `closed` `[m]`, `kind` `[n]`. The slack bus takes the injection out again; several share it as the grid has it.
    Zero for open branches and for buses that are not energised. Raises `PhysicsError` for a branch without reactance.
    """
    check_reactances(network)
    energised = energised_buses(network, closed=closed[None], kind=kind[None])[0]
    system = dc_system(network, closed=closed, energised=energised, kind=kind)
    factors = np.zeros((network.n_branch, network.n_bus))
    if system.factors is not None:
        # B is symmetric: solving for the rows of diag(b) C needs no transpose
        factors[:, system.free] = system.factors.solve(system.flow_matrix[:, system.free].toarray().T).T
    return factors
