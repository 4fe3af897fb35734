"""The devices of a grid agent: their parameters, their states and their steps, which nobody else has."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from gridpilot.agents.coordination.offers import Offer, join, offer_kind
from gridpilot.agents.grid.changes import Changes
from gridpilot.agents.grid.dialogue import KindSheet
from gridpilot.devices import Outcome, device_kind
from gridpilot.devices.fleet import hold_fleet, inject_fleet, new_fleet, settle_fleet
from gridpilot.errors import MessageError
from gridpilot.values import Bools, Floats


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
        self._wished = {sheet.kind: sheet.wishes for sheet in sheets}
        self._widths = {sheet.kind: len(sheet.names) for sheet in sheets}
        self._shape = 1, len(self.names)

    @property
    def initial_mw(self) -> Floats:
        """The orders that stand when an episode begins `[1, n]`."""
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

    def inject(self, order_mw: Floats, weather: Floats, present: Bools) -> tuple[Floats, Floats]:
        """What they would exchange with the grid `[1, n]`."""
        p_mw, q_mvar, adjusted = np.zeros((3, *self._shape))
        inject_fleet(self._fleet, order_mw, weather, present, self._dt_h, p_mw, q_mvar, adjusted)
        return p_mw, q_mvar

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

    def offer(self, weather: Floats, present: Bools) -> Offer:
        """What they can do in this step, and at which price; raises `UnknownNameError` for a kind without an offer."""
        offers, column = [], 0
        for (kind, own), here in zip(self._parameters.items(), self._by_kind(present), strict=True):
            made, terms = offer_kind(kind), device_kind(kind)
            width = self._widths[kind] * len(terms.series)
            sensed = np.ascontiguousarray(weather[:, column : column + width])
            column += width
            state, present_here = self._states[kind], np.ascontiguousarray(here)
            low, high = terms.bounds(own, state, sensed, present_here, self._dt_h)
            offers.append(made.make(own, state, self._wishes[kind], sensed, low, high, self._dt_h))
        return join(offers)

    @cached_property
    def _wishes(self) -> dict[str, Any]:
        """The terms of their owners, by kind; raises `UnknownNameError` for a kind without an offer."""
        return {kind: offer_kind(kind).from_rows([rows] * self._widths[kind]) for kind, rows in self._wished.items()}

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


def _numbers(values: Any) -> list[float]:
    found: list[float] = (values if values.dtype == np.float64 else values.astype(np.float64)).tolist()
    return found


def _matrix(rows: Any, devices: int) -> Floats:
    """Numbers `[n]`, or `[n, k]` where `k` may be 0."""
    made = np.array(rows, dtype=np.float64)
    return np.ascontiguousarray(made.reshape(devices, -1) if made.ndim == 2 else made)
