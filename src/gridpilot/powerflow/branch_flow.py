"""What follows from solved voltages: branch flows, loading, bus injections and losses."""

from __future__ import annotations

from gridpilot.jit import inner
from gridpilot.powerflow.group import Group, Inputs, Outputs, element
from gridpilot.powerflow.lanes import WIDTH, fma, fnma, gather, largest, load, root, scatter, select, splat
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances


@inner
def write_branches(
    pattern: Pattern, admittances: Admittances, base_mva: float, by_current: bool, first: int, group: Group, out: Outputs
) -> None:
    """Power into both ends, loading, and the losses in branches (`out.losses` is set).

    Loading is the larger of both ends, by apparent power over the rating or, `by_current`, by current over the
    current which carries the rating at nominal voltage.
    """
    zero, base = splat(0.0), splat(base_mva)
    branch, m_all = admittances.branch, admittances.rating.shape[0]
    solved = load(group.solved, 0)
    total = zero
    for m in range(m_all):
        on = solved * load(group.on, m * WIDTH)
        f, t = pattern.branch_from[m] * WIDTH, pattern.branch_to[m] * WIDTH
        ef, ff, et, ft = load(group.e, f), load(group.f, f), load(group.e, t), load(group.f, t)
        g0, b0, g1, b1 = splat(branch[m, 0]), splat(branch[m, 1]), splat(branch[m, 2]), splat(branch[m, 3])
        fr = fma(g0, ef, fnma(b0, ff, fnma(b1, ft, g1 * et)))
        fi = fma(g0, ff, fma(b0, ef, fma(g1, ft, b1 * et)))
        g0, b0, g1, b1 = splat(branch[m, 6]), splat(branch[m, 7]), splat(branch[m, 4]), splat(branch[m, 5])
        tr = fma(g0, et, fnma(b0, ft, fnma(b1, ff, g1 * ef)))
        ti = fma(g0, ft, fma(b0, et, fma(g1, ff, b1 * ef)))
        pf, qf = select(on, fma(ef, fr, ff * fi), zero), select(on, fnma(ef, fi, ff * fr), zero)
        pt, qt = select(on, fma(et, tr, ft * ti), zero), select(on, fnma(et, ti, ft * tr), zero)
        ar, ai, br, bi = (fr, fi, tr, ti) if by_current else (pf, qf, pt, qt)
        square = largest(fma(ar, ar, ai * ai), fma(br, br, bi * bi))
        loading = select(on, root(square) / splat(admittances.rating[m]), zero)
        place = first * m_all + m
        scatter(out.p_from, place, m_all, base * pf)
        scatter(out.q_from, place, m_all, base * qf)
        scatter(out.p_to, place, m_all, base * pt)
        scatter(out.q_to, place, m_all, base * qt)
        scatter(out.loading, place, m_all, loading)
        total = total + (pf + pt)
    scatter(out.losses, first, 1, base * total)


@inner
def write_buses(
    pattern: Pattern, admittances: Admittances, base_mva: float, first: int, inputs: Inputs, group: Group, out: Outputs
) -> None:
    """Voltages and injections, and the losses in bus shunts (added to `out.losses`).

    An injection is the given one, number for number, but where the bus fixes voltage (q) or the balance (p).
    """
    zero, base = splat(0.0), splat(base_mva)
    n, y, solved = pattern.bus.shape[0], group.y, load(group.solved, 0)
    r0, r1 = n * element(inputs, first), n * element(inputs, first + 1)
    r2, r3 = n * element(inputs, first + 2), n * element(inputs, first + 3)
    total = zero
    for k in range(n):
        i, bus = k * WIDTH, pattern.bus[k]
        e, f = load(group.e, i), load(group.f, i)
        g, b = load(y.g_diagonal, i), load(y.b_diagonal, i)
        ir, ii = fnma(b, f, g * e), fma(b, e, g * f)
        for entry in range(pattern.entry_start[k], pattern.entry_start[k + 1]):
            j = pattern.entry_column[entry] * WIDTH
            g, b, ej, fj = load(y.g, entry * WIDTH), load(y.b, entry * WIDTH), load(group.e, j), load(group.f, j)
            ir, ii = fma(g, ej, fnma(b, fj, ir)), fma(g, fj, fma(b, ej, ii))
        alive, pv, fixed = solved * load(group.alive, i), load(group.pv, i), load(group.fixed, i)
        p_given = gather(inputs.p_mw, r0 + bus, r1 + bus, r2 + bus, r3 + bus)
        q_given = gather(inputs.q_mvar, r0 + bus, r1 + bus, r2 + bus, r3 + bus)
        p = select(alive, select(fixed, base * fma(e, ir, f * ii), p_given), zero)
        q = select(alive, select(largest(fixed, pv), base * fnma(e, ii, f * ir), q_given), zero)
        square = fma(e, e, f * f)
        place = first * n + bus
        scatter(out.v_re, place, n, e)
        scatter(out.v_im, place, n, f)
        scatter(out.v, place, n, root(square))
        scatter(out.p_bus, place, n, p)
        scatter(out.q_bus, place, n, q)
        total = total + select(solved, square * splat(admittances.shunt_g[k]), zero)
    scatter(out.losses, first, 1, load(out.losses, first) + base * total)
