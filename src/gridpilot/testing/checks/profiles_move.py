"""Profiles are a world: finite, moving, and not negative where nothing can be."""

from __future__ import annotations

import numpy as np

from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.values import Floats

_STUCK_DAYS = 7.0
"""A meter that shows the same number above 0 for longer is broken."""


def examine(patient: Patient) -> Examined:
    """Looks at the whole table that drives the scenario."""
    drivers = patient.twin.model.scenario.drivers()
    table = patient.twin.world.table
    rows = _STUCK_DAYS * patient.twin.world.profiles.rows_per_day
    lowest, spread = table.min(axis=0), np.ptp(table, axis=0)
    finite = [bool(np.isfinite(column).all()) for column in table.T]
    problems = [f"{driver} holds values that are no numbers" for driver, fine in zip(drivers, finite, strict=True) if not fine]
    stuck = np.array([longest_run(table[:, c]) for c in range(table.shape[1])])
    for c, driver in enumerate(drivers):
        if driver.endswith("_mw") and lowest[c] < 0:
            problems.append(f"{driver} falls to {lowest[c]:.4g} MW, and cannot be below 0")
        if spread[c] == 0:
            problems.append(f"{driver} is {lowest[c]:.4g} at all times")
        elif stuck[c] > rows:
            problems.append(f"{driver} stands still for {stuck[c] / rows * _STUCK_DAYS:.0f} days on end")
    measured = {"drivers": len(drivers), "rows": len(table), "lowest": float(lowest.min()), "longest_still_rows": int(stuck.max())}
    return Examined(tuple(problems), measured)


def longest_run(series: Floats) -> int:
    """Most rows in a row with the same value, other than 0 `[T]`: nights are dark, and calms are calm."""
    edges = np.flatnonzero(np.diff(series) != 0) + 1
    bounds = np.concatenate([[0], edges, [len(series)]])
    lengths = np.diff(bounds)
    real = series[bounds[:-1]] != 0
    return int(lengths[real].max(initial=0))


CHECK = Check("profiles_move", "Load and weather move, and are not negative where they cannot be.", examine)
