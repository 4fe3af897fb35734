"""`GridEnv`: one grid as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from gridpilot.envs.actions import encode_standing, wrong_shape
from gridpilot.envs.episodes import Episodes, begin_or_again, held_of, restored
from gridpilot.envs.ground import Ground, lay_ground
from gridpilot.envs.observation import Observation
from gridpilot.envs.settings import make_settings, read_options, with_period
from gridpilot.errors import ConfigError
from gridpilot.values import CONSTRAINTS, REWARD_TERMS, Floats, GridState

Action = NDArray[np.float32]

LARGEST_SEED = 2**31 - 1


def draw_seed(random: np.random.Generator) -> int:
    """Seed of the next episode."""
    return int(random.integers(LARGEST_SEED))


class GridEnv(gymnasium.Env[Observation, Action]):
    """One grid, one step per cycle.

    The action is one number in [−1, 1] per entry of `action_names`, the observation one per entry of
    `observation_names`. `terminated` says that the grid went down, `truncated` that the episode is over.
    `reset(seed=…)` draws the day and its disturbances; `options` may name a `start` day and a `period`. `info` holds
    the unweighted `reward_terms` and the `constraint_costs` by name. Days are drawn from the scenario's tuning dates
    unless `period="judging"` is asked for.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # Gymnasium declares it so

    def __init__(self, *, render_mode: None = None, **settings: Any) -> None:
        """Keywords are the fields of `EnvSettings`; raises `ConfigError` for a wrong one, `UnknownNameError` for a wrong name."""
        if render_mode is not None:
            raise ConfigError(f"The environment draws no pictures: render_mode is {render_mode!r}, expected None.")
        self.settings = make_settings(settings)
        self._stand_on(lay_ground(self.settings))
        self._running: Episodes | None = None
        self._seated: Episodes | None = None
        """The last episode, over or not: its memory serves the next one."""

    def _stand_on(self, ground: Ground) -> None:
        self._ground = ground
        self.action_names = tuple(entry.name for entry in ground.model.vector_controls.entries)
        self.observation_names = ground.observer.names
        self.action_space = Box(-1.0, 1.0, (len(self.action_names),), np.float32)
        self.observation_space = Box(-1.0, 1.0, (len(self.observation_names),), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Begin another episode; raises `ConfigError` for unknown options and days that cannot be had."""
        asked = read_options(options)
        super().reset(seed=seed)
        self.settings = with_period(self.settings, asked)
        self._ground = lay_ground(self.settings)
        self._seated, shown = begin_or_again(self._seated, self._ground, draw_seed(self.np_random), asked.start)
        self._running = self._seated
        return shown[0], {}

    @property
    def state(self) -> GridState | None:
        """The grid of now, for those who study it; None where no episode is running."""
        return None if self._running is None else self._running.state

    @property
    def residual_mva(self) -> Floats | None:
        """Largest mismatch that the last power flow left at any bus `[B]`, 0 where the grid is down; None where no episode is running."""
        return None if self._running is None else self._running.residual_mva

    @property
    def standing_action(self) -> Action:
        """The action under which every device keeps the order it begins with and every branch is closed."""
        return encode_standing(self._ground.orders)

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One cycle; raises `ActionError` for an action that is not one, `ConfigError` where no episode is running."""
        running = self._running
        if running is None:
            raise ConfigError("No episode is running: call reset() first, and after every step that terminated or truncated.")
        seat = running.seat
        if np.shape(action) != seat.vector.shape[1:]:
            raise wrong_shape(seat.orders, np.shape(action))
        seat.vector[0] = action
        shown, over = running.advance()
        if over:
            self._running = None
        info = {
            "reward_terms": dict(zip(REWARD_TERMS, seat.terms[0].tolist(), strict=True)),
            "constraint_costs": dict(zip(CONSTRAINTS, running.costs[0].tolist(), strict=True)),
        }
        return shown[0], seat.reward.item(), seat.terminated.item(), seat.truncated.item(), info

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled ground, which is laid again from the settings."""
        return {**self.__dict__, "_ground": None, "_seated": None, "_running": held_of(self._running)}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        self._ground = lay_ground(self.settings)
        self._running = restored(self._ground, held["_running"])
