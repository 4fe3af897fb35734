"""Time goes on: clock, table row and weather move by one cycle with every step."""

from __future__ import annotations

import numpy as np

from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import HOLD, Patient
from gridpilot.values import GridState

_STILL_SHARE = 0.5
"""Part of the cycles in which all weather and demand may stand still: an embedded quarter of an hour may be flat."""


def examine(patient: Patient) -> Examined:
    """Looks at every step of a held episode."""
    twin = patient.twin
    run = patient.runs[HOLD]
    minutes = twin.model.dt_h * 60.0
    jumps = still = stale = clock = 0
    for before, _, moved in run:
        after = moved.state
        jumps += int(not ((after.step == before.step + 1).all() and (after.row == before.row + 1).all()))
        still += np.array_equal(after.exogenous, before.exogenous)
        stale += not _is_of_its_row(patient, after)
        passed = (np.datetime64(twin.time(after)) - np.datetime64(twin.time(before))) / np.timedelta64(1, "s")
        # The clock is told to the minute, so that a shorter cycle may read as none or as one.
        clock += int(abs(passed / 60.0 - minutes) >= 1.0)
    problems = []
    if jumps:
        problems.append(f"step and row did not go on by one in {jumps} of {len(run)} cycles")
    if clock:
        problems.append(f"the clock did not go on by {minutes:g} min in {clock} of {len(run)} cycles")
    if stale:
        problems.append(f"weather and demand were not those of their time in {stale} of {len(run)} cycles")
    if still > _STILL_SHARE * len(run):
        problems.append(f"weather and demand stood still in {still} of {len(run)} cycles")
    return Examined(tuple(problems), {"cycles": len(run), "still_cycles": still})


def _is_of_its_row(patient: Patient, state: GridState) -> bool:
    """Whether what acts is what the world's table holds, where neither growth nor a disturbance changes it."""
    layout = patient.twin.model.layout
    loads = layout.column_load >= 0
    factor = np.ones(state.exogenous.shape)
    factor[:, loads] = state.load_factor[:, layout.column_load[loads]]
    expected = patient.twin.world.table[state.row] * factor * state.bus_active[:, layout.column_bus]
    return bool(np.allclose(state.exogenous, expected, rtol=1e-12, atol=1e-12))


CHECK = Check("time_advances", "Clock, weather and demand go on with every cycle.", examine)
