"""The devices of a grid agent: their parameters, their states and their steps, which nobody else has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridpilot.agents.coordination.offers import Offer, join, offer_kind
from gridpilot.agents.grid.changes import Changes
from gridpilot.agents.grid.dialogue import KindSheet
from gridpilot.devices import Outcome, device_kind
from gridpilot.devices.fleet import hold_fleet, inject_fleet, new_fleet, settle_fleet
from gridpilot.errors import MessageError
from gridpilot.values import Bools, Floats, Ints


class OwnDevices:
    """Devices of several kinds in one element, stepped in place; arrays `[1, n]`, kinds one after the other."""

    def __init__(self, sheets: list[KindSheet], dt_h: float, changes: Changes) -> None:
        """`changes` take the place of the sheets' own parameters."""
        self.names = tuple(name for sheet in sheets for name in sheet.names)
        self._dt_h = dt_h
        self._parameters = _parameters(sheets, changes)
        self._states = {kind: device_kind(kind).initial_state(own, 1) for kind, own in self._parameters.items()}
        self._states = {kind: state._make(map(np.ascontiguousarray, state)) for kind, state in self._states.items()}
        self._fleet = hold_fleet(new_fleet(self._parameters, self._states))
        self._wishes: dict[str, Any] = {}
        self._wished = {sheet.kind: sheet.wishes for sheet in sheets}
        self._widths = {sheet.kind: len(sheet.names) for sheet in sheets}
        self._shape = 1, len(self.names)
        self.first, self.mvar = _places(self._parameters, self._widths)
        """Where in all setpoints the first one of every device is `[n]`, and the one for reactive power, −1 where it takes none."""
        self.adjusts = np.repeat([bool(device_kind(kind).adjusts) for kind in self._widths], list(self._widths.values()))
        """Which of them change the grid beside what they exchange with it `[n]`."""

    @property
    def initial_orders(self) -> Floats:
        """The setpoints that stand when an episode begins `[1, O]`."""
        return np.concatenate([device_kind(kind).initial_setpoint(own) for kind, own in self._parameters.items()])[None]

    @property
    def states(self) -> list[list[list[float]]]:
        """Per kind the fields of its state, device by device; flags as 0 and 1."""
        return [[_numbers(values[0]) for values in state] for state in self._states.values()]

    def take_states(self, states: list[list[list[float]]]) -> None:
        """Go on from these; raises `MessageError` for states of other devices, and then takes none."""
        found = [[len(table) for table in tables] for tables in states]
        expected = [[values.shape[1] for values in own] for own in self._states.values()]
        if found != expected:
            raise MessageError("payload", f"States of {found} numbers came; expected {expected}, field by field of each kind.")
        for own, tables in zip(self._states.values(), states, strict=True):
            for values, table in zip(own, tables, strict=True):
                values[0] = table

    def inject(self, orders: Floats, weather: Floats, present: Bools) -> tuple[Floats, Floats, Floats]:
        """What they would exchange with the grid, MW and Mvar, and what they adjust in it `[1, n]`."""
        p_mw, q_mvar, adjusted = np.zeros((3, *self._shape))
        inject_fleet(self._fleet, orders, weather, present, self._dt_h, p_mw, q_mvar, adjusted)
        return p_mw, q_mvar, adjusted

    def settle(self, real_mw: Floats) -> Floats:
        """What devices tell of a step `[7, 1, n]`: outcomes of what they really exchanged after the last `inject`, and how far they are
        beyond what they are meant for.
        """
        told = np.zeros((len(Outcome._fields) + 1, *self._shape))
        settle_fleet(self._fleet, real_mw, self._dt_h, told[:-1], told[-1])
        return told

    def stand_at(self, real_mw: Floats) -> None:
        """In the first state of an episode: what they exchange, before anything was consumed."""
        for state, own in zip(self._states.values(), self._by_kind(real_mw), strict=True):
            if "p_mw" in state._fields:
                state.p_mw[...] = own

    def offer(self, weather: Floats, present: Bools, which: Ints) -> Offer:
        """What some of them can do in this step, and at which price `[1, c]`; raises `UnknownNameError` for a kind without an offer."""
        offers, column, device, known = [], 0, 0, np.full(len(self.names), -1)
        for (kind, own), here in zip(self._parameters.items(), self._by_kind(present), strict=True):
            terms, n = device_kind(kind), self._widths[kind]
            width, mine = n * len(terms.series), slice(device, device + n)
            sensed = np.ascontiguousarray(weather[:, column : column + width])
            column, device = column + width, device + n
            if not ((which >= mine.start) & (which < mine.stop)).any():
                continue
            known[mine] = np.arange(n) + known.max() + 1
            state, present_here = self._states[kind], np.ascontiguousarray(here)
            low, high = terms.bounds(own, state, sensed, present_here, self._dt_h)
            # Bounds of orders for reactive power come after those for MW.
            offers.append(offer_kind(kind).make(own, state, self._terms(kind), sensed, low[:, :n], high[:, :n], self._dt_h))
        return Offer(*(values[:, known[which]] for values in join(offers)))

    def _terms(self, kind: str) -> Any:
        """What the owners of a kind want, read once; raises `UnknownNameError` for a kind without an offer."""
        if kind not in self._wishes:
            self._wishes[kind] = offer_kind(kind).from_rows([self._wished[kind]] * self._widths[kind])
        return self._wishes[kind]

    def _by_kind(self, values: Any) -> list[Any]:
        ends = np.cumsum(list(self._widths.values()))[:-1]
        return np.split(values, ends, axis=1)


def _parameters(sheets: list[KindSheet], changes: Changes) -> dict[str, Any]:
    """Parameters by kind, with changes."""
    found = {}
    for sheet in sheets:
        kind = device_kind(sheet.kind).parameters
        arrays = {field: _matrix(sheet.parameters[field], len(sheet.names)) for field in kind._fields}
        for k, name in enumerate(sheet.names):
            for field in kind._fields:
                value = changes.take(name, field)
                if value is not None and arrays[field].ndim == 1:
                    arrays[field][k] = value
        found[sheet.kind] = kind(**arrays)
    return found


def _places(parameters: Mapping[str, Any], widths: Mapping[str, int]) -> tuple[Ints, Ints]:
    """Places of the first setpoints of all devices, and of those for reactive power."""
    first, mvar, before = [], [], 0
    for kind, n in widths.items():
        orders = len(device_kind(kind).initial_setpoint(parameters[kind]))
        first.append(np.arange(before, before + n))
        mvar.append(first[-1] + n if orders == 2 * n else np.full(n, -1))
        before += orders
    none = np.zeros(0, dtype=np.int64)
    return np.concatenate([*first, none]), np.concatenate([*mvar, none])


def _numbers(values: Any) -> list[float]:
    found: list[float] = (values if values.dtype == np.float64 else values.astype(np.float64)).tolist()
    return found


def _matrix(rows: Any, devices: int) -> Floats:
    """Numbers `[n]`, or `[n, k]` where `k` may be 0."""
    made = np.array(rows, dtype=np.float64)
    return np.ascontiguousarray(made.reshape(devices, -1) if made.ndim == 2 else made)
