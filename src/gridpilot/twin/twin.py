"""`Twin`: one scenario, one world, and the questions that can be asked of them. It keeps no state of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Integral

import numpy as np

from gridpilot.errors import ConfigError, Problem, UnknownNameError
from gridpilot.powerflow.cascade import Cascade
from gridpilot.powerflow.contingency import Security
from gridpilot.profiles import Profiles
from gridpilot.scenarios import Scenario, load_scenario
from gridpilot.twin import preview as previews
from gridpilot.twin import security as securities
from gridpilot.twin.model import Model, compile_model
from gridpilot.twin.narrate import narrate
from gridpilot.twin.observe import observe
from gridpilot.twin.outlook import make_outlook
from gridpilot.twin.situation import order_all, setpoints_of, situation
from gridpilot.twin.start import first_state
from gridpilot.twin.step import step
from gridpilot.twin.world import World, drive, make_world
from gridpilot.values import Action, Floats, GridState, Preview, Receipt, Setpoints, Transition, View

PERIODS = ("judging", "tuning")


@dataclass(frozen=True, eq=False)
class Twin:
    """A digital twin: pure functions of a state, bound to a model and the true world."""

    model: Model
    world: World
    forecast_seed: int = 0
    """Key of the forecast errors; the same key gives the same outlook at the same state."""

    def first(self) -> GridState:
        """The state at the beginning of the episode `[B]`."""
        return first_state(self.model, self.world)

    def step(self, state: GridState, setpoints: Setpoints) -> Transition:
        """One cycle under these setpoints, in the true world."""
        return step(self.model, self.world, state, setpoints)

    def order(
        self, state: GridState, actions: Sequence[Action], *, element: int = 0, may_move: Collection[str] | None = None
    ) -> tuple[Setpoints, tuple[Receipt, ...]]:
        """Setpoints `[1]` of one element after these actions, and a receipt for each."""
        orders = order_all(self.model, situation(self.model, state, element, may_move), [actions])
        return setpoints_of(orders), orders[0].receipts

    def observe(
        self,
        state: GridState,
        *,
        role: str = "operator",
        element: int = 0,
        last: Transition | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> View:
        """What a role sees; its `preview` asks this twin."""

        def ask(candidates: Sequence[Sequence[Action]], horizon: int | None = None) -> Preview:
            return self.preview(state, candidates, horizon, element=element)

        return observe(
            self.model, self.world, state, role=role, element=element, key=self.forecast_seed, last=last, receipts=receipts,
            previewer=ask,
        )  # fmt: skip

    def preview(self, state: GridState, candidates: Sequence[Sequence[Action]], horizon: int | None = None, *, element: int = 0) -> Preview:
        """What these candidates would lead to on the outlook, beside doing nothing."""
        return previews.preview(self.model, self.world, state, candidates, horizon=horizon, key=self.forecast_seed, element=element)

    def next_states(self, state: GridState, candidates: Sequence[Sequence[Action]], *, element: int = 0) -> GridState:
        """The forecast of one element's next state: without orders, then under each of the candidates."""
        return securities.next_states(self.model, self.world, state, candidates, key=self.forecast_seed, element=element)

    def security(self, state: GridState, *, screen: float | None = None) -> Security:
        """N-1 of every element of a state; `screen` leaves out what is expected to stay below that loading."""
        return securities.security(self.model, state, screen=screen)

    def aftermath(self, state: GridState, found: Security, limit: Floats) -> Cascade:
        """How the outages of `security(state)` end when relays open what is above `limit` `[B]` at once."""
        return securities.aftermath(self.model, state, found, limit)

    def load_mw(self, state: GridState) -> Floats:
        """What all loads drew in the cycle just passed `[B]`."""
        total: Floats = securities.load_mw(self.model, state).sum(axis=1)
        return total

    def outlook(self, state: GridState, horizon: int, *, element: int = 0) -> World:
        """The world as forecast from here."""
        return make_outlook(self.world, state, horizon, self.forecast_seed, element)

    def describe(self, moved: Transition, *, element: int = 0) -> tuple[str, ...]:
        """The events of a step as sentences."""
        return narrate(self.model, moved, element)

    def time(self, state: GridState, *, element: int = 0) -> str:
        """Local time of a state, ISO 8601."""
        return str(self.world.time(int(state.row[element])))


def make_twin(
    scenario: Scenario | str,
    *,
    profiles: Profiles | str = "simbench",
    start: str | date | None = None,
    seeds: Sequence[int] = (0,),
    cycle_minutes: float = 5.0,
    cycles: int | None = None,
    engine: str = "newton",
    growth: bool = False,
    period: str = "judging",
) -> Twin:
    """A twin with one element per seed.

    A seed draws the element's disturbances and, without `start` (a day, `2016-07-04`), its day among the scenario's
    `judging` or `tuning` dates. Raises `ConfigError`, `UnknownNameError` or `ProfileError` for what cannot be had.
    """
    _refuse(seeds, cycles, period)
    if isinstance(scenario, str):
        scenario = load_scenario(scenario, growth=growth, seed=seeds[0])
    if isinstance(profiles, str):
        profiles = scenario.load_profiles(profiles)
    model = compile_model(scenario, cycle_minutes=cycle_minutes, engine=engine)
    driven = drive(model, profiles)
    steps = model.episode_steps if cycles is None else cycles
    rows = [_first_row(model, driven, start, seed, steps, period) for seed in seeds]
    return Twin(model, make_world(model, driven, rows, seeds, steps=steps), forecast_seed=seeds[0])


def _refuse(seeds: Sequence[int], cycles: int | None, period: str) -> None:
    if period not in PERIODS:
        raise UnknownNameError("period", period, PERIODS)
    problems = [Problem("seeds", f"must be whole numbers from 0 on, found {seed!r}") for seed in seeds if not _is_whole(seed, 0)]
    if not len(seeds):
        problems.append(Problem("seeds", "are empty; a twin has one element per seed"))
    if cycles is not None and not _is_whole(cycles, 1):
        problems.append(Problem("cycles", f"must be a whole number from 1 on, found {cycles!r}"))
    if problems:
        raise ConfigError("There is no such twin.", problems)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, Integral) and int(value) >= least


def _first_row(model: Model, driven: Profiles, start: str | date | None, seed: int, steps: int, period: str) -> int:
    if start is not None:
        return _row_of(driven, start)
    source = model.scenario.sources.get(driven.name)
    days = getattr(source, period) if source is not None else (None, None)
    possible = driven.episode_starts(steps + 1, first_day=days[0], last_day=days[1])
    if not len(possible):
        raise ConfigError(
            f"Profiles {driven.name!r} hold no {period} day from which {steps} cycles of {driven.step_min:g} min follow: "
            "ask for fewer cycles or name a start day."
        )
    return int(np.random.default_rng([seed, _DAY_KEY]).choice(possible))


_DAY_KEY = 20
"""Keeps the draw of the day apart from the draws of disturbances under the same seed."""


def _row_of(driven: Profiles, start: str | date) -> int:
    try:
        instant = np.datetime64(start, "m")
    except ValueError as error:
        raise ConfigError(f"The start {start!r} is not a date; expected a day such as 2016-07-04.") from error
    if np.isnat(instant):
        raise ConfigError(f"The start {start!r} is not a date; expected a day such as 2016-07-04.")
    minutes = float((instant - driven.start) / np.timedelta64(1, "m"))
    row = minutes / driven.step_min
    if row < 0 or row != int(row) or row >= len(driven):
        raise ConfigError(f"The start {start} is not in profiles {driven.name!r}, which run from {driven.start} to {driven.end}.")
    return int(row)
