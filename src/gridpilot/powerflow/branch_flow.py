"""What follows from solved voltages: branch flows, loading, bus injections and losses."""

from __future__ import annotations

from gridpilot.jit import bare
from gridpilot.powerflow.gather import rows_of
from gridpilot.powerflow.group import Group, Inputs, Outputs
from gridpilot.powerflow.lanes import beginnings, fma, fnma, gather, largest, load, root, scatter, select, splat
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances
from gridpilot.values import OFF


@bare
def follow_heads(pattern: Pattern, group: Group) -> None:
    """Give buses that closed switches merge with another one its voltage."""
    n, width = len(pattern.bus), group.width
    for x in range(len(pattern.member)):
        bus = pattern.member[x]
        i = pattern.place[bus] * width
        for lane in range(width):
            j = pattern.place[group.head[lane * n + bus]] * width
            group.e[i + lane], group.f[i + lane] = group.e[j + lane], group.f[j + lane]


@bare
def write_branches(pattern: Pattern, admittances: Admittances, base_mva: float, by_current: bool, group: Group, out: Outputs) -> None:
    """Power into both ends, loading, and the losses in branches (`out.losses` is set).

    Loading is the larger of both ends, by apparent power over the rating or, `by_current`, by current over the
    current which carries the rating at nominal voltage.
    """
    branch, width = admittances.branch, group.width
    solved, total = load(group.solved, 0), splat(group.solved, 0.0)
    to = beginnings(group.row, len(branch))
    for m in range(len(branch)):
        on = solved * load(group.on, m * width)
        f, t = pattern.branch_from[m] * width, pattern.branch_to[m] * width
        ef, ff, et, ft = load(group.e, f), load(group.f, f), load(group.e, t), load(group.f, t)
        if group.tapped[m]:
            # behind the lane's own ratio, as the branch sees it: the power is the same, the current is not
            ef, ff = load(group.ratio, m * width) * ef, load(group.ratio, m * width) * ff
        g0, b0, g1, b1 = branch[8 * m + 0], branch[8 * m + 1], branch[8 * m + 2], branch[8 * m + 3]
        fr = fma(g0, ef, fnma(b0, ff, fnma(b1, ft, g1 * et)))
        fi = fma(g0, ff, fma(b0, ef, fma(g1, ft, b1 * et)))
        g0, b0, g1, b1 = branch[8 * m + 6], branch[8 * m + 7], branch[8 * m + 4], branch[8 * m + 5]
        tr = fma(g0, et, fnma(b0, ft, fnma(b1, ff, g1 * ef)))
        ti = fma(g0, ft, fma(b0, et, fma(g1, ff, b1 * ef)))
        pf, qf = select(on, fma(ef, fr, ff * fi), 0.0), select(on, fnma(ef, fi, ff * fr), 0.0)
        pt, qt = select(on, fma(et, tr, ft * ti), 0.0), select(on, fnma(et, ti, ft * tr), 0.0)
        ar, ai, br, bi = (fr, fi, tr, ti) if by_current else (pf, qf, pt, qt)
        if by_current and group.tapped[m]:
            ar, ai = load(group.ratio, m * width) * ar, load(group.ratio, m * width) * ai
        square = largest(fma(ar, ar, ai * ai), fma(br, br, bi * bi))
        loading = select(on, root(square) * admittances.per_rating[m], 0.0)
        scatter(out.p_from, to, m, base_mva * pf)
        scatter(out.q_from, to, m, base_mva * qf)
        scatter(out.p_to, to, m, base_mva * pt)
        scatter(out.q_to, to, m, base_mva * qt)
        scatter(out.loading, to, m, loading)
        total = total + (pf + pt)
    scatter(out.losses, beginnings(group.row, 1), 0, base_mva * total)


@bare
def write_buses(pattern: Pattern, admittances: Admittances, base_mva: float, inputs: Inputs, group: Group, out: Outputs) -> None:
    """Voltages and injections, and the losses in bus shunts (added to `out.losses`).

    An injection is the given one, number for number, but where the bus fixes voltage (q), takes a share of the balance (p)
    or stands at a reactive limit (q). An element that was not solved has flat voltages.
    """
    width, shared = group.width, len(inputs.share) > 0
    solved, total = load(group.solved, 0), splat(group.solved, 0.0)
    unsolved, to, n = 1.0 - solved, beginnings(group.row, len(pattern.bus)), len(pattern.bus)
    at_p, at_q = rows_of(inputs.p_mw, n, group), rows_of(inputs.q_mvar, n, group)
    for k in range(len(pattern.bus)):
        i, bus = k * width, pattern.bus[k]
        e = select(unsolved, load(group.v_set, i), load(group.e, i))
        f = select(unsolved, 0.0, load(group.f, i))
        alive, fixed = solved * load(group.alive, i), load(group.fixed, i)
        p, q = gather(inputs.p_mw, at_p, bus), gather(inputs.q_mvar, at_q, bus)
        if not group.all_pq[k]:
            ir, ii = load(group.current, 2 * i), load(group.current, 2 * i + width)
            p = select(fixed, base_mva * fma(e, ir, f * ii), p)
            q = select(largest(fixed, load(group.regulates, i)), base_mva * fnma(e, ii, f * ir), q)
        if shared:
            p = select(load(group.share, i), base_mva * load(group.p, i), p)
        square = fma(e, e, f * f)
        scatter(out.v_re, to, bus, e)
        scatter(out.v_im, to, bus, f)
        scatter(out.v, to, bus, root(square))
        scatter(out.p_bus, to, bus, select(alive, p, 0.0))
        scatter(out.q_bus, to, bus, select(alive, q, 0.0))
        total = total + select(solved, square * admittances.shunt[2 * k], 0.0)
    rows = beginnings(group.row, 1)
    scatter(out.losses, rows, 0, gather(out.losses, rows, 0) + base_mva * total)


@bare
def write_energised(n: int, group: Group, out: Outputs) -> None:
    """Which buses have a source."""
    for lane in range(group.width):
        for bus in range(n):
            out.energised[group.row[lane] * n + bus] = group.role[lane * n + bus] != OFF
