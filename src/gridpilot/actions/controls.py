"""What can be ordered in a scenario: one control per verb and target, with its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from math import isfinite
from numbers import Real
from pkgutil import iter_modules
from typing import Any

import numpy as np

from gridpilot.actions.verb import CLOSED, OPEN, Verb
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

    @property
    def name(self) -> str:
        """Name of the entry in an action vector."""
        return f"{self.target}.{self.verb.parameter}"

    def problem(self, params: Mapping[str, Any]) -> str:
        """Why these are not the parameters of an order to this control, or nothing."""
        if set(params) != {self.verb.parameter}:
            found = ", ".join(sorted(map(str, params))) or "none"
            return f"{self.verb.name} takes exactly the parameter {self.verb.parameter!r}; found: {found}"
        value = params[self.verb.parameter]
        if self.verb.moves_branches:
            right = isinstance(value, str) and value in (OPEN, CLOSED)
            return "" if right else f"status must be {OPEN!r} or {CLOSED!r}, found {value!r}"
        return "" if is_finite_number(value) else f"{self.verb.parameter} must be a finite number of MW, found {value!r:.40}"


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
    by_name: Mapping[tuple[str, str], Control] = field(init=False)
    """Control by (verb, target)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {(entry.verb.name, entry.target): entry for entry in self.entries})

    def targets(self) -> dict[str, tuple[str, ...]]:
        """Per verb the targets that can be named."""
        found: dict[str, tuple[str, ...]] = dict.fromkeys(verbs(), ())
        for entry in self.entries:
            found[entry.verb.name] += (entry.target,)
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

    `ranges[kind]` are the lowest and highest setpoint `[n]` in the package's signs; `switchable` are (name, index).
    """
    entries: list[Control] = []
    for verb in verbs().values():
        for kind in verb.kinds:
            if kind not in tables:
                continue
            low, high = ranges[kind]
            for k, name in enumerate(tables[kind].name):
                if high[k] > low[k]:
                    ends = sorted((verb.sign * float(low[k]), verb.sign * float(high[k])))
                    entries.append(Control(verb, name, kind, k, ends[0] + 0.0, ends[1] + 0.0))
        if verb.moves_branches:
            entries += [Control(verb, name, "branch", index, 0.0, 1.0) for name, index in switchable]
    return Controls(tuple(entries))
