"""What the flows of lost branches do to the others, in the DC approximation.

Sending one megawatt from the from bus to the to bus of branch k puts H_lk megawatts on branch l. A branch that carries
f_k and is lost acts as a transfer w_k between its ends that is all its own flow: w_k = f_k + H_kk w_k. So

    f'_l = f_l + H_lk / (1 − H_kk) · f_k,

whose factors are the line outage distribution factors. For several branches S lost together, the k x k system

    (I − H_SS) w_S = f_S,    f' = f + H_·S w_S

takes their place. It has no solution where the outage splits the DC grid.

Sources: A. J. Wood, B. F. Wollenberg, "Power Generation, Operation and Control", ch. 7; T. Güler, G. Gross, M. Liu,
"Generalized line outage distribution factors", IEEE Trans. PWRS 22 (2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.islands import energised_buses
from gridpilot.powerflow.seam import check_fused
from gridpilot.powerflow.sensitivities import ptdf
from gridpilot.values import Bools, Codes, Floats, Ints

SINGULAR = 1e-9
"""Determinant of I − H_SS below which an outage has no DC answer: 0 but for rounding."""

_CHUNK_FLAGS = 32_000_000
"""Positions of branches and states of buses held at a time, a byte each."""


class Lodf(NamedTuple):
    """Line outage distribution factors of one topology."""

    factors: Floats
    """MW more on a branch (row) per MW that a lost branch (column) carried `[m, m]`.

    −1 on the diagonal. The column of a branch that is out of service already, or in `bridges`, is 0.
    """
    bridges: Bools
    """Branches in service whose loss cuts a bus off from every source, or leaves no DC solution `[m]`."""


def lodf(network: Network, *, closed: Bools, kind: Codes) -> Lodf:
    """Line outage distribution factors with the branches `closed` `[m]` in service and buses of `kind` `[n]`.

    Raises `PhysicsError` for a branch without reactance, or where bus-bus switches are closed.
    """
    transfer = transfer_factors(network, closed=closed, kind=kind)
    energised = energised_buses(network, closed=closed[None], kind=kind[None])[0]
    on = closed & energised[network.branch_from] & energised[network.branch_to]
    left = 1.0 - np.diag(transfer)
    single = np.arange(network.n_branch)[:, None]
    bridges = on & (cuts_off(network, single, closed=closed, kind=kind) | (np.abs(left) < SINGULAR))
    answered = np.flatnonzero(on & ~bridges)
    factors = np.zeros((network.n_branch, network.n_branch))
    factors[:, answered] = transfer[:, answered] / left[answered]
    factors[answered, answered] = -1.0
    return Lodf(factors, bridges)


def transfer_factors(network: Network, *, closed: Bools, kind: Codes) -> Floats:
    """H: MW on a branch (row) per MW sent from the from bus to the to bus of a branch (column) `[m, m]`."""
    check_fused(network)
    factors = ptdf(network, closed=closed, kind=kind)
    between: Floats = factors[:, network.branch_from] - factors[:, network.branch_to]
    return between


def cuts_off(network: Network, lost: Ints, *, closed: Bools, kind: Codes) -> Bools:
    """Whether losing the branches of a row of `lost` `[K, k]` takes the supply from a bus that had one `[K]`."""
    before = energised_buses(network, closed=closed[None], kind=kind[None])
    cut = np.zeros(len(lost), dtype=np.bool_)
    rows = max(1, _CHUNK_FLAGS // (network.n_branch + network.n_bus))
    for first in range(0, len(lost), rows):
        part = lost[first : first + rows]
        remaining = np.repeat(closed[None], len(part), axis=0)
        np.put_along_axis(remaining, part, False, axis=1)
        after = energised_buses(network, closed=remaining, kind=np.repeat(kind[None], len(part), axis=0))
        cut[first : first + rows] = (before & ~after).any(axis=1)
    return cut


def replacing_transfers(transfer: Floats, lost: Ints, flow_mw: Floats) -> tuple[Floats, Bools]:
    """The transfers w_S in MW that stand for losing the branches of each row of `lost` `[K, k]`, from flows `[m]`.

    A row names each branch once. The second value says which rows have an answer; the others are 0.
    """
    systems = np.eye(lost.shape[1]) - transfer[lost[:, :, None], lost[:, None, :]]
    answered = np.abs(np.linalg.det(systems)) >= SINGULAR
    moved = np.zeros(lost.shape)
    moved[answered] = np.linalg.solve(systems[answered], flow_mw[lost[answered]][:, :, None])[:, :, 0]
    return moved, answered
