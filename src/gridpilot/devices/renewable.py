"""What solar and wind plants share: the weather offers power, the operator may take less.

The setpoint of such a plant is the most it may inject, in MW (CURTAIL). Reactive power follows a fixed ratio to p or, where
`q_control` says so, an order in Mvar; either inside the plant's capability (`inverter`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices import inverter
from gridpilot.devices.device import Bools, Floats, Injection, Outcome, parameters_from_rows
from gridpilot.devices.inverter import q_limit_mvar, takes_q_orders, with_q_orders
from gridpilot.jit import bare, kernel


class Parameters(NamedTuple):
    """Per plant `[n]`."""

    p_max_mw: Floats
    """Rated power; more is never injected, whatever the weather offers."""
    s_max_mva: Floats
    """Rating of the inverter or converter: p² + q² never exceeds its square. At least `p_max_mw`."""
    power_factor_min: Floats
    """Smallest power factor the plant is built for; 1 means no reactive power."""
    q_per_p: Floats
    """Reactive power asked for, as a ratio to p; positive supplies the grid."""
    q_control: Floats
    """1 where reactive power is ordered instead, 0 where it is not."""


class State(NamedTuple):
    """Per element and plant `[B, n]`."""

    p_mw: Floats


_DEFAULTS = {"power_factor_min": 0.9, "q_per_p": 0.0, "q_control": 0.0}
_LIMITS = {"p_max_mw": (0.0, np.inf), "power_factor_min": (0.01, 1.0), "q_control": (0.0, 1.0)}
_RISING = (("p_max_mw", "s_max_mva"),)


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per plant; without `s_max_mva` the converter carries `p_max_mw` at 0.95.

    Raises `ConfigError`.
    """
    filled = [{"s_max_mva": row.get("p_max_mw", np.nan) / 0.95, **row} for row in rows]
    made: Parameters = parameters_from_rows(Parameters, filled, _DEFAULTS, limits=_LIMITS, rising=_RISING)
    return made


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every plant before its first injection."""
    return State(np.zeros((batch, len(parameters.p_max_mw))))


def initial_setpoint(parameters: Parameters) -> Floats:
    """No curtailment: the limit is the rated power."""
    return with_q_orders(parameters.p_max_mw.copy(), parameters.q_control)


def q_reach_mvar(parameters: Parameters) -> Floats:
    """Most that can be ordered of each in either direction `[n]`."""
    reach = zip(parameters.s_max_mva, parameters.power_factor_min, parameters.p_max_mw, strict=True)
    return np.array([inverter.largest_q_mvar(*own) for own in reach]) * (parameters.q_control > 0.0)


@bare
def _q_limit_mvar(parameters: Parameters, plant: int, p_mw: float) -> float:
    """Largest reactive power in either direction at an output."""
    return q_limit_mvar(parameters.s_max_mva[plant], parameters.power_factor_min[plant], p_mw)


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Any limit from 0 to the rating can be followed; of reactive power, what goes with some output `[B, n or 2n]`."""
    batch, n = state.p_mw.shape
    width = 2 * n if takes_q_orders(parameters.q_control) else n
    low = np.zeros((batch, width))
    high = np.zeros((batch, width))
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                high[b, k] = parameters.p_max_mw[k]
                if parameters.q_control[k] > 0.0:
                    offered = min(max(exogenous[b, k], 0.0), parameters.p_max_mw[k])
                    reach = inverter.q_reach_mvar(parameters.s_max_mva[k], parameters.power_factor_min[k], offered)
                    low[b, n + k], high[b, n + k] = -reach, reach
    return low, high


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """What the weather offers up to the limit, with q at the asked ratio, or as ordered, inside the capability."""
    batch, n = state.p_mw.shape
    p = np.zeros((batch, n))
    q = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                offered = min(max(exogenous[b, k], 0.0), parameters.p_max_mw[k])
                p[b, k] = min(offered, max(setpoint[b, k], 0.0))
                limit = _q_limit_mvar(parameters, k, p[b, k])
                asked = setpoint[b, n + k] if parameters.q_control[k] > 0.0 else parameters.q_per_p[k] * p[b, k]
                q[b, k] = min(max(asked, -limit), limit)
    return Injection(p, q)


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books what the weather offered, and what of it the grid did not take."""
    batch, n = p_mw.shape
    available = np.zeros((batch, n))
    curtailed = np.zeros((batch, n))
    none = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                available[b, k] = min(max(exogenous[b, k], 0.0), parameters.p_max_mw[k]) * dt_h
                curtailed[b, k] = max(available[b, k] - p_mw[b, k] * dt_h, 0.0)
    return State(p_mw.copy()), Outcome(none, none, available, curtailed, none, none)
