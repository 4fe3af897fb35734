"""Before and after the power flow: injections, bus kinds, what devices really exchange, and who balances the rest.

The slack unit covers what others do not. Where it cannot, inside its own limits, load is shed by the same share
everywhere (as under-frequency relays do) or renewable power is spilled (as over-frequency droop does).

Functions of kernels, each for one element `b` of a batch.
"""

from __future__ import annotations

from gridpilot.jit import Resident, inlined, kernel
from gridpilot.powerflow.group import Outputs
from gridpilot.twin.grids import State, Work
from gridpilot.twin.model import LOAD, RENEWABLE, SLACK_UNIT, Layout
from gridpilot.values import OFF, PQ, PV, Bools, Floats, Status

_OK, _ISLANDED = int(Status.OK), int(Status.ISLANDED)
SLACK_TOLERANCE_MW = 0.5
"""What the slack unit may be beyond its limits: regulation within a cycle; losses shift by less when load is shed."""


@inlined
def usable(status: int) -> bool:
    """Whether the numbers of a power flow mean something."""
    return status in (_OK, _ISLANDED)


# ------------------------------------------------------------------------------------------ before the power flow


@inlined
def mask_grid(layout: Layout, state: State, b: int) -> None:
    """Buses and branches that are built."""
    step = state.step[b]
    for k in range(state.bus_active.shape[1]):
        state.bus_active[b, k] = step >= layout.bus_from_step[k]
    for m in range(state.branch_active.shape[1]):
        state.branch_active[b, m] = step >= layout.branch_from_step[m]


@inlined
def mask_devices(layout: Layout, bus_active: Bools, outage: Bools, collapsed: Bools, first_unit: int, in_service: Bools, b: int) -> None:
    """Devices that are built and not out."""
    stands = not collapsed[b]
    for d in range(in_service.shape[1]):
        in_service[b, d] = stands and bus_active[b, layout.bus[d]]
    for g in range(outage.shape[1]):
        if outage[b, g]:
            in_service[b, first_unit + g] = False


@kernel
def devices_in_service(
    held: Resident[Layout], bus_active: Bools, outage: Bools, collapsed: Bools, first_unit: int, in_service: Bools
) -> None:
    """`mask_devices` of every element, for Python."""
    for b in range(in_service.shape[0]):
        mask_devices(held.value, bus_active, outage, collapsed, first_unit, in_service, b)


@inlined
def read_weather(layout: Layout, table: Floats, state: State, b: int) -> None:
    """Weather, demand and prices from the world's; 0 for what is not built, loads times their disturbance."""
    row = state.row[b]
    for c in range(state.exogenous.shape[1]):
        value = 0.0
        if state.bus_active[b, layout.column_bus[c]]:
            load = layout.column_load[c]
            value = table[row, c] * (state.load_factor[b, load] if load >= 0 else 1.0)
        state.exogenous[b, c] = value


@inlined
def adjust_grid(layout: Layout, work: Work, b: int) -> None:
    """Ratios and capacitor banks as the power flow takes them."""
    for k in range(len(layout.tap_device)):
        branch = layout.tap_branch[k]
        work.tap[b, branch] = layout.tap[branch] * work.adjusted[b, layout.tap_device[k]]
    for k in range(len(layout.bank_device)):
        work.bank_mvar[b, layout.bus[layout.bank_device[k]]] = 0.0
    for k in range(len(layout.bank_device)):
        work.bank_mvar[b, layout.bus[layout.bank_device[k]]] += work.adjusted[b, layout.bank_device[k]]


@inlined
def command_breakers(state: State, work: Work, crew_h: float, b: int) -> bool:
    """Orders that can be followed, a locked-out branch staying open, and the branches that are in service.

    Says whether any branch that is built is out of service.
    """
    some_open = False
    for k in range(state.closed.shape[1]):
        lockout = state.lockout_h[b, k]
        by_crew = lockout < 0.0 and lockout <= 1e-9 - crew_h
        commanded = (state.closed[b, k] or by_crew) and lockout <= 0.0
        state.closed[b, k] = commanded
        work.in_use[b, k] = commanded and state.branch_active[b, k] and not state.faulted[b, k]
        some_open = some_open or work.in_use[b, k] != state.branch_active[b, k]
    return some_open


@inlined
def mark_buses(layout: Layout, state: State, work: Work, b: int) -> bool:
    """Kind of every bus: a regulated bus whose unit is not running only takes what is injected. Says whether there is any such."""
    some_idle = False
    for k in range(state.bus_active.shape[1]):
        code = layout.base_kind[k]
        if not state.bus_active[b, k] or state.collapsed[b]:
            code = OFF
        elif code == PV:
            unit = layout.regulator[k]
            if not work.in_service[b, unit] or (work.p_mw[b, unit] <= 0.0 and not layout.idles[unit]):
                code, some_idle = PQ, True
        work.kind[b, k] = code
    return some_idle


# ------------------------------------------------------------------------------------------------------- relief


@inlined
def part_mw(layout: Layout, wanted_mw: Floats, energised: Bools, part: int, b: int) -> float:
    """Power of an element's energised loads or renewables, without sign."""
    total = 0.0
    for d in range(wanted_mw.shape[1]):
        if layout.part[d] == part and energised[b, layout.bus[d]]:
            total += abs(wanted_mw[b, d])
    return total


@inlined
def needed_relief(layout: Layout, wanted_mw: Floats, energised: Bools, output_mw: float, b: int) -> float:
    """What brings the slack unit inside its limits, where it would give `output_mw` without relief; at most all there is."""
    short, over = output_mw - layout.slack_max_mw, layout.slack_min_mw - output_mw
    if short <= 0.0 and over <= 0.0:
        return 0.0
    total = part_mw(layout, wanted_mw, energised, LOAD if short > 0.0 else RENEWABLE, b)
    return min(short, total) if short > 0.0 else -min(over, total)


@inlined
def foresee_relief(layout: Layout, work: Work, flow: Outputs, b: int) -> float:
    """Relief that a power flow would call for if losses and islands stayed what they were.

    Losses change by little from one cycle to the next, so that one power flow is often enough. Where they do change,
    `correct_relief` takes back what was too much and adds what was too little.
    """
    if not usable(flow.status[b]) or not flow.energised[b, layout.slack_bus]:
        return 0.0
    output = flow.losses[b]
    for k in range(flow.energised.shape[1]):
        if flow.energised[b, k]:
            output -= work.p_bus_mw[b, k]
    needed = needed_relief(layout, work.p_mw, flow.energised, output, b)
    return needed if abs(needed) > SLACK_TOLERANCE_MW else 0.0


@inlined
def given_relief(layout: Layout, work: Work, energised: Bools, b: int) -> float:
    """What energised loads do not draw (above 0) or renewables do not give (below 0) of what they would."""
    relief = 0.0
    for d in range(work.p_mw.shape[1]):
        if energised[b, layout.bus[d]] and (layout.part[d] == LOAD or layout.part[d] == RENEWABLE):
            relief += work.given_mw[b, d] - work.p_mw[b, d]
    return relief


@inlined
def correct_relief(layout: Layout, work: Work, flow: Outputs, b: int) -> bool:
    """Write the relief that a power flow calls for; says whether it is another one than it was given.

    The output of the slack unit is what its bus gives beyond the other devices there. What was not solved calls for nothing.
    """
    given, bus = given_relief(layout, work, flow.energised, b), layout.slack_bus
    work.relief_mw[b] = given
    if not usable(flow.status[b]) or not flow.energised[b, bus]:
        return False
    output = flow.p_bus[b, bus] - work.p_bus_mw[b, bus]
    needed = needed_relief(layout, work.p_mw, flow.energised, output + given, b)
    if abs(needed - given) <= SLACK_TOLERANCE_MW:
        return False
    work.relief_mw[b] = needed
    return True


@inlined
def relieve(layout: Layout, work: Work, energised: Bools, b: int) -> None:
    """Exchanges after load is shed (relief above 0) or renewables are spilled (below 0), and injections at buses.

    Every energised load (or plant) gives the same share, as under-frequency relays and over-frequency droop do. The
    slack unit's injection is the solver's.
    """
    relief = work.relief_mw[b]
    part = LOAD if relief > 0.0 else RENEWABLE
    kept = 1.0
    if relief != 0.0:
        total = part_mw(layout, work.p_mw, energised, part, b)
        kept = 1.0 - (min(abs(relief) / total, 1.0) if total > 0.0 else 0.0)
    for k in range(work.p_bus_mw.shape[1]):
        work.p_bus_mw[b, k] = work.q_bus_mvar[b, k] = 0.0
    for d in range(work.p_mw.shape[1]):
        bus, p, q = layout.bus[d], work.p_mw[b, d], work.q_mvar[b, d]
        if layout.part[d] == part and energised[b, bus]:
            p *= kept
            q *= kept
        work.given_mw[b, d] = p
        if layout.part[d] != SLACK_UNIT:
            work.p_bus_mw[b, bus] += p
            work.q_bus_mvar[b, bus] += q


# ------------------------------------------------------------------------------------------- after the power flow


@inlined
def exchanged(layout: Layout, work: Work, flow: Outputs, b: int) -> None:
    """What each device really exchanged: nothing at a dead bus, the rest of its bus for the slack unit."""
    others = 0.0
    for d in range(work.real_mw.shape[1]):
        work.real_mw[b, d] = 0.0
        if layout.part[d] == SLACK_UNIT or not flow.energised[b, layout.bus[d]]:
            continue
        work.real_mw[b, d] = work.given_mw[b, d]
        if layout.bus[d] == layout.slack_bus:
            others += work.given_mw[b, d]
    if flow.energised[b, layout.slack_bus]:
        work.real_mw[b, layout.slack_unit] = flow.p_bus[b, layout.slack_bus] - others
