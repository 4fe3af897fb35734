"""A linear program over the outlook: what every device should do, in the reward's own units.

Unknowns per block of cycles: outputs of units, renewable power taken, charge, discharge and energy of storage, shed and
extra consumption of flexible loads and the energy they owe. What follows from them is linear around the flow of now: branch
flows by the distribution factors (PTDF), voltages and losses by the AC sensitivities, and the slack unit by what is left.
A limit is soft from a margin on and dear from the limit on, as the reward has it. Energy that is in storage at the end of the
outlook is worth what it replaces later, the first half of it more than the second.

Units of the objective: reward times the demand in MW and over hours, so that a MWh of curtailed energy counts the weight of
curtailment. Source: T. Morstyn et al., IEEE Trans. Control Systems Technology 26(3), 2018, for the storage model; A. J.
Wood, B. F. Wollenberg, "Power Generation, Operation, and Control", ch. 8, for the security-constrained linear program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_diag, csr_array, vstack

from gridpilot.agents.limits import Floats, Limits, Margins, limits_of, to_slack
from gridpilot.agents.reading import devices_of, dispatchable, number, supplied
from gridpilot.agents.worth import energy_price, slack_unit, stored_worth
from gridpilot.values import Reading, View

_SOLVE: Any = linprog  # its stubs know dense matrices only
_BLOCK_ENDS = (1, 2, 3, 5, 8, 12, 18, 24)
"""Cycles after which a block ends: fine at first, coarse later."""
_TANGENTS = 4


class Columns(NamedTuple):
    """First column of every kind of unknown in a block, and how many a block has."""

    unit: int
    renewable: int
    charge: int
    discharge: int
    energy: int
    first_half: int
    second_half: int
    shed: int
    extra: int
    owed: int
    cost: int
    soft: int
    hard: int
    size: int


@dataclass(frozen=True, eq=False)
class Lookahead:
    """The program of one view."""

    view: View
    margins: Margins

    @cached_property
    def units(self) -> list[Reading]:
        return [unit for unit in dispatchable(self.view) if supplied(self.view, unit)]

    @cached_property
    def plants(self) -> list[Reading]:
        return [plant for plant in devices_of(self.view, "solar", "wind") if supplied(self.view, plant)]

    @cached_property
    def storage(self) -> list[Reading]:
        return [unit for unit in devices_of(self.view, "storage") if supplied(self.view, unit)]

    @cached_property
    def loads(self) -> list[Reading]:
        return [load for load in devices_of(self.view, "load") if supplied(self.view, load)]

    @cached_property
    def moved(self) -> list[Reading]:
        """Devices whose injection changes, in the order of the injection rows."""
        return [*self.units, *self.plants, *self.storage, *self.loads]

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Cycles after which blocks end, the last one with the outlook."""
        cycles = len(self.view.outlook["demand_mw"])
        return (*(end for end in _BLOCK_ENDS if end < cycles), cycles)

    @cached_property
    def hours(self) -> Floats:
        """Length of every block."""
        return np.asarray(np.diff((0, *self.ends)) * self.view.dt_h, dtype=np.float64)

    def forecast(self, name: str, series: str) -> Floats:
        """Mean of a driver in every block."""
        values = np.asarray(self.view.outlook[f"{name}.{series}"])
        return np.array([values[a:b].mean() for a, b in zip((0, *self.ends), self.ends, strict=False)])

    @cached_property
    def columns(self) -> Columns:
        sizes = (
            *(len(self.units), len(self.plants)),
            *([len(self.storage)] * 5),
            *([len(self.loads)] * 3),
            *(len(self.units), len(self.limits.limit), len(self.limits.limit)),
        )
        return Columns(*(int(x) for x in np.cumsum((0, *sizes))))

    # ------------------------------------------------------------------------------------------- prices

    def energy_price(self, unit: Reading) -> float:
        """What a MWh of a unit costs the reward: fuel and emissions, at its output of now."""
        return energy_price(self.view, unit)

    def money(self, usd: float) -> float:
        return self.view.weights["cost"] * usd / self.view.summary["price_usd_per_mwh"]

    @cached_property
    def slack(self) -> Reading | None:
        """The slack unit, where it is in service."""
        return slack_unit(self.view)

    @cached_property
    def worth(self) -> float:
        """What a MWh that is kept for later replaces then: energy of the units, on average."""
        return stored_worth(self.view)

    @cached_property
    def limits(self) -> Limits:
        return limits_of(self.view, self.margins, self.moved)

    @cached_property
    def to_slack(self) -> Floats:
        return to_slack(self.view, self.moved)

    # ------------------------------------------------------------------------------------------ program

    @cached_property
    def injection(self) -> Floats:
        """From a block's unknowns to the injection of the moved devices `[devices, columns]`."""
        c, matrix = self.columns, np.zeros((len(self.moved), self.columns.size))
        u, r, s, n = len(self.units), len(self.plants), len(self.storage), len(self.loads)
        matrix[np.arange(u + r), np.arange(u + r)] = 1.0
        at = u + r + np.arange(s)
        matrix[at, c.discharge + np.arange(s)], matrix[at, c.charge + np.arange(s)] = 1.0, -1.0
        at = u + r + s + np.arange(n)
        matrix[at, c.shed + np.arange(n)], matrix[at, c.extra + np.arange(n)] = 1.0, -1.0
        matrix[at, c.owed + np.arange(n)] = [-1.0 / max(number(load, "rebound_h"), self.view.dt_h) for load in self.loads]
        return matrix

    @cached_property
    def given(self) -> Floats:
        """Change of the injections that comes whatever is decided, in every block `[blocks, devices]`."""
        now = np.array([number(device, "p_mw") for device in self.moved])
        change = np.tile(-now, (len(self.ends), 1))
        for k, load in enumerate(self.loads, start=len(self.moved) - len(self.loads)):
            change[:, k] -= self.forecast(load.name, "p_mw")
        return change

    def _bounds(self, block: int) -> Floats:
        """Least and largest value of every unknown of a block `[columns, 2]`."""
        c, bounds = self.columns, np.zeros((self.columns.size, 2))
        for k, unit in enumerate(self.units):
            bounds[c.unit + k] = self._unit_range(unit, block)
        for k, plant in enumerate(self.plants):
            bounds[c.renewable + k, 1] = min(self.forecast(plant.name, "available_mw")[block], number(plant, "p_max_mw"))
        for k, unit in enumerate(self.storage):
            low, high = unit.bounds["setpoint_mw"] if block == 0 else (-number(unit, "p_max_mw"), number(unit, "p_max_mw"))
            least, most, half = self._halves(unit)
            bounds[c.charge + k, 1], bounds[c.discharge + k, 1] = max(high, 0.0), max(-low, 0.0)
            bounds[c.energy + k] = min(least, number(unit, "energy_mwh")), max(most, number(unit, "energy_mwh"))
            bounds[c.first_half + k] = -np.inf, half
            bounds[c.second_half + k] = 0.0, np.inf
        for k, load in enumerate(self.loads):
            share = number(load, "flexible_share") if "delta_mw" in load.bounds else 0.0
            bounds[[c.shed + k, c.extra + k], 1] = share * self.forecast(load.name, "p_mw")[block]
            bounds[c.owed + k] = -np.inf, np.inf
        bounds[c.cost : c.soft] = -np.inf, np.inf
        bounds[c.soft : c.hard, 1] = self.limits.margin
        bounds[c.hard :, 1] = np.inf
        return bounds

    def _unit_range(self, unit: Reading, block: int) -> tuple[float, float]:
        if block == 0:
            return unit.bounds["target_mw"]
        p_min = number(unit, "p_min_mw")
        # a unit that must run at a minimum is left as it is: on or off is no question for a linear program
        return (p_min if number(unit, "p_mw") > 0 and unit.bounds["target_mw"][0] > 0 else 0.0), number(unit, "p_max_mw")

    @staticmethod
    def _halves(unit: Reading) -> tuple[float, float, float]:
        """Least and largest energy, and half of what is between them."""
        least, most = number(unit, "energy_min_mwh"), number(unit, "energy_max_mwh")
        return least, most, (most - least) / 2.0

    def _objective(self, block: int) -> Floats:
        c, cost, hours = self.columns, np.zeros(self.columns.size), self.hours[block]
        cost[c.cost : c.soft] = 1.0
        if self.slack is not None:
            cost += self.energy_price(self.slack) * (self.to_slack @ self.injection)
        cost[c.renewable : c.charge] -= self.view.weights["curtailment"]
        for k, unit in enumerate(self.storage):
            cost[[c.charge + k, c.discharge + k]] += self.money(number(unit, "wear_usd_per_mwh"))
        for k, load in enumerate(self.loads):
            cost[[c.shed + k, c.extra + k]] += self.money(number(load, "shaping_usd_per_mwh"))
        cost[c.soft : c.hard] = self.margins.softness * self.limits.price
        cost[c.hard :] = self.limits.price
        cost *= hours
        if block == len(self.ends) - 1:
            for k, unit in enumerate(self.storage):
                value = self.worth * number(unit, "discharge_efficiency")
                cost[c.first_half + k] -= self.margins.scarce * value
                cost[c.second_half + k] -= self.margins.plenty * value
            cost[c.owed : c.cost] += self.worth
        return cost

    def _inequalities(self) -> tuple[csr_array, Floats]:
        """Limits of every block, tangents of unit costs, and ramps."""
        c, limits = self.columns, self.limits
        rows = limits.matrix @ self.injection
        count = np.arange(len(limits.limit))
        rows[count, c.soft + count] -= 1.0
        rows[count, c.hard + count] -= 1.0
        slopes, tops = self._tangents()
        each = [np.concatenate([limits.limit - limits.margin - limits.now - limits.matrix @ given, tops]) for given in self.given]
        blocks = block_diag([csr_array(np.concatenate([rows, slopes]))] * len(self.ends))
        ramp, most = self._ramps()
        return csr_array(vstack([blocks, ramp])), np.concatenate([*each, most])

    def _tangents(self) -> tuple[Floats, Floats]:
        """`slope · p − cost ≤ −intercept` of every unit, in the reward's units per hour."""
        c, rows, right = self.columns, [], []
        for k, unit in enumerate(self.units):
            p, bend = number(unit, "p_mw"), self.money(2.0 * number(unit, "cost_a"))
            for at in np.linspace(0.0, number(unit, "p_max_mw"), _TANGENTS if bend > 0 else 1):
                slope = self.energy_price(unit) + bend * (at - p)
                row = np.zeros(c.size)
                row[c.unit + k], row[c.cost + k] = slope, -1.0
                rows.append(row)
                right.append(bend * at**2 / 2.0)
        return np.array(rows).reshape(-1, c.size), np.array(right)

    def _ramps(self) -> tuple[csr_array, Floats]:
        width, c = self.columns.size, self.columns
        places, values, right, row = [], [], [], 0
        for block in range(1, len(self.ends)):
            for k, unit in enumerate(self.units):
                if "ramp_mw_per_min" not in unit.values:
                    continue
                for sign in (1.0, -1.0):
                    places += [(row, block * width + c.unit + k), (row, (block - 1) * width + c.unit + k)]
                    values += [sign, -sign]
                    right.append(number(unit, "ramp_mw_per_min") * 60.0 * float(self.hours[block]))
                    row += 1
        return _sparse(places, values, (row, width * len(self.ends))), np.array(right)

    def _equations(self) -> tuple[csr_array, Floats]:
        """Energy in storage and energy owed by loads, from block to block, and the two halves of the energy."""
        width, c = self.columns.size, self.columns
        places: list[tuple[int, int]] = []
        values: list[float] = []
        right: list[float] = []

        def add(terms: Sequence[tuple[int, float]], value: float) -> None:
            places.extend((len(right), column) for column, _ in terms)
            values.extend(factor for _, factor in terms)
            right.append(value)

        for block, hours in enumerate(self.hours.tolist()):
            at = block * width
            for k, unit in enumerate(self.storage):
                energy, before = at + c.energy + k, number(unit, "energy_mwh")
                terms = [
                    (energy, 1.0),
                    (at + c.charge + k, -hours * number(unit, "charge_efficiency")),
                    (at + c.discharge + k, hours / number(unit, "discharge_efficiency")),
                ]
                add(terms if block == 0 else [*terms, (energy - width, -1.0)], before if block == 0 else 0.0)
                add([(energy, 1.0), (at + c.first_half + k, -1.0), (at + c.second_half + k, -1.0)], number(unit, "energy_min_mwh"))
            for k, load in enumerate(self.loads):
                owed, back = at + c.owed + k, hours / max(number(load, "rebound_h"), self.view.dt_h)
                terms = [(owed, 1.0 + back), (at + c.shed + k, -hours), (at + c.extra + k, hours)]
                add(terms if block == 0 else [*terms, (owed - width, -1.0)], number(load, "owed_mwh") if block == 0 else 0.0)
        return _sparse(places, values, (len(right), width * len(self.ends))), np.array(right)

    def solve(self) -> Floats | None:
        """What the moved devices should inject in the first cycle, in MW `[devices]`, energy owed left out; None without a solution."""
        above, limit = self._inequalities()
        equations, right = self._equations()
        blocks = range(len(self.ends))
        found = _SOLVE(
            np.concatenate([self._objective(block) for block in blocks]), A_ub=above, b_ub=limit, A_eq=equations, b_eq=right,
            bounds=np.concatenate([self._bounds(block) for block in blocks]), method="highs",
        )  # fmt: skip
        if found.status != 0:
            return None
        first = found.x[: self.columns.size].copy()
        first[self.columns.owed : self.columns.cost] = 0.0
        return np.asarray(self.injection @ first, dtype=np.float64)


def _sparse(places: Sequence[tuple[int, int]], values: Sequence[float], shape: tuple[int, int]) -> csr_array:
    rows, columns = (np.array([place[k] for place in places], dtype=np.int64) for k in (0, 1))
    return csr_array((np.asarray(values, dtype=np.float64), (rows, columns)), shape=shape)
