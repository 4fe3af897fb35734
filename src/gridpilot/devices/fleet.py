"""All devices of a scenario in one compiled call, whatever their kinds.

A call from Python into compiled code costs more than the arithmetic of a dozen devices. So the kernels of a step take
the fleet whole: parameters and states, each a tuple with one entry per kind. While such a kernel is compiled, the
class of the parameters tells which file of `gridpilot.devices` the functions are taken from; a new kind is still one
file, and its functions stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numba import literal_unroll
from numba.extending import overload

from gridpilot.devices import device_kind, device_kinds
from gridpilot.devices.device import DeviceKind
from gridpilot.jit import Resident, as_arrays, borrowed, inner, kernel
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


def new_fleet(parameters: Mapping[str, Any], states: Mapping[str, Any]) -> Fleet:
    """A fleet of these devices, by kind; the arrays of the states are stepped in place."""
    made = []
    for name, own in parameters.items():
        kind, (batch, devices) = device_kind(name), states[name][0].shape
        made.append((own, states[name], new_told(kind, batch, devices, len(kind.initial_setpoint(own)))))
    return tuple(made)


@kernel
def _hold(fleet: Any) -> Any:
    return Resident(fleet)


def hold_fleet(fleet: Fleet) -> Resident[Fleet]:
    """`gridpilot.jit.resident`, compiled for fleets alone: its cache names no types of the twin, which a device's process has not."""
    held: Resident[Fleet] = _hold(fleet)
    held.value = fleet
    return held


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


def settle_kind(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, cost_usd: Any, unsafe: Any) -> int:
    """Take the states of a kind to the next step by what it was told and really exchanged.

    Adds its outcomes to `totals` `[6, B]`, and writes what each device cost into `cost_usd`, and how far it is beyond what it
    is meant for into `unsafe` `[B, N]`.

    For kernels only; see `inject_kind`.
    """
    raise TypeError("A fleet is stepped inside kernels only: numba compiles this function for its kinds.")


@overload(settle_kind)  # type: ignore[untyped-decorator]  # numba ships no types
def _compile_settle_kind(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, cost_usd: Any, unsafe: Any) -> Callable[..., Any]:
    """The code of `settle_kind` for the kind that these parameters belong to."""
    kind = _kind_of(devices[0])
    settle, measure = kind.settle, kind.safety

    def book(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, cost_usd: Any, unsafe: Any) -> int:
        parameters, state, told = as_arrays(devices)
        n, real = len(parameters[0]), np.empty(told.present.shape)
        read_columns(p_mw, device, real)
        after, outcome = settle(parameters, state, told.orders, told.weather, told.present, real, dt_h)
        write_fields(after, state)
        add_outcome(totals, outcome)
        write_columns(outcome.cost_usd, device, cost_usd)
        return device + n

    if measure is None:
        return book

    def book_and_measure(devices: Any, device: int, p_mw: Any, dt_h: float, totals: Any, cost_usd: Any, unsafe: Any) -> int:
        after = book(devices, device, p_mw, dt_h, totals, cost_usd, unsafe)
        parameters, state, _ = as_arrays(devices)
        write_columns(measure(parameters, state), device, unsafe)
        return after

    book = inner(book)
    return book_and_measure


@inner
def add_rows(values: Any, into: Any) -> None:
    """Write the sum of every row of `[B, N]` into `[B]`."""
    for b in range(values.shape[0]):
        total = 0.0
        for k in range(values.shape[1]):
            total += values[b, k]
        into[b] = total


def tell_kind(devices: Any, device: int, p_mw: Any, dt_h: float, outcomes: Any, unsafe: Any) -> int:
    """`settle_kind` which writes every device's own outcome into `outcomes` `[6, B, N]` instead of totals. For kernels only."""
    raise TypeError("A fleet is stepped inside kernels only: numba compiles this function for its kinds.")


@overload(tell_kind)  # type: ignore[untyped-decorator]  # numba ships no types
def _compile_tell_kind(devices: Any, device: int, p_mw: Any, dt_h: float, outcomes: Any, unsafe: Any) -> Callable[..., Any]:
    """The code of `tell_kind` for the kind that these parameters belong to."""
    kind = _kind_of(devices[0])
    settle, measure = kind.settle, kind.safety

    def tell(devices: Any, device: int, p_mw: Any, dt_h: float, outcomes: Any, unsafe: Any) -> int:
        parameters, state, told = as_arrays(devices)
        n, real = len(parameters[0]), np.empty(told.present.shape)
        read_columns(p_mw, device, real)
        after, outcome = settle(parameters, state, told.orders, told.weather, told.present, real, dt_h)
        write_fields(after, state)
        for k in range(len(outcome)):
            write_columns(outcome[k], device, outcomes[k])
        return device + n

    if measure is None:
        return tell

    def tell_and_measure(devices: Any, device: int, p_mw: Any, dt_h: float, outcomes: Any, unsafe: Any) -> int:
        after = tell(devices, device, p_mw, dt_h, outcomes, unsafe)
        parameters, state, _ = as_arrays(devices)
        write_columns(measure(parameters, state), device, unsafe)
        return after

    tell = inner(tell)
    return tell_and_measure


@kernel
def inject_fleet(
    fleet: Resident[Fleet],
    orders: Floats,
    exogenous: Floats,
    in_service: Bools,
    dt_h: float,
    p_mw: Floats,
    q_mvar: Floats,
    adjusted: Floats,
) -> None:
    """What all devices would exchange with the grid, and what they adjust in it.

    Arrays are `[B, N]`, `orders` `[B, O]` and `exogenous` `[B, c]`, kinds one after the other.
    """
    at = Places(0, 0, 0)
    for kind in literal_unroll(borrowed(fleet)):
        at = inject_kind(kind, at, orders, exogenous, in_service, dt_h, p_mw, q_mvar, adjusted)


@kernel
def settle_fleet(fleet: Resident[Fleet], p_mw: Floats, dt_h: float, outcomes: Floats, unsafe: Floats) -> None:
    """Take the states of all devices on by what they really exchanged `[B, N]`; outcomes device by device `[6, B, N]`."""
    device = 0
    for kind in literal_unroll(borrowed(fleet)):
        device = tell_kind(kind, device, p_mw, dt_h, outcomes, unsafe)


@kernel
def add_up(outcomes: Floats, totals: Floats) -> None:
    """Totals `[6, B]` of all devices' outcomes `[6, B, N]`, in the order in which `settle_kind` adds."""
    for k in range(outcomes.shape[0]):
        add_rows(outcomes[k], totals[k])


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
