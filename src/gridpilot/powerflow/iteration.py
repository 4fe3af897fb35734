"""AC power flow: Newton-Raphson in rectangular coordinates, several batch elements per SIMD register.

With V = e + jf and I = Y V, the mismatches of a bus and their derivatives towards a neighbour's (e, f) are

    Δp = p − (e·I_r + f·I_i)        ∂p: ( a,  c)      a = e·G + f·B
    Δq = q − (f·I_r − e·I_i)        ∂q: ( c, −a)      c = f·G − e·B

to which the bus's own block adds (I_r, I_i; −I_i, I_r). A bus that holds its magnitude has Δv² = v_set² − e² − f²
with (2e, 2f) in its own block instead of Δq; a bus whose voltage is given has an identity row. No trigonometry.

Sources: W. F. Tinney, C. E. Hart, "Power flow solution by Newton's method", IEEE Trans. PAS-86 (1967);
V. M. da Costa, N. Martins, J. L. R. Pereira, IEEE Trans. PWRS 14 (1999), for rectangular coordinates.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gridpilot.jit import bare
from gridpilot.powerflow.common import common_mismatches, keep_common, substitute_common
from gridpilot.powerflow.factor import eliminate, substitute
from gridpilot.powerflow.group import HOPELESS_PU, LOWEST_VOLTAGE_PU, Group, Settings
from gridpilot.powerflow.lanes import absolute, below, fma, fnma, largest, load, negative, select, splat, store
from gridpilot.powerflow.share import balance_islands, holder_mismatch, write_shares
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import diagonal_admittance, entry_admittance

_LONGEST_STEP_PU = 0.2
"""How far a damped step moves any voltage."""


NEW, KEEP, KNOWN = 0, 1, 2
"""The Jacobian of the first step: a group's own, to be kept for other groups, or kept from another one."""


class Manner(NamedTuple):
    """How a group is iterated."""

    max_steps: int
    patience: int
    """Live lanes that are left to others."""
    damped: bool
    shared: bool
    """Whether the slack is."""
    common: int
    """NEW, KEEP or KNOWN."""


@bare
def linearise(pattern: Pattern, group: Group, jacobian: bool) -> Any:
    """Write mismatches, the current out of every bus and, if asked for, the Jacobian; returns the largest mismatch of each lane.

    One long pass, because all need the same voltages, admittances and currents, which stay in registers. Where all lanes
    are PQ the selections by role are left out; they would select the same numbers.
    """
    blocks, width, worst = group.blocks, group.width, splat(group.e, 0.0)
    for x in range(len(pattern.fill) if jacobian else 0):
        for w in range(4 * width * pattern.fill[x], 4 * width * (pattern.fill[x] + 1), width):
            store(blocks, w, 0.0)
    for k in range(len(pattern.bus)):
        i, own, all_pq = k * width, group.own[k], group.all_pq[k]
        pv, fixed = load(group.pv, i), load(group.fixed, i)
        voltage_row = largest(pv, fixed)
        e, f = load(group.e, i), load(group.f, i)
        g, b = diagonal_admittance(group, k)
        ir, ii = fnma(b, f, g * e), fma(b, e, g * f)
        own_a, own_c = fma(e, g, f * b), fnma(e, b, f * g)
        for entry in range(pattern.entry_start[k], pattern.entry_start[k + 1]):
            j, w = pattern.entry_column[entry] * width, 4 * width * pattern.entry_block[entry]
            g, b = entry_admittance(group, own, entry)
            ej, fj = load(group.e, j), load(group.f, j)
            ir, ii = fma(g, ej, fnma(b, fj, ir)), fma(g, fj, fma(b, ej, ii))
            if not jacobian:
                continue
            a, c = fma(e, g, f * b), fnma(e, b, f * g)
            lower_c, lower_a = c, negative(a)
            if not all_pq:
                lower_c, lower_a = select(voltage_row, 0.0, lower_c), select(voltage_row, 0.0, lower_a)
                a, c = select(fixed, 0.0, a), select(fixed, 0.0, c)
            store(blocks, w, a)
            store(blocks, w + width, c)
            store(blocks, w + 2 * width, lower_c)
            store(blocks, w + 3 * width, lower_a)
        d0, d1, d2, d3 = own_a + ir, own_c + ii, own_c - ii, ir - own_a
        r0 = load(group.p, i) - fma(e, ir, f * ii)
        r1 = load(group.q, i) - fnma(e, ii, f * ir)
        if not all_pq:
            v = load(group.v_set, i)
            d0, d1 = select(fixed, 1.0, d0), select(fixed, 0.0, d1)
            d2, d3 = select(pv, e + e, select(fixed, 0.0, d2)), select(pv, f + f, select(fixed, 1.0, d3))
            r0 = select(fixed, 0.0, r0)
            r1 = select(pv, fnma(f, f, fnma(e, e, v * v)), select(fixed, 0.0, r1))
        w, pair = 4 * width * k, 2 * width * k
        if jacobian:
            store(blocks, w, d0)
            store(blocks, w + width, d1)
            store(blocks, w + 2 * width, d2)
            store(blocks, w + 3 * width, d3)
        store(group.current, pair, ir)
        store(group.current, pair + width, ii)
        store(group.rhs, pair, r0)
        store(group.rhs, pair + width, r1)
        worst = largest(largest(worst, absolute(r0)), absolute(r1))
    return worst


@bare
def _judge(tolerance_pu: float, max_iterations: int, group: Group) -> int:
    """End the lanes whose mismatch (in `lane`) is small enough or hopeless, or whose steps are used up; counts the others."""
    moving = 0
    for lane in range(group.width):
        if group.live[lane] != 0.0:
            worst = group.lane[lane]
            hopeless = not worst < HOPELESS_PU
            group.residual[lane] = HOPELESS_PU if hopeless else worst
            group.solved[lane] = 1.0 if worst < tolerance_pu else 0.0
            if hopeless or worst < tolerance_pu or group.steps[lane] == max_iterations:
                group.live[lane] = 0.0
            else:
                moving += 1
    return moving


@bare
def _move(pattern: Pattern, group: Group, damped: bool) -> None:
    """Add the solution to the voltages of live lanes, the whole step or as much as moves no voltage too far."""
    width, live, scale = group.width, load(group.live, 0), splat(group.live, 1.0)
    if damped:
        longest = splat(group.rhs, 0.0)
        for k in range(2 * len(pattern.bus)):
            longest = largest(longest, absolute(load(group.rhs, k * width)))
        scale = _LONGEST_STEP_PU / largest(longest, _LONGEST_STEP_PU)
    for k in range(len(pattern.bus)):
        i = k * width
        e, f = load(group.e, i), load(group.f, i)
        store(group.e, i, select(live, fma(scale, load(group.rhs, 2 * i), e), e))
        store(group.f, i, select(live, fma(scale, load(group.rhs, 2 * i + width), f), f))


@bare
def iterate(pattern: Pattern, settings: Settings, manner: Manner, group: Group) -> None:
    """Newton steps until no more than `patience` lanes are live. A lane that has ended stands still while its neighbours go on."""
    shared, known, keep = manner.shared, manner.common == KNOWN, manner.common == KEEP
    jacobian = True
    while True:
        worst = common_mismatches(pattern, group) if known else linearise(pattern, group, jacobian)
        if shared:
            worst = largest(worst, holder_mismatch(pattern, group))
        store(group.lane, 0, worst)
        if _judge(settings.tolerance_pu, manner.max_steps, group) <= manner.patience:
            return
        if known:
            substitute_common(pattern, group)
        else:
            if not jacobian:
                linearise(pattern, group, True)
            _solve(pattern, shared, keep, group)
        _move(pattern, group, manner.damped)
        for lane in range(group.width):
            group.steps[lane] += 1 if group.live[lane] != 0.0 else 0
        known, keep, jacobian = False, False, not _nearly_there(settings.tolerance_pu, group)


@bare
def _nearly_there(tolerance_pu: float, group: Group) -> bool:
    """Whether the step just taken is likely to have been the last one of every lane: Newton squares the mismatch."""
    near = True
    for lane in range(group.width):
        near = near and (group.live[lane] == 0.0 or group.residual[lane] * group.residual[lane] < tolerance_pu)
    return near


@bare
def _solve(pattern: Pattern, shared: bool, keep: bool, group: Group) -> None:
    """The Newton step, in place of the mismatches."""
    if shared:
        write_shares(pattern, group)
    singular = eliminate(pattern, group, shared, keep)
    store(group.singular, 0, largest(load(group.singular, 0), singular * load(group.live, 0)))
    substitute(pattern, group.blocks, group.rhs, group.width)
    if keep:
        keep_common(group)
    if shared:
        substitute(pattern, group.blocks, group.second, group.width)
        balance_islands(pattern, group)


@bare
def reject_low(pattern: Pattern, group: Group) -> None:
    """No longer `solved` are lanes with an energised bus below `LOWEST_VOLTAGE_PU`; their mask is written into `lane`."""
    low = splat(group.e, 0.0)
    for k in range(len(pattern.bus)):
        i = k * group.width
        e, f = load(group.e, i), load(group.f, i)
        low = largest(low, below(fma(e, e, f * f), LOWEST_VOLTAGE_PU * LOWEST_VOLTAGE_PU) * load(group.alive, i))
    solved = load(group.solved, 0)
    store(group.lane, 0, low * solved)
    store(group.solved, 0, select(low, 0.0, solved))
