"""What the doctor examines: a twin of several elements, and four policies that were run on it for an episode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from gridpilot.actions import Control, vector_to_setpoints
from gridpilot.scenarios import Scenario
from gridpilot.twin import Twin, compile_model
from gridpilot.twin.arrays import pick
from gridpilot.twin.situation import situation
from gridpilot.values import Floats, GridState, Setpoints, Transition

HOLD, ZERO, RANDOM, MAXIMUM = "hold", "zero", "random", "maximum"
_SAMPLES = 24
"""States of an episode at which a control's room is looked at."""


class Passed(NamedTuple):
    """One cycle of a run."""

    before: GridState
    ordered: Setpoints
    moved: Transition


@dataclass(frozen=True, eq=False)
class Patient:
    """A twin under examination."""

    twin: Twin
    """Of two elements or more."""

    @cached_property
    def runs(self) -> Mapping[str, tuple[Passed, ...]]:
        """An episode of each policy on all elements. Policies move devices and leave breakers alone.

        `hold` changes nothing; `zero`, `random` and `maximum` send the middle, a random place, and the upper end of
        every device's range.
        """
        return {name: tuple(_run(self.twin, policy)) for name, policy in _POLICIES.items()}

    def alone(self, element: int = 0) -> Twin:
        """The twin of one of the elements."""
        world = self.twin.world
        only = np.array([element])
        return replace(self.twin, world=replace(world, first_row=world.first_row[only], schedule=pick(world.schedule, only)))

    @cached_property
    def states(self) -> tuple[GridState, ...]:
        """States of element 0 over the episode while its grid was up, held as long as that keeps it up.

        The last cycle is left to step into.
        """
        runs = list(self.runs.values())
        cycles = range(0, len(runs[0]), max(1, len(runs[0]) // _SAMPLES))
        up = (next((run[k].before for run in runs if not run[k].before.collapsed[0]), None) for k in cycles)
        return tuple(pick(state, np.array([0])) for state in up if state is not None)

    @cached_property
    def steady(self) -> tuple[GridState, ...]:
        """Those of `states` from which holding leads to an ordinary cycle: up, nothing shed, spilled or struck."""
        twin = self.alone()
        return tuple(state for state in self.states if _is_ordinary(twin.step(state, state.setpoints)))

    def room(self, control: Control, state: GridState) -> tuple[float, float]:
        """Lowest and highest value of a device's parameter that can be followed at a state, with the operator's sign."""
        now = situation(self.twin.model, state)
        ends = (control.sign * float(side[control.kind][control.column]) for side in (now.low, now.high))
        low, high = sorted(ends)
        return low, high

    def is_ready(self, control: Control, state: GridState) -> bool:
        """Whether a device could be moved at once: False for a unit that has yet to start up, and a charging point without a car."""
        if control.kind == "ev":
            return bool(state.devices["ev"].needed_mwh[0, control.index] > 0.0)
        if control.kind != "generator":
            return True
        units, now = self.twin.model.parameters("generator"), state.devices["generator"]
        k = control.index
        return not units.start_h[k] > 0.0 or bool(now.on[0, k] and now.since_h[0, k] >= 0.0)


def _is_ordinary(moved: Transition) -> bool:
    events = moved.events
    quiet = not (events.tripped.any() or events.islanded.any() or len(events.struck))
    return quiet and not moved.state.collapsed.any() and not (events.shed_mw + events.spilled_mw > 0).any()


def variant(twin: Twin, scenario: Scenario) -> Twin:
    """The same twin of a changed scenario."""
    model = compile_model(scenario, cycle_minutes=twin.model.dt_h * 60.0, engine=twin.model.engine.name)
    return replace(twin, model=model)


# -------------------------------------------------------------------------------------------------- policies

Policy = Callable[[Twin, GridState, Generator], Setpoints]


def _run(twin: Twin, policy: Policy) -> Iterator[Passed]:
    random = np.random.default_rng(7)
    state = twin.first()
    for _ in range(twin.world.end_step):
        ordered = policy(twin, state, random)
        moved = twin.step(state, ordered)
        yield Passed(state, ordered, moved)
        state = moved.state


def _hold(twin: Twin, state: GridState, random: Generator) -> Setpoints:
    return state.setpoints


def _zero(twin: Twin, state: GridState, random: Generator) -> Setpoints:
    return _at(twin, state, np.zeros(_shape(twin, state)))


def _random(twin: Twin, state: GridState, random: Generator) -> Setpoints:
    return _at(twin, state, random.uniform(-1.0, 1.0, _shape(twin, state)))


def _maximum(twin: Twin, state: GridState, random: Generator) -> Setpoints:
    return _at(twin, state, np.ones(_shape(twin, state)))


_POLICIES: Mapping[str, Policy] = {HOLD: _hold, ZERO: _zero, RANDOM: _random, MAXIMUM: _maximum}


def _shape(twin: Twin, state: GridState) -> tuple[int, int]:
    return state.batch, len(twin.model.controls.entries)


def _at(twin: Twin, state: GridState, vector: Floats) -> Setpoints:
    devices, _ = vector_to_setpoints(twin.model.controls, vector, state.setpoints.devices, state.setpoints.closed)
    return Setpoints(devices, state.setpoints.closed)
