"""Outages that need no AC power flow: the loading after each, estimated from the AC flow before it.

Active flows move as the DC approximation says (`lodf`). Reactive flows move by the same factors or stay, whichever is more:
where voltages are held near by they stay. A lost branch is taken to leave the larger of the reactive flows at its two ends.
The loading is the apparent power of both over the rating.

The estimate knows nothing of voltages, of losses and of what a lower voltage draws in reactive power. So it says nothing of
voltages outside their band, nor of a collapse where branches are lightly loaded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from gridpilot.network.network import Network
from gridpilot.powerflow.lodf import cuts_off, replacing_transfers, transfer_factors
from gridpilot.powerflow.outages import Outages
from gridpilot.values import Bools, Codes, Floats, Flow, Ints

_CHUNK_FLOATS = 4_000_000
"""Estimated flows held at a time: 32 MB."""


class Estimate(NamedTuple):
    """What the screen expects after each outage, per operating point."""

    loading: Floats
    """Largest loading of any branch `[B, K]`; `inf` where the outage cuts a bus off or has no DC answer."""
    branch: Ints
    """The branch that has it `[B, K]`; −1 where none is loaded or the estimate is `inf`."""


def estimate_loading(network: Network, outages: Outages, *, kind: Codes, closed: Bools, base: Flow) -> Estimate:
    """The estimate for every outage at every operating point, of which `base` is the solved AC flow.

    Raises `PhysicsError` for a branch without reactance, or where bus-bus switches are closed.
    """
    shape = len(closed), len(outages)
    found = Estimate(np.full(shape, np.inf), np.full(shape, -1, dtype=np.int64))
    index = outages.index
    topologies, which = np.unique(np.concatenate([closed.astype(np.int8), kind], axis=1), axis=0, return_inverse=True)
    for t in range(len(topologies)):
        members = np.flatnonzero(which.ravel() == t)
        now, kinds = closed[members[0]], kind[members[0]]
        transfer = transfer_factors(network, closed=now, kind=kinds)
        whole = ~cuts_off(network, index, closed=now, kind=kinds)
        for b in members[base.usable[members]].tolist():
            _estimate_point(network, outages, index, whole, transfer, base, b, found)
    return found


def _estimate_point(
    network: Network, outages: Outages, index: Ints, whole: Bools, transfer: Floats, base: Flow, b: int, found: Estimate
) -> None:
    """Write the estimates of one operating point."""
    rows = max(1, _CHUNK_FLOATS // max(1, network.n_branch))
    q_from, q_to = base.q_from_mvar[b], base.q_to_mvar[b]
    q_mvar = np.where(np.abs(q_from) > np.abs(q_to), q_from, -q_to)
    sizes = np.array([len(lost) for lost in outages.branches], dtype=np.int64)
    for size in np.unique(sizes):
        group = np.flatnonzero(whole & (sizes == size))
        for first in range(0, len(group), rows):
            part = group[first : first + rows]
            lost = index[part, :size]
            moved_mw, answered = replacing_transfers(transfer, lost, base.p_from_mw[b])
            moved_mvar, _ = replacing_transfers(transfer, lost, q_mvar)
            gone = lost[answered]
            everywhere_mw, everywhere_mvar = _spread(gone, moved_mw[answered], transfer), _spread(gone, moved_mvar[answered], transfer)
            loading = _loading_after(network, gone, everywhere_mw, everywhere_mvar, base, b)
            worst = loading.argmax(axis=1)
            highest = np.take_along_axis(loading, worst[:, None], axis=1)[:, 0]
            found.loading[b, part[answered]] = highest
            found.branch[b, part[answered]] = np.where(highest > 0.0, worst, -1)


def _spread(lost: Ints, transfers: Floats, transfer: Floats) -> Floats:
    """What the transfers in the place of lost branches put on every branch `[K, m]`."""
    rows = np.repeat(np.arange(len(lost)), lost.shape[1])
    chosen = csr_array((transfers.ravel(), (rows, lost.ravel())), shape=(len(lost), len(transfer)))
    return np.asarray(chosen @ transfer.T, dtype=np.float64)


def _loading_after(network: Network, lost: Ints, moved_mw: Floats, moved_mvar: Floats, base: Flow, b: int) -> Floats:
    """Estimated loading of every branch after every outage `[K, m]`."""
    q_from, q_to = base.q_from_mvar[b], base.q_to_mvar[b]
    from_mva = np.hypot(base.p_from_mw[b] + moved_mw, np.maximum(np.abs(q_from), np.abs(q_from + moved_mvar)))
    to_mva = np.hypot(base.p_to_mw[b] - moved_mw, np.maximum(np.abs(q_to), np.abs(q_to - moved_mvar)))
    loading: Floats = np.maximum(from_mva, to_mva) / network.rating_mva
    np.put_along_axis(loading, lost, 0.0, axis=1)
    return loading
