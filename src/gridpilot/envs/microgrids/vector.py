"""`MicrogridsVectorEnv`: thousands of systems of microgrids, stepped in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from gridpilot.envs.episodes import begin, begin_again, held_of, restored
from gridpilot.envs.ground import lay_ground
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.course import Course
from gridpilot.envs.microgrids.members import make_members
from gridpilot.envs.observation import Observation
from gridpilot.envs.settings import read_options
from gridpilot.envs.single import draw_seed
from gridpilot.envs.vector import reseeded
from gridpilot.errors import ActionError, ConfigError
from gridpilot.twin.crew import Crew
from gridpilot.values import Bools, Floats


class Stepped(NamedTuple):
    """What a step of a batch led to, agent by agent in the order of `agents`."""

    observations: dict[str, Observation]
    """`[B, k]`; of an element whose episode is over, the first of its next one."""
    rewards: Floats
    """`[B, A]`."""
    terminated: Bools
    truncated: Bools
    """`[B]`: microgrids of an element end together."""
    infos: dict[str, Any]
    """`reward_parts` `[B, A, 8]`, `traded_usd`, `traded_mwh` `[B, A]`; where episodes are over, `final_state` has what the system
    saw of their last step `[b, d]` and `final_elements` whose it is `[b]`."""


class MicrogridsVectorEnv:
    """`num_envs` systems, each on its own day with its own disturbances.

    Element b, seeded with s, goes through the same as `MicrogridsEnv` seeded with s, bit for bit. An element whose episode ends
    begins another one in the same step. Microgrids that are not built yet are there with actions that move nothing.
    """

    def __init__(self, num_envs: int, config: MicrogridsConfig, *, threads: int | None = None) -> None:
        """The batch is stepped by so many threads, which changes no number of it; None for one on every core that the process may use.

        Raises `ConfigError` for a size or threads below 1, and for a configuration whose agents live elsewhere.
        """
        if num_envs < 1:
            raise ConfigError(f"num_envs is {num_envs}, expected at least 1.")
        if not config.centralized:
            raise ConfigError("A batch of environments has its agents with it: centralized must be true.")
        self.num_envs, self.config = num_envs, config
        self._crew = Crew(threads)
        self._ground = lay_ground(config.settings)
        self.members = make_members(config, self._ground)
        self.agents = [member.name for member in self.members.all]
        self.single_observation_spaces = {member.name: Box(-1.0, 1.0, (len(member.seen),), np.float32) for member in self.members.all}
        self.single_action_spaces = {member.name: Box(-1.0, 1.0, (len(member.action_names),), np.float32) for member in self.members.all}
        self.state_names = self._ground.observer.names
        self._random = [np.random.default_rng() for _ in range(num_envs)]
        self._course: Course | None = None
        self._shown: Observation | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, Any]]:
        """Begin another episode in every element; a single seed s gives element b the seed s + b.

        Raises `ConfigError` for unknown options, for days that cannot be had, and for a wrong number of seeds.
        """
        asked = read_options(options)
        self._random = reseeded(self._random, seed)
        episodes = begin(self._ground, [draw_seed(random) for random in self._random], asked.start, self._crew)
        self._course = Course(self.config, self.members, episodes)
        self._shown = episodes.look()
        return self._seen(self._shown), {}

    def step(self, actions: Mapping[str, NDArray[Any]]) -> Stepped:
        """One cycle of every element under actions `[B, e]` by agent; raises `ActionError` for wrong ones."""
        course = self._course
        if course is None:
            raise ConfigError("No episodes are running: call reset() first.")
        if set(actions) != set(self.agents):
            raise ActionError(f"Found actions of {', '.join(map(str, actions)) or 'nobody'}, expected {', '.join(self.agents)}.")
        passed = course.step([np.asarray(actions[name]) for name in self.agents])
        self._shown = passed.shown
        infos: dict[str, Any] = {
            "reward_parts": passed.accounts.parts.copy(),
            "traded_usd": passed.accounts.traded_usd,
            "traded_mwh": passed.accounts.traded_mwh,
        }
        over = np.flatnonzero(passed.terminated | passed.truncated)
        if len(over):
            infos |= {"final_elements": over, "final_state": passed.shown[over]}
            begin_again(course.episodes, over, [draw_seed(self._random[b]) for b in over], passed.shown)
        return Stepped(self._seen(passed.shown), passed.accounts.reward, passed.terminated, passed.truncated, infos)

    def state(self) -> Observation:
        """What the systems see now `[B, d]`, for a central critic; raises `ConfigError` before the first reset."""
        if self._shown is None:
            raise ConfigError("There is no state yet: call reset() first.")
        return self._shown

    @property
    def residual_mva(self) -> Floats | None:
        """Largest mismatch that the last power flow left at any bus `[B]`, 0 where the grid is down; None before the first reset."""
        return None if self._course is None else self._course.episodes.residual_mva

    def close(self) -> None:
        """End the threads; calling it again does nothing."""
        self._crew.close()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what is compiled, which is made again from the configuration."""
        running = None if self._course is None else self._course.episodes
        return {**self.__dict__, "_ground": None, "_course": held_of(running)}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        self._ground = lay_ground(self.config.settings)
        episodes = restored(self._ground, held["_course"], self._crew)
        self._course = None if episodes is None else Course(self.config, self.members, episodes)

    def _seen(self, shown: Observation) -> dict[str, Observation]:
        return {member.name: shown.take(member.seen, axis=1) for member in self.members.all}
