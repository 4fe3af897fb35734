"""All devices of a scenario in one compiled call, whatever their kinds.

A call from Python into compiled code costs more than the arithmetic of a dozen devices. So the kernels of a step take
the fleet whole: parameters and states, each a tuple with one entry per kind. While such a kernel is compiled, the
class of the parameters tells which file of `gridpilot.devices` the functions are taken from; a new kind is still one
file, and its functions stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from gridpilot.devices import DeviceKind, device_kinds
from gridpilot.jit import as_arrays, inner
from gridpilot.values import Bools, Floats

DEMAND, UNSERVED, AVAILABLE, CURTAILED, COST, CO2 = range(6)
"""Rows of the totals, in the order of `gridpilot.devices.Outcome`."""


class Told(NamedTuple):
    """What the devices of a kind are told in a cycle, in their own memory: the layout that devices are compiled for.

    Written by `inject_kind`, and read once more by `settle_kind`.
    """

    orders: Floats
    """Setpoints `[B, n]`, with those for reactive power `[B, 2n]`."""
    weather: Floats
    """Exogenous values `[B, s·n]`."""
    present: Bools
    """Whether they are in service `[B, n]`."""


Fleet = tuple[tuple[Any, Any, Told], ...]
"""The devices of a batch: parameters, states and what they are told, kind by kind."""


def new_told(kind: DeviceKind, batch: int, devices: int, orders: int) -> Told:
    """Room for what so many devices of a kind are told by so many setpoints."""
    weather = np.zeros((batch, len(kind.series) * devices))
    return Told(np.zeros((batch, orders)), weather, np.zeros((batch, devices), dtype=np.bool_))


class Places(NamedTuple):
    """Where a kind begins."""

    device: int
    """In `[B, N]`."""
    order: int
    """Among the setpoints."""
    column: int
    """In `exogenous` `[B, c]`."""


def _kind_of(type_of_parameters: Any) -> DeviceKind:
    """The kind that parameters belong to, from the type numba has found for them."""
    parameters = type_of_parameters.instance_class
    # Kinds that share a class of parameters share their functions too (solar and wind), so that any of them will do.
    return next(kind for kind in device_kinds().values() if kind.parameters is parameters)


@inner
def read_columns(values: Any, first: int, into: Any) -> None:
    """Fill `into` `[B, n]` with the columns of `[B, …]` that begin at `first`."""
    # Loops, here and below: numba takes seconds to compile an assignment to a slice.
    part = values[:, first : first + into.shape[1]]
    for b in range(into.shape[0]):
        for k in range(into.shape[1]):
            into[b, k] = part[b, k]


@inner
def write_columns(values: Any, first: int, into: Any) -> None:
    """Write `values` `[B, n]` into the columns of `[B, …]` that begin at `first`."""
    part = into[:, first : first + values.shape[1]]
    for b in range(values.shape[0]):
        for k in range(values.shape[1]):
            part[b, k] = values[b, k]


@inner
def write_all(values: Any, into: Any) -> None:
    """Write an array into another one of its shape; both are row-major."""
    source, target = values.reshape(-1), into.reshape(-1)
    for k in range(len(source)):
        target[k] = source[k]


def write_fields(values: Any, into: Any) -> None:
    """Write the arrays of a device state into those of another one. For kernels only."""
    raise TypeError("A fleet is stepped inside kernels only: numba compiles this function for its kinds.")


@overload(write_fields)  # type: ignore[untyped-decorator]  # numba ships no types
def _compile_write_fields(values: Any, into: Any) -> Callable[..., Any]:
    """The code of `write_fields`: the first array here, the others by the same rule."""

    def nothing_left(values: Any, into: Any) -> None:
        pass

    def first_and_rest(values: Any, into: Any) -> None:
        write_all(values[0], into[0])
        write_fields(values[1:], into[1:])

    return first_and_rest if len(values) else nothing_left


def inject_kind(
    devices: Any, at: Places, orders: Any, exogenous: Any, in_service: Any, dt_h: float, p_mw: Any, q_mvar: Any, adjusted: Any
) -> Places:
    """Write what the devices of a kind would exchange with the grid into `p_mw`, `q_mvar` `[B, N]`, and into `adjusted` `[B, N]`
    what they do to its ratios or susceptances. Returns where the next kind begins. For kernels only.
    """
    raise TypeError("A fleet is stepped inside kernels only: numba compiles this function for its kinds.")


@overload(inject_kind)  # type: ignore[untyped-decorator]  # numba ships no types
def _compile_inject_kind(
    devices: Any, at: Places, orders: Any, exogenous: Any, in_service: Any, dt_h: float, p_mw: Any, q_mvar: Any, adjusted: Any
) -> Callable[..., Any]:
    """The code of `inject_kind` for the kind that these parameters belong to."""
    kind = _kind_of(devices[0])
    inject, adjust = kind.inject, kind.adjust

    def write(
        devices: Any, at: Places, orders: Any, exogenous: Any, in_service: Any, dt_h: float, p_mw: Any, q_mvar: Any, adjusted: Any
    ) -> Places:
        parameters, mine, told = as_arrays(devices)
        read_columns(orders, at.order, told.orders)
        read_columns(exogenous, at.column, told.weather)
        read_columns(in_service, at.device, told.present)
        wanted = inject(parameters, mine, told.orders, told.weather, told.present, dt_h)
        write_columns(wanted.p_mw, at.device, p_mw)
        write_columns(wanted.q_mvar, at.device, q_mvar)
        return Places(at.device + len(parameters[0]), at.order + told.orders.shape[1], at.column + told.weather.shape[1])

    if adjust is None:
        return write

    def write_all_of_it(
        devices: Any, at: Places, orders: Any, exogenous: Any, in_service: Any, dt_h: float, p_mw: Any, q_mvar: Any, adjusted: Any
    ) -> Places:
        after = write(devices, at, orders, exogenous, in_service, dt_h, p_mw, q_mvar, adjusted)
        parameters, mine, told = as_arrays(devices)
        write_columns(adjust(parameters, mine, told.orders, told.present, dt_h), at.device, adjusted)
        return after

    write = inner(write)
    return write_all_of_it


def settle_kind(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, safety: Any) -> int:
    """Take the states of a kind to the next step by what it was told and really exchanged; add its outcomes to `totals` `[6, B]`,
    and how far it is beyond what it is meant for to `safety` `[B]`.

    For kernels only; see `inject_kind`.
    """
    raise TypeError("A fleet is stepped inside kernels only: numba compiles this function for its kinds.")


@overload(settle_kind)  # type: ignore[untyped-decorator]  # numba ships no types
def _compile_settle_kind(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, safety: Any) -> Callable[..., Any]:
    """The code of `settle_kind` for the kind that these parameters belong to."""
    kind = _kind_of(devices[0])
    settle, measure = kind.settle, kind.safety

    def book(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, safety: Any) -> int:
        parameters, state, told = as_arrays(devices)
        n, real = len(parameters[0]), np.empty(told.present.shape)
        read_columns(p_mw, device, real)
        after, outcome = settle(parameters, state, told.orders, told.weather, told.present, real, dt_h)
        write_fields(after, state)
        add_outcome(totals, outcome)
        return device + n

    if measure is None:
        return book

    def book_and_measure(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, safety: Any) -> int:
        after = book(devices, device, p_mw, dt_h, totals, safety)
        parameters, state, _ = as_arrays(devices)
        add_rows(measure(parameters, state), safety)
        return after

    book = inner(book)
    return book_and_measure


@inner
def add_rows(values: Any, into: Any) -> None:
    """Add the sum of every row `[B, n]` to `[B]`."""
    for b in range(values.shape[0]):
        for k in range(values.shape[1]):
            into[b] += values[b, k]


@inner
def add_outcome(totals: Any, outcome: Any) -> None:
    """Add the devices of one kind to `totals` `[6, B]`."""
    batch, n = outcome.cost_usd.shape
    for b in range(batch):
        # In registers: through memory, every addition would wait for the one before.
        demand, unserved, available = totals[DEMAND, b], totals[UNSERVED, b], totals[AVAILABLE, b]
        curtailed, cost, co2 = totals[CURTAILED, b], totals[COST, b], totals[CO2, b]
        for k in range(n):
            demand += outcome.demand_mwh[b, k]
            unserved += outcome.unserved_mwh[b, k]
            available += outcome.available_mwh[b, k]
            curtailed += outcome.curtailed_mwh[b, k]
            cost += outcome.cost_usd[b, k]
            co2 += outcome.co2_t[b, k]
        totals[DEMAND, b], totals[UNSERVED, b], totals[AVAILABLE, b] = demand, unserved, available
        totals[CURTAILED, b], totals[COST, b], totals[CO2, b] = curtailed, cost, co2
