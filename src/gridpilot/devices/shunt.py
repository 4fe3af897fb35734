"""Shunt: a bank of capacitors (or coils) at a bus, switched step by step.

Its setpoint is the number of steps to have switched in (SHUNT). A step is a constant susceptance, so that with the voltage v at
the bus in pu the bank supplies

    Q = steps · step_mvar · v²

as pandapower's `shunt` with its `step`. Every operation wears the switchgear and strains the capacitors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gridpilot.devices import stepped
from gridpilot.devices.device import Bools, DeviceKind, Floats, no_closing_value, parameters_from_rows
from gridpilot.errors import ConfigError
from gridpilot.jit import kernel


class Parameters(NamedTuple):
    """Per bank `[n]`; positions are whole numbers of steps."""

    position_min: Floats
    position_max: Floats
    step_mvar: Floats
    """What one step supplies at 1 pu; negative for a coil."""
    operation_s: Floats
    """Time of one operation: a capacitor is discharged before it is switched in again."""
    operation_usd: Floats
    """Switching cost of one step."""
    operations_per_day: Floats
    """What it is built for; more is a violation."""
    initial_position: Floats


_DEFAULTS = {
    "position_min": 0.0, "operation_s": 60.0, "operation_usd": 1.0, "operations_per_day": 12.0, "initial_position": 0.0,
}  # fmt: skip


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per bank, `position_max` being its number of steps. Raises `ConfigError`."""
    made: Parameters = parameters_from_rows(Parameters, rows, _DEFAULTS, limits=stepped.LIMITS, rising=stepped.RISING)
    if problems := stepped.position_problems(made):
        raise ConfigError("These banks have no such steps.", problems)
    return made


@kernel
def adjust(parameters: Parameters, state: stepped.State, setpoint: Floats, in_service: Bools, dt_h: float) -> Floats:
    """Mvar at 1 pu in this cycle `[B, n]`; 0 out of service."""
    position = stepped.next_position(parameters, state, setpoint, in_service, dt_h)
    batch, n = position.shape
    for b in range(batch):
        for k in range(n):
            position[b, k] = position[b, k] * parameters.step_mvar[k] if in_service[b, k] else 0.0
    return position


KIND = DeviceKind(
    name="shunt",
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
    adjusts="bank",
    adjust=adjust,
    safety=stepped.safety,
)
