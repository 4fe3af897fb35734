"""Grid tie: a connection over which energy is bought from, and sold to, a neighbouring grid at the market price.

Its setpoint is the injection in MW: buying is positive, selling negative (REDISPATCH). Bought energy costs the price of the
hour; sold energy earns the price less a discount:

    cost = price · p · dt  for p > 0,     (1 − sell_discount) · price · p · dt  for p < 0

so that buying to sell at once never pays while the price is positive. Power beyond what was contracted is possible up to the
limits of the tie; it is a violation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, no_closing_value, parameters_from_rows
from gridpilot.jit import kernel


class Parameters(NamedTuple):
    """Per tie `[n]`."""

    p_min_mw: Floats
    """At most 0: the most that can be sold, as a negative injection."""
    p_max_mw: Floats
    """The most that can be bought."""
    contract_mw: Floats
    """Power in either direction that was contracted."""
    sell_discount: Floats
    """Share of the price that a seller does not get, 0 to 1."""
    co2_t_per_mwh: Floats
    """Of energy bought."""
    initial_mw: Floats
    """Scheduled exchange, the order when an episode begins."""


class State(NamedTuple):
    """Per element and tie `[B, n]`."""

    p_mw: Floats


_DEFAULTS = {"contract_mw": np.inf, "sell_discount": 0.0, "co2_t_per_mwh": 0.0, "initial_mw": 0.0}
_LIMITS = {
    "p_min_mw": (-np.inf, 0.0), "p_max_mw": (0.0, np.inf), "contract_mw": (0.0, np.inf), "sell_discount": (0.0, 1.0),
    "co2_t_per_mwh": (0.0, np.inf),
}  # fmt: skip


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per tie; without `p_min_mw` it sells as much as it buys. Raises `ConfigError`."""
    filled = [{"p_min_mw": -row.get("p_max_mw", np.nan), **row} for row in rows]
    rising = (("p_min_mw", "initial_mw", "p_max_mw"),)
    made: Parameters = parameters_from_rows(Parameters, filled, _DEFAULTS, limits=_LIMITS, rising=rising)
    return made


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every tie before its first exchange."""
    return State(np.zeros((batch, len(parameters.p_max_mw))))


def initial_setpoint(parameters: Parameters) -> Floats:
    """The scheduled exchange."""
    return parameters.initial_mw.copy()


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Any exchange inside the limits `[B, n]`."""
    batch, n = state.p_mw.shape
    low = np.zeros((batch, n))
    high = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                low[b, k], high[b, k] = parameters.p_min_mw[k], parameters.p_max_mw[k]
    return low, high


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """The order inside the limits, at unity power factor."""
    low, high = bounds(parameters, state, exogenous, in_service, dt_h)
    return Injection(np.minimum(np.maximum(setpoint, low), high), np.zeros(setpoint.shape))


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books what was bought and sold at the price of now; the revenue of a sale is a negative cost."""
    batch, n = p_mw.shape
    cost = np.zeros((batch, n))
    co2 = np.zeros((batch, n))
    none = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            p, price = p_mw[b, k], exogenous[b, k]
            share = 1.0 if p > 0.0 else 1.0 - parameters.sell_discount[k]
            cost[b, k] = share * price * p * dt_h
            co2[b, k] = max(p, 0.0) * parameters.co2_t_per_mwh[k] * dt_h
    return State(p_mw.copy()), Outcome(none, none, none, none, cost, co2)


@kernel
def safety(parameters: Parameters, state: State) -> Floats:
    """Power beyond the contract, as a share of it `[B, n]`."""
    batch, n = state.p_mw.shape
    out = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            beyond = abs(state.p_mw[b, k]) - parameters.contract_mw[k]
            if beyond > 0.0:
                out[b, k] = beyond / max(parameters.contract_mw[k], 1e-3 * parameters.p_max_mw[k])
    return out


KIND = DeviceKind(
    name="grid_tie",
    from_rows=parameters,
    parameters=Parameters,
    state=State,
    series=("price_usd_per_mwh",),
    initial_state=initial_state,
    initial_setpoint=initial_setpoint,
    bounds=bounds,
    inject=inject,
    settle=settle,
    closing_value_mwh=no_closing_value,
    safety=safety,
)
