"""What a kind of device is: parameters, a state, and four pure functions on `[B, n]` arrays.

A step asks each kind twice. `inject` says what the devices would exchange with the grid; the power flow then says
what is true (a bus may be dead, load may have been shed, the slack unit covers what is left); `settle` books what
was really exchanged. So energy is accounted exactly once, and always the energy that the grid saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isnan
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import ConfigError, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Injection(NamedTuple):
    """What devices would exchange with the grid `[B, n]`; positive into the grid."""

    p_mw: Floats
    q_mvar: Floats


class Outcome(NamedTuple):
    """What a step did at each device `[B, n]`; energies over the step, never negative but the cost."""

    demand_mwh: Floats
    unserved_mwh: Floats
    available_mwh: Floats
    curtailed_mwh: Floats
    cost_usd: Floats
    co2_t: Floats


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """One kind of device; each file of this package ends with its `KIND`.

    `n` devices of the kind, `s` series. `exogenous` is `[B, s·n]`, series by series, as positive quantities. A setpoint is
    `[B, n]`; where some device of the table takes orders for reactive power it is `[B, 2n]`, first the orders of all for what the
    kind's file says, then those for Mvar. Bounds have its shape.
    """

    name: str
    from_rows: Callable[[list[dict[str, Any]]], Any]
    """One dict of named numbers per device → parameters; what a row leaves out has the kind's usual value."""
    parameters: type[Any]
    """NamedTuple of arrays `[n]` (or `[n, k]`)."""
    state: type[Any]
    """NamedTuple of arrays `[B, n]`."""
    series: tuple[str, ...]
    """Time series that each device reads, with their units."""
    initial_state: Callable[[Any, int], Any]
    """(parameters, batch) → state."""
    initial_setpoint: Callable[[Any], Floats]
    """parameters → `[n]` or `[2n]`: the order that stands when an episode begins."""
    bounds: Callable[[Any, Any, Floats, Bools, float], tuple[Floats, Floats]]
    """(parameters, state, exogenous, in_service, dt_h) → lowest and highest setpoint that can be followed now; 0 out of service."""
    inject: Callable[[Any, Any, Floats, Floats, Bools, float], Injection]
    """(parameters, state, setpoint, exogenous, in_service, dt_h) → injection; clips to `bounds`, 0 out of service."""
    settle: Callable[[Any, Any, Floats, Floats, Bools, Floats, float], tuple[Any, Outcome]]
    """(parameters, state, setpoint, exogenous, in_service, p_mw as solved, dt_h) → next state and outcome."""
    closing_value_mwh: Callable[[Any, Any], Floats]
    """(parameters, state) → `[B, n]`: energy that the device could still give (or owes, negative) to the grid."""
    adjusts: str = ""
    """What of the grid it changes beside its injection: `tap`, the ratio of its branch, or `bank`, the susceptance at its bus."""
    adjust: Callable[[Any, Any, Floats, Bools, float], Floats] | None = None
    """(parameters, state, setpoint, in_service, dt_h) → `[B, n]`: its ratio over the network's (`tap`), or Mvar at 1 pu (`bank`)."""
    watches: str = ""
    """What of the grid it sees beside its own injection: `branch`, whether its branch is in service at the end of the cycle. Its `settle`
    is told that in the place of `in_service`, and nobody orders it: it has no entry among observed orders."""
    events: tuple[str, ...] = ()
    """Those of `series` that are no weather but events: nothing in most rows, and unknown beforehand."""
    safety: Callable[[Any, Any], Floats] | None = None
    """(parameters, state) → `[B, n]`, never negative: how far the device was beyond what it is meant for in the last step."""


@dataclass(frozen=True, eq=False)
class DeviceTable:
    """The devices of one kind in a scenario."""

    kind: str
    name: tuple[str, ...]
    bus: Ints
    """Bus index of each `[n]`."""
    parameters: Any
    branch: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Branch index of each `[n]`, of a kind that changes ratios or watches branches; its `bus` is then the to end. Else empty."""

    def __len__(self) -> int:
        return len(self.name)


LABELS = ("name", "bus", "branch")
"""What a row may hold beside its numbers: who the device is, and where."""


def parameters_from_rows(
    kind: type[Any],
    rows: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, float],
    *,
    limits: Mapping[str, tuple[float, float]] | None = None,
    rising: Sequence[tuple[str, ...]] = (),
) -> Any:
    """A parameters NamedTuple from one dict of named numbers per device; `defaults` fill what a row leaves out.

    `limits` are the ends between which a number must be, `rising` are fields whose numbers must not fall from one to
    the next. Raises `ConfigError` naming every number that is unknown, missing or out of range.
    """
    filled = [{**defaults, **row} for row in rows]
    problems = [problem for k, row in enumerate(filled) for problem in _row_problems(kind, k, row, limits or {}, rising)]
    if problems:
        raise ConfigError("The parameters of some devices cannot be used.", problems)
    return kind(**{field: np.array([row[field] for row in filled], dtype=np.float64) for field in kind._fields})


def _row_problems(
    kind: type[Any], number: int, row: Mapping[str, Any], limits: Mapping[str, tuple[float, float]], rising: Sequence[tuple[str, ...]]
) -> Iterator[Problem]:
    where = str(row.get("name", f"row {number}"))
    unknown = [key for key in row if key not in kind._fields and key not in LABELS]
    yield from (Problem(f"{where}.{key}", f"unknown; expected some of {', '.join(kind._fields)}") for key in unknown)
    bad = [field for field in kind._fields if not _is_number(row.get(field))]
    yield from (Problem(f"{where}.{field}", f"must be a number, found {row.get(field, 'nothing')}") for field in bad)
    for name, (low, high) in limits.items():
        if name not in bad and not low <= row[name] <= high:
            yield Problem(f"{where}.{name}", f"must be in {low:g} … {high:g}, found {row[name]:g}")
    for fields in rising:
        known = [field for field in fields if field not in bad]
        for small, large in pairwise(known):
            if row[small] > row[large]:
                yield Problem(f"{where}.{small}", f"must not be above {large}, found {row[small]:g} and {row[large]:g}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isnan(value)


def no_closing_value(parameters: Any, state: Any) -> Floats:
    """For kinds that hold no energy."""
    first: Floats = state[0]
    return np.zeros(first.shape)
