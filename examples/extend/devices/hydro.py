"""Hydro: a run-of-river plant; the river offers power, as the weather does to a solar plant."""

from gridpilot.devices import renewable
from gridpilot.devices.device import DeviceKind, no_closing_value

KIND = DeviceKind(
    name="hydro",
    from_rows=renewable.parameters,
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
