"""What all environments of one setting share: the compiled model, its profiles, and the days they may begin on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gridpilot.envs.actions import VectorOrders, make_vector_orders
from gridpilot.envs.observation import Observer, make_observer
from gridpilot.envs.settings import EnvSettings
from gridpilot.errors import ConfigError
from gridpilot.profiles import Profiles
from gridpilot.scenarios import load_scenario
from gridpilot.twin.model import Model, compile_model
from gridpilot.twin.world import drive
from gridpilot.values import Ints


@dataclass(frozen=True, eq=False)
class Ground:
    """The part of an environment that no step changes."""

    model: Model
    driven: Profiles
    steps: int
    """Cycles of an episode."""
    days: Ints
    """Rows that an episode may begin at `[k]`."""
    observer: Observer
    orders: VectorOrders

    def row_of(self, day: str) -> int:
        """The row at which a day begins; raises `ConfigError` where no episode can begin there."""
        rows = self.driven.episode_starts(self.steps + 1, first_day=day)
        instant = np.datetime64(day, "D")
        if not len(rows) or self.driven.time(int(rows[0])) != instant:
            raise ConfigError(
                f"No episode of {self.steps} cycles can begin on {day}: profiles {self.driven.name!r} run from "
                f"{self.driven.start} to {self.driven.end}."
            )
        return int(rows[0])


@lru_cache(maxsize=8)
def lay_ground(settings: EnvSettings) -> Ground:
    """The ground of these settings; the same object for the same settings.

    Raises `UnknownNameError`, `ConfigError` or `ProfileError` for what cannot be had.
    """
    scenario = settings.scenario
    if isinstance(scenario, str):
        scenario = load_scenario(scenario, growth=settings.growth)
    elif settings.growth:
        raise ConfigError("`growth` is asked of a scenario by name; a scenario of your own brings its growth with it.")
    profiles = scenario.load_profiles(settings.profiles) if isinstance(settings.profiles, str) else settings.profiles
    model = compile_model(scenario, cycle_minutes=settings.cycle_minutes)
    driven = drive(model, profiles)
    steps = model.episode_steps if settings.cycles is None else settings.cycles
    source = scenario.sources.get(profiles.name)
    first, last = (None, None) if source is None else getattr(source, settings.period)
    days = driven.episode_starts(steps + 1, first_day=first, last_day=last)
    if not len(days):
        raise ConfigError(
            f"Profiles {profiles.name!r} hold no {settings.period} day from which {steps} cycles of {settings.cycle_minutes:g} min "
            "follow: ask for fewer cycles."
        )
    return Ground(model, driven, steps, days, make_observer(model, driven, steps), make_vector_orders(model))
