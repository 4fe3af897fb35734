"""A first Newton step that all elements have in common.

Elements that begin from one voltage profile, with one topology, have one Jacobian there. It is factorised for the first
group of a batch and kept as plain numbers; the first step of the other groups is a substitution. The arithmetic is that of
`gridpilot.powerflow.factor`, number for number, so that an element's result does not depend on who went first.
"""

from __future__ import annotations

from typing import Any

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group, Inputs
from gridpilot.powerflow.lanes import absolute, fma, fnma, largest, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern


@bare
def have_in_common(inputs: Inputs) -> bool:
    """Whether the elements begin from one voltage profile with one topology."""
    one_topology = len(inputs.kind) == 1 and len(inputs.closed) == 1 and len(inputs.v_set_pu) == 1
    one_topology = one_topology and len(inputs.tap) <= 1 and len(inputs.bank_mvar) <= 1
    return one_topology and len(inputs.head) <= 1 and len(inputs.start_status) == 1 and len(inputs.share) == 0


@bare
def keep_common(group: Group) -> None:
    """Keep the factors, which the first lane stands for, and the currents that belong to them."""
    for k in range(len(group.common)):
        group.common[k] = group.blocks[k * group.width]
    for k in range(len(group.common_current)):
        group.common_current[k] = group.current[k * group.width]


@bare
def common_mismatches(pattern: Pattern, group: Group) -> Any:
    """Write the mismatches at the voltages in common; returns the largest mismatch of each lane."""
    width, worst = group.width, splat(group.e, 0.0)
    for k in range(len(pattern.bus)):
        i = k * width
        e, f = load(group.e, i), load(group.f, i)
        ir, ii = splat(group.e, group.common_current[2 * k]), splat(group.e, group.common_current[2 * k + 1])
        r0 = load(group.p, i) - fma(e, ir, f * ii)
        r1 = load(group.q, i) - fnma(e, ii, f * ir)
        if not group.all_pq[k]:
            v, fixed = load(group.v_set, i), load(group.fixed, i)
            r0 = select(fixed, 0.0, r0)
            r1 = select(load(group.pv, i), fnma(f, f, fnma(e, e, v * v)), select(fixed, 0.0, r1))
        store(group.current, 2 * i, ir)
        store(group.current, 2 * i + width, ii)
        store(group.rhs, 2 * i, r0)
        store(group.rhs, 2 * i + width, r1)
        worst = largest(largest(worst, absolute(r0)), absolute(r1))
    return worst


@bare
def substitute_common(pattern: Pattern, group: Group) -> None:
    """Forward and backward substitution of `rhs` by the factors in common."""
    factor, rhs, width = group.common, group.rhs, group.width
    n, u = len(pattern.bus), len(pattern.column)
    for k in range(n):
        r0, r1 = load(rhs, 2 * width * k), load(rhs, 2 * width * k + width)
        for e in range(pattern.start[k], pattern.start[k + 1]):
            x, w = 4 * (n + u + e), 2 * width * pattern.column[e]
            store(rhs, w, fnma(factor[x], r0, fnma(factor[x + 1], r1, load(rhs, w))))
            store(rhs, w + width, fnma(factor[x + 2], r0, fnma(factor[x + 3], r1, load(rhs, w + width))))
    for back in range(n):
        k = n - 1 - back
        r = 2 * width * k
        r0, r1 = load(rhs, r), load(rhs, r + width)
        for e in range(pattern.start[k], pattern.start[k + 1]):
            x, w = 4 * (n + e), 2 * width * pattern.column[e]
            x0, x1 = load(rhs, w), load(rhs, w + width)
            r0 = fnma(factor[x], x0, fnma(factor[x + 1], x1, r0))
            r1 = fnma(factor[x + 2], x0, fnma(factor[x + 3], x1, r1))
        store(rhs, r, fma(factor[4 * k], r0, factor[4 * k + 1] * r1))
        store(rhs, r + width, fma(factor[4 * k + 2], r0, factor[4 * k + 3] * r1))
