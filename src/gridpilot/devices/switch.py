"""Switch: the circuit breaker or sectionaliser of a branch, which wears with every operation.

It moves nothing by itself. Operators open and close the branch (TOPOLOGY), relays and faults open it, a crew closes it; the
switch sees at the end of every cycle whether its branch is in service, and books the operation where it was not as before.
What it is not meant for is a violation: more operations in a day, or in its life, than it is built for, and an operation
before its drive is ready again after the last one.

Usual numbers are those of a vacuum circuit breaker: 10,000 operations (IEC 62271-100, class M2), and 3 min until it can break
again (rated operating sequence O – 0.3 s – CO – 3 min – CO). Wear is then a ten-thousandth of its price per operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, no_closing_value, parameters_from_rows
from gridpilot.jit import kernel
from gridpilot.units import HOURS_PER_DAY


class Parameters(NamedTuple):
    """Per switch `[n]`."""

    operation_usd: Floats
    """Wear of one operation: opening or closing."""
    operations_per_day: Floats
    """What it is built for; more is a violation."""
    operations_life: Floats
    """Operations until it has to be replaced; more is a violation."""
    rest_h: Floats
    """Time that its drive needs between two operations; less is a violation."""
    initial_operations: Floats
    """Those of its life that are behind it when an episode begins."""
    initial_closed: Floats
    """1 where its branch is closed as built, 0 where it is open."""


class State(NamedTuple):
    """Per element and switch `[B, n]`."""

    p_mw: Floats
    """Always 0."""
    life_share: Floats
    """Operations so far as a share of its life; above 1 beyond it."""
    operations: Floats
    """Operations of the last day; older ones fade with a time constant of 24 h."""
    rested_h: Floats
    """Time since the last operation."""
    early_share: Floats
    """Part of its rest that was missing at an operation in the last cycle."""
    closed: Bools
    """Whether its branch was in service at the end of the last cycle."""


_DEFAULTS = {
    "operation_usd": 2.0, "operations_per_day": 8.0, "operations_life": 10_000.0, "rest_h": 0.05, "initial_operations": 0.0,
    "initial_closed": 1.0,
}  # fmt: skip
_LIMITS = {
    "operation_usd": (0.0, np.inf), "operations_per_day": (0.0, np.inf), "operations_life": (1.0, np.inf), "rest_h": (0.0, np.inf),
    "initial_operations": (0.0, np.inf), "initial_closed": (0.0, 1.0),
}  # fmt: skip
_ROUNDING_H = 1e-9


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per switch; raises `ConfigError`."""
    made: Parameters = parameters_from_rows(Parameters, rows, _DEFAULTS, limits=_LIMITS)
    return made


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every switch as built, rested."""
    shape = batch, len(parameters.rest_h)
    life = np.tile(parameters.initial_operations / parameters.operations_life, (batch, 1))
    rested = np.tile(np.maximum(parameters.rest_h, HOURS_PER_DAY), (batch, 1))
    closed = np.tile(parameters.initial_closed > 0.5, (batch, 1))
    return State(np.zeros(shape), life, np.zeros(shape), rested, np.zeros(shape), closed)


def initial_setpoint(parameters: Parameters) -> Floats:
    """Nothing: orders go to its branch."""
    return np.zeros(len(parameters.rest_h))


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Nothing that could be ordered `[B, n]`."""
    return np.zeros(state.closed.shape), np.zeros(state.closed.shape)


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """Nothing: it only lets through."""
    return Injection(np.zeros(state.closed.shape), np.zeros(state.closed.shape))


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books an operation where its branch is not as before; `in_service` is the branch's own."""
    batch, n = p_mw.shape
    life, operations, rested = np.zeros((batch, n)), np.zeros((batch, n)), np.zeros((batch, n))
    early, cost, none = np.zeros((batch, n)), np.zeros((batch, n)), np.zeros((batch, n))
    kept = exp(-dt_h / HOURS_PER_DAY)
    for b in range(batch):
        for k in range(n):
            moved = 1.0 if in_service[b, k] != state.closed[b, k] else 0.0
            life[b, k] = state.life_share[b, k] + moved / parameters.operations_life[k]
            operations[b, k] = state.operations[b, k] * kept + moved
            # It moves at the beginning of a cycle.
            rested[b, k] = (0.0 if moved > 0.0 else state.rested_h[b, k]) + dt_h
            missing = parameters.rest_h[k] - state.rested_h[b, k]
            if moved > 0.0 and missing > _ROUNDING_H:
                early[b, k] = missing / parameters.rest_h[k]
            cost[b, k] = moved * parameters.operation_usd[k]
    return State(np.zeros((batch, n)), life, operations, rested, early, in_service.copy()), Outcome(none, none, none, none, cost, none)


@kernel
def safety(parameters: Parameters, state: State) -> Floats:
    """What it is not meant for `[B, n]`: operations beyond a day's and a life's, as shares of those, and the rest that was missing."""
    batch, n = state.closed.shape
    out = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            allowed = parameters.operations_per_day[k]
            if state.operations[b, k] > allowed:
                out[b, k] += (state.operations[b, k] - allowed) / max(allowed, 1.0)
            out[b, k] += max(state.life_share[b, k] - 1.0, 0.0) + state.early_share[b, k]
    return out


KIND = DeviceKind(
    name="switch",
    from_rows=parameters,
    parameters=Parameters,
    state=State,
    series=(),
    initial_state=initial_state,
    initial_setpoint=initial_setpoint,
    bounds=bounds,
    inject=inject,
    settle=settle,
    closing_value_mwh=no_closing_value,
    watches="branch",
    safety=safety,
)
