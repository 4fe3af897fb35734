"""Distributed slack: every bus takes its share of what an island's injections leave over.

The surplus λ of an island joins its unknowns, and the active balance of the bus that holds its angle joins its equations:

    p_i + s_i λ = Re(V_i I_i*)   at every bus but one, J x + (−s) λ = r;      h·x − s_h λ = r_h   at the holder

With x = x₀ + λ z, where J x₀ = r and J z = s, one factorisation and two right-hand sides give

    λ = (r_h − h·x₀) / (h·z − s_h)

Source: bordered systems in S. Tong, K. N. Miu, "A network-based distributed slack bus model for DGs in unbalanced power
flow studies", IEEE Trans. PWRS 20 (2005); here one border per island.
"""

from __future__ import annotations

from typing import Any

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group
from gridpilot.powerflow.lanes import absolute, fma, fnma, largest, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import entry_admittance


@bare
def _holder_residual(group: Group, k: int) -> Any:
    """Active mismatch of a bus whose voltage is given; 0 in lanes where it is dead or not given."""
    i = k * group.width
    e, f = load(group.e, i), load(group.f, i)
    ir, ii = load(group.current, 2 * i), load(group.current, 2 * i + group.width)
    return select(load(group.fixed, i) * load(group.alive, i), load(group.p, i) - fma(e, ir, f * ii), 0.0)


@bare
def holder_mismatch(pattern: Pattern, group: Group) -> Any:
    """The largest active mismatch of each lane at the buses that hold its islands."""
    worst = splat(group.e, 0.0)
    for k in range(len(pattern.bus)):
        if not group.all_pq[k]:
            worst = largest(worst, absolute(_holder_residual(group, k)))
    return worst


@bare
def write_shares(pattern: Pattern, group: Group) -> None:
    """The second right-hand side: the shares of all buses but the holders."""
    for k in range(len(pattern.bus)):
        i = k * group.width
        store(group.second, 2 * i, select(load(group.fixed, i), 0.0, load(group.share, i)))
        store(group.second, 2 * i + group.width, 0.0)


@bare
def balance_islands(pattern: Pattern, group: Group) -> None:
    """From both solutions the surplus of every island; adds its share to every injection and its part to the solution."""
    n = len(pattern.bus)
    for k in range(n):
        if not group.all_pq[k]:
            _write_surplus(pattern, group, k)
    for k in range(len(pattern.bus)):
        i = k * group.width
        for lane in range(group.width):
            group.lane[lane] = group.surplus[lane * n + group.island[lane * n + pattern.bus[k]]]
        # of the others it may be anything, infinite too
        surplus = select(load(group.live, 0) * load(group.alive, i), load(group.lane, 0), 0.0)
        store(group.p, i, fma(surplus, load(group.share, i), load(group.p, i)))
        for w in (2 * i, 2 * i + group.width):
            store(group.rhs, w, fma(surplus, load(group.second, w), load(group.rhs, w)))


@bare
def _write_surplus(pattern: Pattern, group: Group, k: int) -> None:
    """The surplus λ of the islands that bus `k` holds in some lanes."""
    i, n, own = k * group.width, len(pattern.bus), group.own[k]
    e, f, hx, hz = load(group.e, i), load(group.f, i), splat(group.e, 0.0), splat(group.e, 0.0)
    for entry in range(pattern.entry_start[k], pattern.entry_start[k + 1]):
        j = pattern.entry_column[entry] * 2 * group.width
        g, b = entry_admittance(group, own, entry)
        a, c = fma(e, g, f * b), fnma(e, b, f * g)
        hx = fma(a, load(group.rhs, j), fma(c, load(group.rhs, j + group.width), hx))
        hz = fma(a, load(group.second, j), fma(c, load(group.second, j + group.width), hz))
    store(group.lane, 0, (_holder_residual(group, k) - hx) / (hz - load(group.share, i)))
    for lane in range(group.width):
        bus = pattern.bus[k]
        if group.fixed[i + lane] != 0.0 and group.alive[i + lane] != 0.0:
            group.surplus[lane * n + group.island[lane * n + bus]] = group.lane[lane]
