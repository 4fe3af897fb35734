"""Power is neither made nor lost: at every bus, in every cycle, what devices exchange is what branches take away."""

from __future__ import annotations

import numpy as np

from gridpilot.network import fuse
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.twin import Twin
from gridpilot.values import Floats, GridState, Ints

_TOLERANCE_MW = 1e-6


def examine(patient: Patient) -> Examined:
    """Adds it up from device states and branch ends, apart from the twin's own books, under every policy."""
    twin = patient.twin
    _, group = fuse(twin.model.scenario.network)
    total = worst = told = 0.0
    cycles = 0
    for run in patient.runs.values():
        for passed in run:
            left = bus_residual_mw(twin, passed.moved.state, group)
            worst = max(worst, float(np.abs(left).max(initial=0.0)))
            total = max(total, float(np.abs(left.sum(axis=1)).max(initial=0.0)))
            told = max(told, float(np.abs(passed.moved.outcomes.balance_mw).max(initial=0.0)))
            cycles += 1
    problems = [
        f"{what} by up to {mw:.3g} MW, above {_TOLERANCE_MW:g} MW"
        for what, mw in (
            ("generation less demand and losses is off", total),
            ("at one bus what devices exchange is not what branches take,", worst),
            ("the twin's own balance is off", told),
        )
        if not mw <= _TOLERANCE_MW
    ]
    return Examined(tuple(problems), {"cycles": cycles, "total_mw": total, "worst_bus_mw": worst, "own_books_mw": told})


def bus_residual_mw(twin: Twin, state: GridState, group: Ints) -> Floats:
    """Exchanges of devices less what branches and shunts take `[B, groups]`; `group` `[n]` joins fused buses."""
    network, layout = twin.model.scenario.network, twin.model.layout
    flow = state.flow
    devices = np.concatenate([state.devices[kind.name].p_mw for kind in twin.model.kinds], axis=1)
    left = np.zeros((state.batch, int(group.max()) + 1))
    for mw, bus in (
        (devices, layout.bus),
        (-flow.p_from_mw, network.branch_from),
        (-flow.p_to_mw, network.branch_to),
        (-network.shunt_g_mw * flow.v_pu[:, network.shunt_bus] ** 2, network.shunt_bus),
    ):
        np.add.at(left.T, group[bus], mw.T)
    return left


CHECK = Check("power_balance", "At every bus and in every cycle power balances to 1e-6 MW.", examine)
