"""The worst outages of one operating point, with names: rows for people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.contingency import Security
from gridpilot.values import Floats, Ints, Status


class OutageRow(NamedTuple):
    """One outage in words and numbers; None where there is nothing to say."""

    outage: str
    """The lost branches."""
    status: str
    """Name of a `Status`."""
    islanded: bool
    islanded_load_mw: float
    branch: str | None
    """The most loaded branch after it."""
    loading: float | None
    """1.0 is the rating."""
    lowest_bus: str | None
    lowest_v_pu: float | None
    highest_bus: str | None
    highest_v_pu: float | None
    overloads: int
    voltage_violations: int
    confirmed: bool
    """Solved by AC; otherwise loading is an estimate and the voltages are those before the outage."""


def ranking(security: Security, network: Network, *, element: int = 0, top: int | None = None) -> list[OutageRow]:
    """The `top` worst outages of an operating point, worst first; all without `top`.

    Worse is, in this order: no solution, more load islanded, a larger loading, a voltage further outside its band.
    Outages of what is out of service already are left out.
    """
    # from the last key to the first, as lexsort has it
    order = np.lexsort((
        -_voltage_excess(security, network, element),
        -security.worst_loading[element],
        -security.islanded_load_mw[element],
        security.usable[element],
    ))  # fmt: skip
    kept = [int(k) for k in order if security.effective[element, k]]
    return [_row(security, network, element, k) for k in kept[:top]]


def _voltage_excess(security: Security, network: Network, element: int) -> Floats:
    """How far the worst voltage after each outage is outside the band of its bus `[K]`; below 0 inside."""
    low, high = security.lowest_bus[element], security.highest_bus[element]
    under = np.where(low >= 0, network.bus_v_min_pu[low] - security.lowest_v_pu[element], -1.0)
    over = np.where(high >= 0, security.highest_v_pu[element] - network.bus_v_max_pu[high], -1.0)
    excess: Floats = np.maximum(under, over)
    return excess


def _row(security: Security, network: Network, element: int, k: int) -> OutageRow:
    at = element, k

    def named(names: tuple[str, ...], which: Ints) -> str | None:
        return names[which[at]] if which[at] >= 0 else None

    def number(values: Floats, which: Ints) -> float | None:
        return float(values[at]) if which[at] >= 0 else None

    return OutageRow(
        outage=security.outages.name(network, k),
        status=Status(int(security.status[at])).name,
        islanded=bool(security.islanded[at]),
        islanded_load_mw=float(security.islanded_load_mw[at]),
        branch=named(network.branch_name, security.worst_branch),
        loading=number(security.worst_loading, security.worst_branch),
        lowest_bus=named(network.bus_name, security.lowest_bus),
        lowest_v_pu=number(security.lowest_v_pu, security.lowest_bus),
        highest_bus=named(network.bus_name, security.highest_bus),
        highest_v_pu=number(security.highest_v_pu, security.highest_bus),
        overloads=int(security.overloads[at]),
        voltage_violations=int(security.voltage_violations[at]),
        confirmed=bool(security.confirmed[at]),
    )
