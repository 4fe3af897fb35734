"""Tap changer: a transformer whose ratio is changed under load, step by step.

It sits at the from end of its branch. Its setpoint is the position to go to (TAP); at the position `neutral` the ratio is the
network's, and every step adds `step_ratio` of it:

    tap = tap_network · (1 + (position − neutral) · step_ratio)

as in pandapower's `tap_pos` at the high-voltage side. A higher position lowers the voltage at the to end. Positions, step and
time of an operation: IEC 60214-1; an operation wears the contacts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices import stepped
from gridpilot.devices.device import Bools, DeviceKind, Floats, no_closing_value, parameters_from_rows
from gridpilot.errors import ConfigError, Problem
from gridpilot.jit import kernel


class Parameters(NamedTuple):
    """Per tap changer `[n]`; positions are whole numbers."""

    position_min: Floats
    position_max: Floats
    neutral: Floats
    """Position at which the ratio is the network's."""
    step_ratio: Floats
    """What one step adds to the ratio, as a share of the network's."""
    operation_s: Floats
    """Time of one operation."""
    operation_usd: Floats
    """Wear of one operation."""
    operations_per_day: Floats
    """What it is built for; more is a violation."""
    initial_position: Floats


_DEFAULTS = {
    "position_min": -16.0, "position_max": 16.0, "neutral": 0.0, "step_ratio": 0.00625, "operation_s": 5.0, "operation_usd": 0.5,
    "operations_per_day": 40.0,
}  # fmt: skip


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per tap changer, which begins at `neutral` unless told otherwise. Raises `ConfigError`."""
    filled = [{"initial_position": row.get("neutral", _DEFAULTS["neutral"]), **row} for row in rows]
    made: Parameters = parameters_from_rows(Parameters, filled, _DEFAULTS, limits=stepped.LIMITS, rising=stepped.RISING)
    lowest = 1.0 + np.minimum((made.position_min - made.neutral) * made.step_ratio, (made.position_max - made.neutral) * made.step_ratio)
    problems = [Problem(f"row {k}", f"has the ratio {lowest[k]:g} at an end; expected above 0") for k in np.flatnonzero(lowest <= 0.0)]
    problems += stepped.position_problems(made)
    if problems:
        raise ConfigError("These tap changers have no such positions.", problems)
    return made


@kernel
def adjust(parameters: Parameters, state: stepped.State, setpoint: Floats, in_service: Bools, dt_h: float) -> Floats:
    """The ratio over the network's in this cycle `[B, n]`."""
    position = stepped.next_position(parameters, state, setpoint, in_service, dt_h)
    batch, n = position.shape
    for b in range(batch):
        for k in range(n):
            position[b, k] = 1.0 + (position[b, k] - parameters.neutral[k]) * parameters.step_ratio[k]
    return position


KIND = DeviceKind(
    name="tap_changer",
    from_rows=parameters,
    parameters=Parameters,
    state=stepped.State,
    series=(),
    initial_state=stepped.initial_state,
    initial_setpoint=stepped.initial_setpoint,
    bounds=stepped.bounds,
    inject=stepped.inject,
    settle=stepped.settle,
    closing_value_mwh=no_closing_value,
    adjusts="tap",
    adjust=adjust,
    safety=stepped.safety,
)
