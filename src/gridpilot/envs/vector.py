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

from gridpilot.envs.actions import encode_standing, wrong_shape
from gridpilot.envs.episodes import Episodes, begin, begin_again, held_of, restored
from gridpilot.envs.ground import Ground, lay_ground
from gridpilot.envs.observation import Observation
from gridpilot.envs.settings import make_settings, read_options, with_period
from gridpilot.envs.single import draw_seed
from gridpilot.errors import ActionError, ConfigError
from gridpilot.scenarios import Scenario
from gridpilot.twin.crew import Crew
from gridpilot.values import CONSTRAINTS, REWARD_TERMS, Bools, Floats, GridState, Ints

Actions = NDArray[np.float32]


class GridVectorEnv(VectorEnv[Observation, Actions, NDArray[Any]]):
    """`num_envs` grids of one scenario, each on its own day with its own disturbances.

    Element b, seeded with s, goes through the same as `GridEnv` seeded with s, bit for bit. An element whose episode
    ends begins another one in the same step (`AutoresetMode.SAME_STEP`): the observation returned is the new episode's
    first, the old one's last is in `infos["final_obs"]`, its `info` in `infos["final_info"]`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012  # Gymnasium declares it so

    def __init__(self, num_envs: int = 1, *, threads: int | None = None, render_mode: None = None, **settings: Any) -> None:
        """The batch is stepped by so many threads, which changes no number of it; None for one on every core that the process may use.

        Other keywords are the fields of `EnvSettings`; raises `ConfigError` for a wrong one, `UnknownNameError` for a wrong name.
        """
        if num_envs < 1:
            raise ConfigError(f"num_envs is {num_envs}, expected at least 1.")
        if render_mode is not None:
            raise ConfigError(f"The environment draws no pictures: render_mode is {render_mode!r}, expected None.")
        self.settings = make_settings(settings)
        self.num_envs = num_envs
        self._crew = Crew(threads)
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
        self._random = reseeded(self._random, seed)
        self.settings = with_period(self.settings, asked)
        self._ground = lay_ground(self.settings)
        self._running = begin(self._ground, [draw_seed(random) for random in self._random], asked.start, self._crew)
        return self._running.look(), {}

    @property
    def state(self) -> GridState | None:
        """The grids of now, for those who study them; None before the first reset."""
        return None if self._running is None else self._running.state

    @property
    def residual_mva(self) -> Floats | None:
        """Largest mismatch that the last power flow left at any bus `[B]`, 0 where the grid is down; None before the first reset."""
        return None if self._running is None else self._running.residual_mva

    @property
    def standing_action(self) -> NDArray[np.float32]:
        """For one element: every device keeps the order it begins with, every branch is closed `[d]`."""
        return encode_standing(self._ground.orders)

    def step(self, actions: Actions) -> tuple[Observation, Floats, Bools, Bools, dict[str, Any]]:
        """One cycle of every element; raises `ActionError` for a wrong shape or numbers that are not finite."""
        running = self._running
        if running is None:
            raise ConfigError("No episodes are running: call reset() first.")
        seat = running.seat
        if np.shape(actions) != seat.vector.shape:
            raise self._wrong_shape(np.shape(actions))
        seat.vector[...] = actions
        shown, over = running.advance()
        reward, terminated, truncated = seat.reward.copy(), seat.terminated.copy(), seat.truncated.copy()
        infos = _infos(seat.terms.copy(), running.costs.copy())
        if over:
            ended = np.flatnonzero(terminated | truncated)
            infos.update(_final(shown, infos, ended))
            begin_again(running, ended, [draw_seed(self._random[b]) for b in ended], shown)
        return shown, reward, terminated, truncated, infos

    def _wrong_shape(self, found: tuple[int, ...]) -> ActionError:
        if len(found) != 2 or found[0] == self.num_envs:
            return wrong_shape(self._ground.orders, found[1:])
        return ActionError(f"Found actions for {found[0]} elements, expected {self.num_envs}.")

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads; called by `close`."""
        self._crew.close()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled ground, which is laid again from the settings."""
        return {**self.__dict__, "_ground": None, "_running": held_of(self._running)}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        self._ground = lay_ground(self.settings)
        self._running = restored(self._ground, held["_running"], self._crew)


def reseeded(random: Sequence[np.random.Generator], seed: int | Sequence[int | None] | None) -> list[np.random.Generator]:
    """The random numbers of every element after a reset; None leaves an element's own as they are, and a single seed s gives element
    b the seed s + b.

    Raises `ConfigError` for a wrong number of seeds.
    """
    if seed is None:
        return list(random)
    seeds = [int(seed) + b for b in range(len(random))] if isinstance(seed, int | np.integer) else list(seed)
    if len(seeds) != len(random):
        raise ConfigError(f"Found {len(seeds)} seeds for {len(random)} elements; give one for each, or a single number.")
    return [old if own is None else seeding.np_random(own)[0] for old, own in zip(random, seeds, strict=True)]


def _infos(terms: Floats, costs: Floats) -> dict[str, Any]:
    everywhere = np.ones(len(terms), dtype=np.bool_)
    return {
        "reward_terms": _by_name(REWARD_TERMS, terms),
        "_reward_terms": everywhere,
        "constraint_costs": _by_name(CONSTRAINTS, costs),
        "_constraint_costs": everywhere.copy(),
    }


def _by_name(names: Sequence[str], values: Floats) -> dict[str, Any]:
    """Columns by name, each with the mask of its elements, as Gymnasium's vector infos are."""
    columns: dict[str, Any] = dict(zip(names, values.T, strict=True))
    masks = np.ones((len(names), len(values)), dtype=np.bool_)
    return {**columns, **{f"_{name}": mask for name, mask in zip(names, masks, strict=True)}}


def _final(shown: Observation, infos: dict[str, Any], over: Ints) -> dict[str, Any]:
    """Last observations and infos of the elements whose episode is over."""
    mask = np.zeros(len(shown), dtype=np.bool_)
    mask[over] = True
    last = np.full(len(shown), None, dtype=object)
    for b in over:
        last[b] = shown[b].copy()
    return {"final_obs": last, "_final_obs": mask, "final_info": dict(infos), "_final_info": mask.copy()}


def make_vec(scenario: str | Scenario, num_envs: int, *, threads: int | None = None, **settings: Any) -> GridVectorEnv:
    """A vector environment over the batched twin, stepped by so many threads (None: one on every core that the process may use).

    Other keywords are the fields of `gridpilot.envs.EnvSettings`.
    """
    return GridVectorEnv(num_envs, threads=threads, scenario=scenario, **settings)
