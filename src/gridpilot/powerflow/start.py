"""A start for elements without a solution to begin from: nominal magnitudes at the angles of a DC power flow.

    P_i = Σ_j b_ij (θ_i − θ_j − shift_ij),   b = 1 / (|z| · tap)

It uses the Newton factorisation, with the angle in the first unknown of a block and nothing in the second. Angles
become unit vectors without trigonometry, by the Cayley map ((1 + jt) / (1 − jt)) with t = θ / 16, squared three times.
"""

from __future__ import annotations

from gridpilot.jit import inner
from gridpilot.powerflow.factor import BLOCK, PAIR, eliminate, substitute
from gridpilot.powerflow.group import Group
from gridpilot.powerflow.lanes import WIDTH, absolute, below, fma, fnma, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances

_LARGEST_ANGLE_RAD = 100.0
"""Beyond it the angles say nothing and the start is flat."""


@inner
def _write_system(pattern: Pattern, admittances: Admittances, group: Group) -> None:
    n, zero, one = pattern.bus.shape[0], splat(0.0), splat(1.0)
    for w in range(0, group.blocks.shape[0], WIDTH):
        store(group.blocks, w, zero)
    for k in range(n):
        fixed = load(group.fixed, k * WIDTH)
        store(group.blocks, k * BLOCK, select(fixed, one, zero))
        store(group.blocks, k * BLOCK + 3 * WIDTH, one)
        store(group.rhs, k * PAIR, select(fixed, zero, load(group.p, k * WIDTH)))
        store(group.rhs, k * PAIR + WIDTH, zero)
    for m in range(admittances.dc_b.shape[0]):
        on = load(group.on, m * WIDTH)
        b, shift = select(on, splat(admittances.dc_b[m]), zero), splat(admittances.dc_shift[m])
        f, t = pattern.branch_from[m], pattern.branch_to[m]
        free_f, free_t = one - load(group.fixed, f * WIDTH), one - load(group.fixed, t * WIDTH)
        ft, tf = pattern.entry_block[pattern.branch_ft[m]] * BLOCK, pattern.entry_block[pattern.branch_tf[m]] * BLOCK
        store(group.blocks, f * BLOCK, fma(free_f, b, load(group.blocks, f * BLOCK)))
        store(group.blocks, t * BLOCK, fma(free_t, b, load(group.blocks, t * BLOCK)))
        store(group.blocks, ft, fnma(free_f, b, load(group.blocks, ft)))
        store(group.blocks, tf, fnma(free_t, b, load(group.blocks, tf)))
        store(group.rhs, f * PAIR, fma(free_f * b, shift, load(group.rhs, f * PAIR)))
        store(group.rhs, t * PAIR, fnma(free_t * b, shift, load(group.rhs, t * PAIR)))


@inner
def start_cold(pattern: Pattern, admittances: Admittances, group: Group) -> None:
    """Write the start of the lanes in the mask `cold`."""
    _write_system(pattern, admittances, group)
    eliminate(pattern, group.blocks, group.rhs)
    substitute(pattern, group.blocks, group.rhs)
    cold, zero, one = load(group.cold, 0), splat(0.0), splat(1.0)
    for k in range(pattern.bus.shape[0]):
        theta = load(group.rhs, k * PAIR)
        t = select(below(absolute(theta), splat(_LARGEST_ANGLE_RAD)), theta, zero) * splat(1.0 / 16.0)
        scale = one / fma(t, t, one)
        c, s = fnma(t, t, one) * scale, (t + t) * scale
        for _ in range(3):
            c, s = fnma(s, s, c * c), (c + c) * s
        i = k * WIDTH
        v = load(group.v_set, i)
        store(group.e, i, select(cold, v * c, load(group.e, i)))
        store(group.f, i, select(cold, v * s, load(group.f, i)))
