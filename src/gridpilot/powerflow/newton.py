"""AC power flow: Newton-Raphson in rectangular coordinates, four batch elements per SIMD register.

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

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.jit import Resident, inner, kernel, resident
from gridpilot.network.network import Network
from gridpilot.powerflow.branch_flow import write_branches, write_buses
from gridpilot.powerflow.factor import BLOCK, PAIR, eliminate, substitute
from gridpilot.powerflow.group import HOPELESS_PU, LOWEST_VOLTAGE_PU, Group, Inputs, Outputs, fill_group, new_group
from gridpilot.powerflow.lanes import WIDTH, absolute, below, fma, fnma, largest, load, negative, select, splat, store
from gridpilot.powerflow.seam import as_flow, as_inputs, check_fused, new_outputs
from gridpilot.powerflow.start import start_cold
from gridpilot.powerflow.symbolic import Pattern, analyse
from gridpilot.powerflow.ybus import Admittances, kernel_admittances
from gridpilot.values import Bools, Codes, Floats, Flow, Ints, Status

_OK, _DIVERGED, _ISLANDED, _LOW = int(Status.OK), int(Status.DIVERGED), int(Status.ISLANDED), int(Status.LOW_VOLTAGE)


class Settings(NamedTuple):
    """Numbers the kernel needs beside the network."""

    base_mva: float
    tolerance_pu: float
    max_iterations: int
    by_current: bool


class Compiled(NamedTuple):
    """What the kernel needs of a network, whatever is solved on it."""

    pattern: Pattern
    admittances: Admittances
    ends: tuple[Ints, Ints]
    """Buses at either end of the branches `[m]`."""
    settings: Settings


@inner
def _linearise(pattern: Pattern, group: Group) -> Any:
    """Write Jacobian and mismatches; returns the largest mismatch of each lane.

    One long pass, because both need the same voltages, admittances and currents, which stay in registers. Where all
    lanes are PQ the selections by kind are left out; they would select the same numbers.
    """
    blocks, rhs, y = group.blocks, group.rhs, group.y
    zero, one = splat(0.0), splat(1.0)
    worst = zero
    for x in range(pattern.fill.shape[0]):
        w = pattern.fill[x] * BLOCK
        store(blocks, w, zero)
        store(blocks, w + WIDTH, zero)
        store(blocks, w + 2 * WIDTH, zero)
        store(blocks, w + 3 * WIDTH, zero)
    for k in range(pattern.bus.shape[0]):
        i, all_pq = k * WIDTH, group.all_pq[k]
        pv, fixed = load(group.pv, i), load(group.fixed, i)
        voltage_row = largest(pv, fixed)
        e, f = load(group.e, i), load(group.f, i)
        g, b = load(y.g_diagonal, i), load(y.b_diagonal, i)
        ir, ii = fnma(b, f, g * e), fma(b, e, g * f)
        own_a, own_c = fma(e, g, f * b), fnma(e, b, f * g)
        for entry in range(pattern.entry_start[k], pattern.entry_start[k + 1]):
            j, w = pattern.entry_column[entry] * WIDTH, pattern.entry_block[entry] * BLOCK
            g, b, ej, fj = load(y.g, entry * WIDTH), load(y.b, entry * WIDTH), load(group.e, j), load(group.f, j)
            ir, ii = fma(g, ej, fnma(b, fj, ir)), fma(g, fj, fma(b, ej, ii))
            a, c = fma(e, g, f * b), fnma(e, b, f * g)
            lower_c, lower_a = c, negative(a)
            if not all_pq:
                lower_c, lower_a = select(voltage_row, zero, lower_c), select(voltage_row, zero, lower_a)
                a, c = select(fixed, zero, a), select(fixed, zero, c)
            store(blocks, w, a)
            store(blocks, w + WIDTH, c)
            store(blocks, w + 2 * WIDTH, lower_c)
            store(blocks, w + 3 * WIDTH, lower_a)
        d0, d1, d2, d3 = own_a + ir, own_c + ii, own_c - ii, ir - own_a
        r0 = load(group.p, i) - fma(e, ir, f * ii)
        r1 = load(group.q, i) - fnma(e, ii, f * ir)
        if not all_pq:
            v = load(group.v_set, i)
            d0, d1 = select(fixed, one, d0), select(fixed, zero, d1)
            d2, d3 = select(pv, e + e, select(fixed, zero, d2)), select(pv, f + f, select(fixed, one, d3))
            r0 = select(fixed, zero, r0)
            r1 = select(pv, fnma(f, f, fnma(e, e, v * v)), select(fixed, zero, r1))
        w = k * BLOCK
        store(blocks, w, d0)
        store(blocks, w + WIDTH, d1)
        store(blocks, w + 2 * WIDTH, d2)
        store(blocks, w + 3 * WIDTH, d3)
        store(rhs, k * PAIR, r0)
        store(rhs, k * PAIR + WIDTH, r1)
        worst = largest(largest(worst, absolute(r0)), absolute(r1))
    return worst


@inner
def _iterate(pattern: Pattern, settings: Settings, group: Group) -> None:
    """Newton steps until no lane is live. A lane that has ended stands still while its neighbours go on."""
    taken = 0
    while True:
        store(group.lane, 0, _linearise(pattern, group))
        moving = False
        for lane in range(WIDTH):
            if group.live[lane] != 0.0:
                worst = group.lane[lane]
                hopeless = not worst < HOPELESS_PU
                group.residual[lane] = HOPELESS_PU if hopeless else worst
                group.solved[lane] = 1.0 if worst < settings.tolerance_pu else 0.0
                if hopeless or worst < settings.tolerance_pu or taken == settings.max_iterations:
                    group.live[lane] = 0.0
                else:
                    group.steps[lane] += 1
                    moving = True
        if not moving:
            return
        taken += 1
        eliminate(pattern, group.blocks, group.rhs)
        substitute(pattern, group.blocks, group.rhs)
        live = load(group.live, 0)
        for k in range(pattern.bus.shape[0]):
            e, f = load(group.e, k * WIDTH), load(group.f, k * WIDTH)
            store(group.e, k * WIDTH, select(live, e + load(group.rhs, k * PAIR), e))
            store(group.f, k * WIDTH, select(live, f + load(group.rhs, k * PAIR + WIDTH), f))


@inner
def _mask_low(group: Group) -> None:
    """Write into `lane` the mask of the lanes with an energised bus below `LOWEST_VOLTAGE_PU`."""
    low, limit = splat(0.0), splat(LOWEST_VOLTAGE_PU * LOWEST_VOLTAGE_PU)
    for i in range(0, group.e.shape[0], WIDTH):
        e, f = load(group.e, i), load(group.f, i)
        low = largest(low, below(fma(e, e, f * f), limit) * load(group.alive, i))
    store(group.lane, 0, low)


@inner
def _attempt(pattern: Pattern, settings: Settings, group: Group) -> bool:
    """Iterate the live lanes and judge them; makes those live again that failed warm, now cold: says if there are any."""
    tried = load(group.live, 0)
    _iterate(pattern, settings, group)
    _mask_low(group)
    store(group.live, 0, tried)
    again = False
    for lane in range(WIDTH):
        if group.live[lane] != 0.0:
            low = group.solved[lane] != 0.0 and group.lane[lane] != 0.0
            if low:
                group.solved[lane] = 0.0
            group.verdict[lane] = _LOW if low else _DIVERGED
        retry = group.live[lane] != 0.0 and group.solved[lane] == 0.0 and group.cold[lane] == 0.0
        group.cold[lane] = group.live[lane] = 1.0 if retry else 0.0
        again = again or retry
    return again


@inner
def _solve_group(pattern: Pattern, admittances: Admittances, settings: Settings, group: Group) -> None:
    """From the given start, and where that leads nowhere once more from a cold one."""
    for attempt in range(2):
        any_cold = False
        for lane in range(WIDTH):
            any_cold = any_cold or group.cold[lane] != 0.0
        if any_cold:
            start_cold(pattern, admittances, group)
        if attempt == 0:
            for i in range(0, group.e.shape[0], WIDTH):
                store(group.e_start, i, load(group.e, i))
                store(group.f_start, i, load(group.f, i))
        if not _attempt(pattern, settings, group):
            break
    solved = load(group.solved, 0)
    for i in range(0, group.e.shape[0], WIDTH):
        store(group.e, i, select(solved, load(group.e, i), load(group.e_start, i)))
        store(group.f, i, select(solved, load(group.f, i), load(group.f_start, i)))


@inner
def _solve_all(compiled: Compiled, inputs: Inputs, out: Outputs) -> None:
    pattern, admittances, ends, settings = compiled
    group = new_group(pattern, admittances)
    for first in range(0, out.status.shape[0], WIDTH):
        fill_group(inputs, pattern, admittances, ends, settings.base_mva, first, group, out)
        _solve_group(pattern, admittances, settings, group)
        write_branches(pattern, admittances, settings.base_mva, settings.by_current, first, group, out)
        write_buses(pattern, admittances, settings.base_mva, first, inputs, group, out)
        for lane in range(WIDTH):
            row = first + lane
            if group.solved[lane] == 0.0 and group.finite[lane] != 0.0:
                out.status[row] = group.verdict[lane]
            out.residual[row] = group.residual[lane] * settings.base_mva
            out.iterations[row] = group.steps[lane]


@kernel
def _solve_batch(compiled: Resident[Compiled], inputs: Inputs, out: Outputs) -> None:
    _solve_all(compiled.value, inputs, out)


@inner
def solve_rows(compiled: Compiled, inputs: Inputs, rows: Ints, out: Outputs) -> None:
    """Solve the batch elements in `rows`, from inputs at these rows into outputs at these rows; the start may be `out` itself."""
    count, n, m = rows.shape[0], inputs.kind.shape[1], inputs.closed.shape[1]
    padded = -(-count // WIDTH) * WIDTH
    part = Inputs(
        np.empty((count, n)), np.empty((count, n)), np.empty((count, n), dtype=np.int8), np.empty((count, n)),
        np.empty((count, m), dtype=np.bool_), inputs.warm, np.empty((count, n)), np.empty((count, n)), np.empty(count, dtype=np.int8),
    )  # fmt: skip
    for i in range(count):
        b = rows[i]
        part.start_status[i] = inputs.start_status[b]
        for k in range(n):
            part.p_mw[i, k], part.q_mvar[i, k] = inputs.p_mw[b, k], inputs.q_mvar[b, k]
            part.kind[i, k], part.v_set_pu[i, k] = inputs.kind[b, k], inputs.v_set_pu[b, k]
            part.start_re[i, k], part.start_im[i, k] = inputs.start_re[b, k], inputs.start_im[b, k]
        for k in range(m):
            part.closed[i, k] = inputs.closed[b, k]
    found = Outputs(
        np.empty((padded, n)), np.empty((padded, n)), np.empty((padded, n)), np.empty((padded, m)), np.empty((padded, m)),
        np.empty((padded, m)), np.empty((padded, m)), np.empty((padded, m)), np.empty((padded, n)), np.empty((padded, n)),
        np.empty(padded), np.empty((padded, n), dtype=np.bool_), np.empty(padded, dtype=np.int8), np.empty(padded),
        np.empty(padded, dtype=np.int64),
    )  # fmt: skip
    _solve_all(compiled, part, found)
    for i in range(count):
        b = rows[i]
        out.losses[b], out.status[b] = found.losses[i], found.status[i]
        out.residual[b], out.iterations[b] = found.residual[i], found.iterations[i]
        for k in range(n):
            out.v_re[b, k], out.v_im[b, k], out.v[b, k] = found.v_re[i, k], found.v_im[i, k], found.v[i, k]
            out.p_bus[b, k], out.q_bus[b, k], out.energised[b, k] = found.p_bus[i, k], found.q_bus[i, k], found.energised[i, k]
        for k in range(m):
            out.p_from[b, k], out.q_from[b, k] = found.p_from[i, k], found.q_from[i, k]
            out.p_to[b, k], out.q_to[b, k], out.loading[b, k] = found.p_to[i, k], found.q_to[i, k], found.loading[i, k]


class Newton:
    """The AC engine: one network's pattern and admittances, and `solve`.

    Elements do not influence each other: a batch gives the same bits as a loop over it, in any order.
    """

    name = "newton"
    has_voltages = True

    def __init__(self, network: Network, *, tolerance_pu: float = 1e-8, max_iterations: int = 20, loading: str = "power") -> None:
        """`loading` is `power` (apparent power over rating) or `current` (current over that of the rating at 1 pu).

        Raises `ConfigError` for a setting out of range and `PhysicsError` where bus-bus switches are closed.
        """
        _check_settings(tolerance_pu, max_iterations, loading)
        check_fused(network)
        self.network = network
        pattern = analyse(network)
        settings = Settings(float(network.base_mva), float(tolerance_pu), int(max_iterations), loading == "current")
        ends = network.branch_from.copy(), network.branch_to.copy()
        self.compiled = resident(Compiled(pattern, kernel_admittances(network, pattern), ends, settings))

    def solve(self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None) -> Flow:
        """See `PowerFlow.solve`. A cold start has the angles of a DC power flow; a failed warm start is tried again cold."""
        inputs = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start)
        rows = -(-len(inputs.p_mw) // WIDTH) * WIDTH
        out = new_outputs(rows, self.network.n_bus, self.network.n_branch)
        _solve_batch(self.compiled, inputs, out)
        return as_flow(out, len(inputs.p_mw))


def _check_settings(tolerance_pu: float, max_iterations: int, loading: str) -> None:
    if not 0.0 < tolerance_pu < 1.0:
        raise ConfigError(f"tolerance_pu is {tolerance_pu}, expected a number between 0 and 1, such as 1e-8.")
    if max_iterations < 1:
        raise ConfigError(f"max_iterations is {max_iterations}, expected at least 1.")
    if loading not in ("power", "current"):
        raise ConfigError(f"loading is {loading!r}, expected 'power' or 'current'.")
