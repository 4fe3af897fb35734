"""A network at other tap positions and with capacitor banks, and engines that solve one such network at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.group import Inputs
from gridpilot.powerflow.seam import elements_of, every_row, in_order
from gridpilot.values import Floats, Flow, PowerFlow


def adjusted_network(network: Network, tap: Floats | None, bank_mvar: Floats | None) -> Network:
    """The network with these ratios `[m]`, and a shunt for every bank `[n]` that supplies something."""
    changed = network if tap is None else replace(network, tap=tap.copy())
    if bank_mvar is None:
        return changed
    bus = np.flatnonzero(bank_mvar)
    return replace(
        changed,
        shunt_name=changed.shunt_name + tuple(f"bank at {network.bus_name[k]}" for k in bus),
        shunt_bus=np.concatenate([changed.shunt_bus, bus]),
        shunt_g_mw=np.concatenate([changed.shunt_g_mw, np.zeros(len(bus))]),
        shunt_b_mvar=np.concatenate([changed.shunt_b_mvar, bank_mvar[bus]]),
    )


def solve_adjusted(network: Network, build: Callable[[Network], PowerFlow], inputs: Inputs, start: Flow | None) -> Flow:
    """Solve the elements of each combination of ratios and banks by an engine of their own, which `build` makes of its network."""
    full = every_row(inputs)
    batch = len(full.p_mw)
    positions = np.concatenate([values for values in (full.tap, full.bank_mvar) if len(values)], axis=1)
    which = np.unique(positions, axis=0, return_inverse=True)[1].ravel()
    rows = [np.flatnonzero(which == c) for c in range(which.max() + 1)]
    flows = []
    for mine in rows:
        tap = full.tap[mine[0]] if len(full.tap) else None
        bank_mvar = full.bank_mvar[mine[0]] if len(full.bank_mvar) else None
        flows.append(
            build(adjusted_network(network, tap, bank_mvar)).solve(
                full.p_mw[mine],
                full.q_mvar[mine],
                kind=full.kind[mine],
                v_set_pu=full.v_set_pu[mine],
                closed=full.closed[mine],
                start=None if start is None or not batch else elements_of(start, mine),
            )
        )
    return in_order(flows, np.concatenate(rows))
