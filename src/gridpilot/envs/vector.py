"""`GridVectorEnv`: thousands of grids as one Gymnasium vector environment, stepped in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gridpilot.envs.actions import decode, encode_standing
from gridpilot.envs.episodes import Ending, Episodes, advance, begin, begin_again, end_step, held_of, restored
from gridpilot.envs.ground import Ground, lay_ground
from gridpilot.envs.observation import Observation
from gridpilot.envs.settings import make_settings, read_options, with_period
from gridpilot.envs.single import draw_seed
from gridpilot.errors import ActionError, ConfigError
from gridpilot.scenarios import Scenario
from gridpilot.values import CONSTRAINTS, REWARD_TERMS, Bools, Floats, GridState, Ints, Transition

Actions = NDArray[np.float32]


class GridVectorEnv(VectorEnv[Observation, Actions, NDArray[Any]]):
    """`num_envs` grids of one scenario, each on its own day with its own disturbances.

    Element b, seeded with s, goes through the same as `GridEnv` seeded with s, bit for bit. An element whose episode
    ends begins another one in the same step (`AutoresetMode.SAME_STEP`): the observation returned is the new episode's
    first, the old one's last is in `infos["final_obs"]`, its `info` in `infos["final_info"]`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012  # Gymnasium declares it so

    def __init__(self, num_envs: int = 1, *, render_mode: None = None, **settings: Any) -> None:
        """Keywords are the fields of `EnvSettings`; raises `ConfigError` for a wrong one, `UnknownNameError` for a wrong name."""
        if num_envs < 1:
            raise ConfigError(f"num_envs is {num_envs}, expected at least 1.")
        if render_mode is not None:
            raise ConfigError(f"The environment draws no pictures: render_mode is {render_mode!r}, expected None.")
        self.settings = make_settings(settings)
        self.num_envs = num_envs
        self._ground: Ground = lay_ground(self.settings)
        self.action_names = tuple(entry.name for entry in self._ground.model.vector_controls.entries)
        self.observation_names = self._ground.observer.names
        self.single_action_space = Box(-1.0, 1.0, (len(self.action_names),), np.float32)
        self.single_observation_space = Box(-1.0, 1.0, (len(self.observation_names),), np.float32)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._random = [np.random.default_rng() for _ in range(num_envs)]
        self._running: Episodes | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin another episode in every element; a single seed s gives element b the seed s + b.

        Raises `ConfigError` for unknown options, for days that cannot be had, and for a wrong number of seeds.
        """
        asked = read_options(options)
        self._random = [
            random if own is None else seeding.np_random(own)[0] for random, own in zip(self._random, self._own_seeds(seed), strict=True)
        ]
        self.settings = with_period(self.settings, asked)
        self._ground = lay_ground(self.settings)
        self._running = begin(self._ground, [draw_seed(random) for random in self._random], asked.start)
        return self._ground.observer.observe(self._running.state), {}

    def _own_seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + b for b in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ConfigError(f"Found {len(seed)} seeds for {self.num_envs} elements; give one for each, or a single number.")
        return seed

    @property
    def state(self) -> GridState | None:
        """The grids of now, for those who study them; None before the first reset."""
        return None if self._running is None else self._running.state

    @property
    def standing_action(self) -> NDArray[np.float32]:
        """For one element: every device keeps the order it begins with, every branch is closed `[d]`."""
        return encode_standing(self._ground.orders)

    def step(self, actions: Actions) -> tuple[Observation, Floats, Bools, Bools, dict[str, Any]]:
        """One cycle of every element; raises `ActionError` for a wrong shape or numbers that are not finite."""
        if self._running is None:
            raise ConfigError("No episodes are running: call reset() first.")
        vector = np.ascontiguousarray(actions, dtype=np.float64)
        if len(vector) != self.num_envs:
            raise ActionError(f"Found actions for {len(vector)} elements, expected {self.num_envs}.")
        ground = self._ground
        self._running, moved = advance(ground, self._running, decode(ground.model, ground.orders, vector))
        ending = end_step(ground, moved)
        shown = ground.observer.observe(self._running.state)
        infos = _infos(ending, moved)
        over = np.flatnonzero(ending.terminated | ending.truncated)
        if len(over):
            infos.update(_final(shown, infos, over))
            shown = self._begin_again(shown, over)
        return shown, ending.reward, ending.terminated, ending.truncated, infos

    def _begin_again(self, shown: Observation, over: Ints) -> Observation:
        """Other episodes for the elements whose own is over; returns the observations with their first ones."""
        assert self._running is not None
        self._running = begin_again(self._ground, self._running, over, [draw_seed(self._random[b]) for b in over])
        return self._ground.observer.observe(self._running.state)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled ground, which is laid again from the settings."""
        return {**self.__dict__, "_ground": None, "_running": held_of(self._running)}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        self._ground = lay_ground(self.settings)
        self._running = restored(self._ground, held["_running"])


def _infos(ending: Ending, moved: Transition) -> dict[str, Any]:
    return {
        "reward_terms": _by_name(REWARD_TERMS, ending.terms),
        "_reward_terms": np.ones(len(ending.reward), dtype=np.bool_),
        "constraint_costs": _by_name(CONSTRAINTS, moved.constraint_costs[:, 0]),
        "_constraint_costs": np.ones(len(ending.reward), dtype=np.bool_),
    }


def _by_name(names: Sequence[str], values: Floats) -> dict[str, Any]:
    """Columns by name, each with the mask of its elements, as Gymnasium's vector infos are."""
    columns: dict[str, Any] = dict(zip(names, values.T, strict=True))
    return {**columns, **{f"_{name}": np.ones(len(values), dtype=np.bool_) for name in names}}


def _final(shown: Observation, infos: dict[str, Any], over: Ints) -> dict[str, Any]:
    """Last observations and infos of the elements whose episode is over."""
    mask = np.zeros(len(shown), dtype=np.bool_)
    mask[over] = True
    last = np.full(len(shown), None, dtype=object)
    for b in over:
        last[b] = shown[b].copy()
    return {"final_obs": last, "_final_obs": mask, "final_info": dict(infos), "_final_info": mask.copy()}


def make_vec(scenario: str | Scenario, num_envs: int, **settings: Any) -> GridVectorEnv:
    """A vector environment over the batched twin; keywords are the fields of `gridpilot.envs.EnvSettings`."""
    return GridVectorEnv(num_envs, scenario=scenario, **settings)
