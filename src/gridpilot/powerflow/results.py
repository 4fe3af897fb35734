"""What is read off a solved power flow, in the units of a control room: apparent power, current, loading and losses of branches.

    |S| = √(P² + Q²),    I = |S| / (√3 · V)    with the line-to-line voltage V of the branch's own end

Source: IEC 60909-0 for the three-phase relation; the columns are those of pandapower's `res_line` and `res_trafo`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from gridpilot.errors import PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.values import Floats, Flow, Ints


@dataclass(frozen=True, slots=True, eq=False)
class BranchResults:
    """Every branch at both ends `[B, m]`; 0 where it is open or dead, and in elements that were not solved."""

    s_from_mva: Floats
    s_to_mva: Floats
    i_from_ka: Floats
    i_to_ka: Floats
    """Current at either end: of a transformer, that of the side."""
    loading_percent: Floats
    """Of the rating, as the engine measures it: `Flow.loading`."""
    p_loss_mw: Floats
    q_loss_mvar: Floats
    """What goes in at both ends; a branch whose charging outweighs its losses has less than 0 Mvar."""


def branch_results(network: Network, flow: Flow) -> BranchResults:
    """The results of all branches; raises `PhysicsError` for the flow of another network."""
    _check(network, flow)
    usable = flow.usable[:, None]
    p_from, q_from, p_to, q_to = (
        np.where(usable, power, 0.0) for power in (flow.p_from_mw, flow.q_from_mvar, flow.p_to_mw, flow.q_to_mvar)
    )
    s_from, s_to = np.hypot(p_from, q_from), np.hypot(p_to, q_to)
    return BranchResults(
        s_from_mva=s_from,
        s_to_mva=s_to,
        i_from_ka=_current_ka(s_from, network, flow, network.branch_from),
        i_to_ka=_current_ka(s_to, network, flow, network.branch_to),
        loading_percent=100.0 * np.where(usable, flow.loading, 0.0),
        p_loss_mw=p_from + p_to,
        q_loss_mvar=q_from + q_to,
    )


def slack_power(flow: Flow, p_mw: Floats) -> Floats:
    """What the buses that take up the balance inject beyond the given `p_mw` `[B, n]` or `[1, n]`, in MW `[B]`.

    One slack bus, several, or all that share; every other energised bus injects what was given. 0 in elements that were not
    solved.
    """
    counts = flow.energised & flow.usable[:, None]
    beyond: Floats = np.where(counts, flow.p_bus_mw - p_mw, 0.0).sum(axis=1)
    return beyond


def _current_ka(s_mva: Floats, network: Network, flow: Flow, bus: Ints) -> Floats:
    kv = sqrt(3.0) * flow.v_pu[:, bus] * network.bus_kv[bus]
    return np.divide(s_mva, kv, out=np.zeros(s_mva.shape), where=kv > 0.0)


def _check(network: Network, flow: Flow) -> None:
    expected = {"v_pu": network.n_bus, "p_from_mw": network.n_branch}
    found = {name: getattr(flow, name).shape[1] for name in expected}
    problems = [Problem(name, f"has {found[name]} columns, expected {width}") for name, width in expected.items() if found[name] != width]
    if problems:
        raise PhysicsError(f"The flow is not one of network {network.name!r}.", problems)
