"""Power flow engines behind one seam, `gridpilot.values.PowerFlow`.

| name | solves | for |
|---|---|---|
| `newton` | AC, batched, compiled | everything |
| `dc` | active flows only | screening; grids whose voltages do not matter |
| `pandapower` | AC, one element after the other | reference |
| `lightsim2grid` | AC, one element after the other, one slack bus | reference in C++ |

    engine("newton", network, tolerance_pu=1e-8).solve(p_mw, q_mvar, kind=…, v_set_pu=…, closed=…)
"""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import Any

from gridpilot.errors import UnknownNameError
from gridpilot.network.network import Network
from gridpilot.values import PowerFlow

__all__ = ["engine", "engine_names", "engine_options"]

_ENGINES = {
    "dc": ("gridpilot.powerflow.dc", "Dc"),
    "lightsim2grid": ("gridpilot.powerflow.lightsim2grid", "LightSim2Grid"),
    "newton": ("gridpilot.powerflow.newton", "Newton"),
    "pandapower": ("gridpilot.powerflow.pandapower", "Pandapower"),
}
"""Module and class by name: an engine is loaded when it is asked for."""


def engine_names() -> tuple[str, ...]:
    """Names that `engine` knows."""
    return tuple(_ENGINES)


def engine_options(name: str) -> tuple[str, ...]:
    """Options that an engine takes; raises `UnknownNameError`."""
    return tuple(option for option in signature(_load(name)).parameters if option != "network")


def _load(name: str) -> Any:
    if name not in _ENGINES:
        raise UnknownNameError("power flow engine", name, engine_names())
    module, class_name = _ENGINES[name]
    return getattr(import_module(module), class_name)


def engine(name: str, network: Network, **options: Any) -> PowerFlow:
    """The engine `name` for a network, in which closed bus-bus switches are fused.

    Raises `UnknownNameError` for a name or option that does not exist, `ConfigError` for an option out of range,
    `PhysicsError` for a network the engine cannot take, and `MissingExtraError`.
    """
    build, valid = _load(name), engine_options(name)
    for option in options:
        if option not in valid:
            raise UnknownNameError(f"option of the power flow engine {name!r}", option, valid)
    if network.switch_closed.any():
        from gridpilot.powerflow.fused import Fused

        return Fused(network, lambda fused: build(fused, **options))
    solver: PowerFlow = build(network, **options)
    return solver
