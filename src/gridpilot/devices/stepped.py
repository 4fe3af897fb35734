"""What tap changers and capacitor banks have in common: they stand in whole positions, and wear with every operation.

The setpoint is the position to go to; what lies between two positions goes to the nearer one. One operation moves by one
position, and a cycle has time for a few of them. Parameters of such a kind have the fields of `Stepped` among theirs.
"""

from __future__ import annotations

from math import exp, floor
from typing import Any, NamedTuple, Protocol

import numpy as np

from gridpilot.devices.device import Bools, Floats, Injection, Outcome
from gridpilot.errors import Problem
from gridpilot.jit import inlined, kernel
from gridpilot.units import HOURS_PER_DAY


class Stepped(Protocol):
    """Fields that the parameters of a stepped kind have `[n]`."""

    position_min: Floats
    position_max: Floats
    operation_s: Floats
    """Time of one operation."""
    operation_usd: Floats
    """Wear of one operation."""
    operations_per_day: Floats
    """What it is built for; more is a violation."""
    initial_position: Floats


class State(NamedTuple):
    """Per element and device `[B, n]`."""

    p_mw: Floats
    """Always 0."""
    position: Floats
    """A whole number."""
    operations: Floats
    """Operations of the last day; older ones fade with a time constant of 24 h."""


LIMITS = {"operation_s": (0.0, np.inf), "operation_usd": (0.0, np.inf), "operations_per_day": (0.0, np.inf)}
RISING = (("position_min", "initial_position", "position_max"),)
_ROUNDING = 1e-9


def initial_state(parameters: Any, batch: int) -> State:
    """Every device at its initial position, rested."""
    position = np.tile(parameters.initial_position, (batch, 1))
    return State(np.zeros(position.shape), position, np.zeros(position.shape))


def initial_setpoint(parameters: Any) -> Floats:
    """Every device stays where it is."""
    position: Floats = parameters.initial_position.copy()
    return position


@inlined
def _reach(operation_s: float, dt_h: float) -> float:
    """Operations that a cycle has time for; one can always be begun."""
    return max(np.floor(dt_h * 3600.0 / operation_s + _ROUNDING), 1.0) if operation_s > 0.0 else np.inf


@inlined
def _window(parameters: Any, position: float, k: int, dt_h: float) -> tuple[float, float]:
    """Lowest and highest position that device `k` can reach in this cycle."""
    reach = _reach(parameters.operation_s[k], dt_h)
    return max(parameters.position_min[k], position - reach), min(parameters.position_max[k], position + reach)


@kernel
def bounds(parameters: Any, state: Any, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Positions that can be reached in this cycle `[B, n]`."""
    batch, n = state.position.shape
    low = np.zeros((batch, n))
    high = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                low[b, k], high[b, k] = _window(parameters, state.position[b, k], k, dt_h)
    return low, high


@kernel
def next_position(parameters: Any, state: Any, setpoint: Floats, in_service: Bools, dt_h: float) -> Floats:
    """Where every device stands in this cycle `[B, n]`: one that is out of service stays where it was."""
    batch, n = state.position.shape
    position: Floats = state.position.copy()
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                low, high = _window(parameters, position[b, k], k, dt_h)
                position[b, k] = np.floor(min(max(setpoint[b, k], low), high) + 0.5)
    return position


@kernel
def inject(parameters: Any, state: Any, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """Nothing: what it does, it does to the grid's admittances."""
    return Injection(np.zeros(state.position.shape), np.zeros(state.position.shape))


@kernel
def settle(
    parameters: Any, state: Any, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books the operations of the cycle and their wear."""
    position = next_position(parameters, state, setpoint, in_service, dt_h)
    batch, n = position.shape
    operations = np.zeros((batch, n))
    cost = np.zeros((batch, n))
    none = np.zeros((batch, n))
    kept = exp(-dt_h / HOURS_PER_DAY)
    for b in range(batch):
        for k in range(n):
            moved = abs(position[b, k] - state.position[b, k])
            operations[b, k] = state.operations[b, k] * kept + moved
            cost[b, k] = moved * parameters.operation_usd[k]
    return State(np.zeros((batch, n)), position, operations), Outcome(none, none, none, none, cost, none)


@kernel
def safety(parameters: Any, state: Any) -> Floats:
    """Operations beyond what a day is meant to hold, as a share of that `[B, n]`."""
    batch, n = state.position.shape
    out = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            allowed = parameters.operations_per_day[k]
            if state.operations[b, k] > allowed:
                out[b, k] = (state.operations[b, k] - allowed) / max(allowed, 1.0)
    return out


def position_problems(parameters: Any) -> list[Problem]:
    """Positions that are no whole numbers."""
    named = ((name, getattr(parameters, name)) for name in ("position_min", "position_max", "initial_position"))
    return [Problem(name, "must be whole numbers") for name, values in named if any(floor(value) != value for value in values.tolist())]
