"""What can be ordered in a scenario: one control per verb, target and parameter, with its range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from math import isfinite
from numbers import Real
from pkgutil import iter_modules
from typing import Any

import numpy as np

from gridpilot.actions.verb import CLOSED, OPEN, REACTIVE, Verb
from gridpilot.devices import DeviceTable
from gridpilot.values import Floats


@cache
def verbs() -> dict[str, Verb]:
    """Every verb by name: each module of this package that has a `VERB`."""
    package = __name__.rpartition(".")[0]
    folder = import_module(package).__path__
    modules = (import_module(f"{package}.{info.name}") for info in iter_modules(folder))
    found = (getattr(module, "VERB", None) for module in modules)
    return {verb.name: verb for verb in found if isinstance(verb, Verb)}


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that can be moved, by one verb."""

    verb: Verb
    target: str
    kind: str
    """Kind of device; `branch` for TOPOLOGY."""
    index: int
    """Place among the devices of its kind, or of the branch."""
    low: float
    high: float
    """Nameplate range of the parameter, with the operator's sign; 0 (open) and 1 (closed) for a branch."""
    column: int
    """Place among the setpoints of its kind, in which orders for reactive power come after the others; of a branch its index."""
    reactive: bool = False
    """Whether the parameter is the verb's second one, `q_mvar`."""

    @property
    def parameter(self) -> str:
        """Name of the parameter in the JSON face."""
        return REACTIVE if self.reactive else self.verb.parameter

    @property
    def sign(self) -> float:
        """Setpoint inside the package = sign × parameter."""
        return 1.0 if self.reactive else self.verb.sign

    @property
    def unit(self) -> str:
        """Of the parameter; empty for positions and steps."""
        return "Mvar" if self.reactive else self.verb.unit

    @property
    def whole(self) -> bool:
        """Whether the parameter is a whole number."""
        return self.verb.whole and not self.reactive

    @property
    def name(self) -> str:
        """Name of the entry in an action vector."""
        return f"{self.target}.{self.parameter}"

    def problem(self, value: Any) -> str:
        """Why this is not a value of the parameter, or nothing."""
        if self.verb.moves_branches:
            right = isinstance(value, str) and value in (OPEN, CLOSED)
            return "" if right else f"status must be {OPEN!r} or {CLOSED!r}, found {value!r}"
        if self.whole:
            right = is_finite_number(value) and float(value).is_integer()
            return "" if right else f"{self.parameter} must be a whole number, found {value!r:.40}"
        return "" if is_finite_number(value) else f"{self.parameter} must be a finite number of {self.unit}, found {value!r:.40}"


def params_problem(controls: Mapping[str, Control], params: Mapping[str, Any]) -> str:
    """Why these are not the parameters of an order to a target, whose `controls` by parameter these are, or nothing."""
    verb = next(iter(controls.values())).verb.name
    if not params or not set(params) <= set(controls):
        found = ", ".join(sorted(map(str, params))) or "none"
        names = " or ".join(map(repr, controls))
        takes = f"exactly the parameter {names}" if len(controls) == 1 else f"the parameters {names}, or both"
        return f"{verb} takes {takes}; found: {found}"
    return next((what for name, value in params.items() if (what := controls[name].problem(value))), "")


def is_finite_number(value: Any) -> bool:
    """Whether a value from JSON or from code is a number that fits a float; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # JSON knows integers of any length
        return False


@dataclass(frozen=True, eq=False)
class Controls:
    """The controls of a scenario in a fixed order: the order of the action vector."""

    entries: tuple[Control, ...]
    by_name: Mapping[tuple[str, str], Mapping[str, Control]] = field(init=False)
    """Controls by (verb, target), there by parameter."""

    def __post_init__(self) -> None:
        found: dict[tuple[str, str], dict[str, Control]] = {}
        for entry in self.entries:
            found.setdefault((entry.verb.name, entry.target), {})[entry.parameter] = entry
        object.__setattr__(self, "by_name", found)

    def targets(self) -> dict[str, tuple[str, ...]]:
        """Per verb the targets that can be named."""
        found: dict[str, tuple[str, ...]] = dict.fromkeys(verbs(), ())
        for verb, target in self.by_name:
            found[verb] += (target,)
        return found

    @property
    def low(self) -> Floats:
        return np.array([entry.low for entry in self.entries])

    @property
    def high(self) -> Floats:
        return np.array([entry.high for entry in self.entries])


def make_controls(
    tables: Mapping[str, DeviceTable], ranges: Mapping[str, tuple[Floats, Floats]], switchable: Sequence[tuple[str, int]]
) -> Controls:
    """Controls of every device whose range is not a point, and of the switchable branches.

    `ranges[kind]` are the lowest and highest setpoint `[n]`, or with those for reactive power `[2n]`, in the package's signs;
    `switchable` are (name, index).
    """
    entries: list[Control] = []
    for verb in verbs().values():
        for kind in verb.kinds:
            if kind in tables:
                entries += _device_controls(verb, tables[kind], *ranges[kind])
        if verb.moves_branches:
            entries += [Control(verb, name, "branch", index, 0.0, 1.0, index) for name, index in switchable]
    return Controls(tuple(entries))


def _device_controls(verb: Verb, table: DeviceTable, low: Floats, high: Floats) -> Iterator[Control]:
    """The controls of a kind, a device's own side by side."""
    n = len(table)
    for k, name in enumerate(table.name):
        if high[k] > low[k]:
            ends = sorted((verb.sign * float(low[k]), verb.sign * float(high[k])))
            yield Control(verb, name, table.kind, k, ends[0] + 0.0, ends[1] + 0.0, k)
        if verb.orders_q and len(high) > n and high[n + k] > low[n + k]:
            yield Control(verb, name, table.kind, k, float(low[n + k]), float(high[n + k]), n + k, reactive=True)
