"""Wind: a plant of turbines behind converters; `renewable` has its physics."""

from __future__ import annotations

from gridpilot.devices import renewable
from gridpilot.devices.device import DeviceKind, no_closing_value

parameters = renewable.parameters

KIND = DeviceKind(
    name="wind",
    from_rows=parameters,
    parameters=renewable.Parameters,
    state=renewable.State,
    series=("available_mw",),
    initial_state=renewable.initial_state,
    initial_setpoint=renewable.initial_setpoint,
    bounds=renewable.bounds,
    inject=renewable.inject,
    settle=renewable.settle,
    closing_value_mwh=no_closing_value,
)
