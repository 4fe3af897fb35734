"""`MicrogridsEnv`: a PettingZoo `ParallelEnv` in which every microgrid is an agent."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from gridpilot.envs.episodes import Episodes, begin_or_again
from gridpilot.envs.ground import lay_ground
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.course import Course, Passed
from gridpilot.envs.microgrids.members import Member, make_members, side_by_side
from gridpilot.envs.microgrids.orders import Own, followed
from gridpilot.envs.microgrids.remote import RemoteDevices, begin_elsewhere, remote_rooms
from gridpilot.envs.microgrids.seats import entries_of
from gridpilot.envs.observation import Observation
from gridpilot.envs.settings import ResetOptions, read_options, with_period
from gridpilot.envs.single import draw_seed
from gridpilot.errors import ActionError, ConfigError, Problem, UnknownNameError
from gridpilot.messages.steps import Watch, unwatched
from gridpilot.twin.areas import AREA_PARTS
from gridpilot.values import Floats, GridState, Ints

Action = NDArray[np.floating[Any]]
ByAgent = dict[str, Any]
T = TypeVar("T")

_PARTS = (*AREA_PARTS, "traded_usd", "traded_mwh")
"""Of a reward, by name."""


class MicrogridsEnv(ParallelEnv[str, Observation, Action]):  # type: ignore[misc]  # PettingZoo ships no types
    """Agents are microgrids: each sees what it may see, and moves its own devices.

    A microgrid that is built while an episode runs joins `agents` in that step. All leave together: terminated when the grid
    goes down, truncated when the episode is over. `state()` is what the system sees: the observation of a central critic.
    """

    metadata: dict[str, Any] = {"name": "gridpilot_microgrids_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012  # PettingZoo's own form

    def __init__(self, config: MicrogridsConfig, *, watch: Watch = unwatched) -> None:
        """`watch` hears who is waited for, where agents are behind a broker."""
        self.config = config
        self.render_mode = None
        self._ground = lay_ground(config.settings)
        self.members = make_members(config, self._ground)
        self._powers = side_by_side(len(member.powers) for member in self.members.all)
        self._entries = side_by_side(len(member.action_names) for member in self.members.all)
        self._moved = np.concatenate([_moved(member, self._ground.model.n_devices) for member in self.members.all])
        self._member = {member.name: member for member in self.members.all}
        self.possible_agents = list(self._member)
        self.agents: list[str] = []
        self.observation_spaces = {name: _box(len(member.seen)) for name, member in self._member.items()}
        self.action_spaces = {name: _box(len(member.action_names)) for name, member in self._member.items()}
        self.state_space = _box(len(self._ground.observer.names))
        self._random = np.random.default_rng()
        self._settings = config.settings
        self.remote = None if config.centralized else RemoteDevices(config, self.members, self._ground.model, watch)
        """The agents, where they are behind a message broker."""
        self._episodes: Episodes | None = None
        self._course: Course | None = None
        self._shown: Observation | None = None

    def observation_space(self, agent: str) -> Box:
        """−1 … 1 for every feature that the agent sees; the same object at every call."""
        return self._known(agent, self.observation_spaces)

    def action_space(self, agent: str) -> Box:
        """−1 … 1 for every entry of `action_names`; the same object at every call."""
        return self._known(agent, self.action_spaces)

    def action_names(self, agent: str) -> tuple[str, ...]:
        """What the entries of an agent's action are; 1 is the highest injection, position or number of steps, or the highest price."""
        return self._known(agent, self._member).action_names

    def observation_names(self, agent: str) -> tuple[str, ...]:
        """What the entries of an agent's observation are."""
        names = self._ground.observer.names
        return tuple(names[k] for k in self._known(agent, self._member).seen)

    @property
    def state_names(self) -> tuple[str, ...]:
        """What the entries of `state()` are."""
        return self._ground.observer.names

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[ByAgent, ByAgent]:
        """Begin another episode; raises `ConfigError` for days that cannot be had. Unknown options are ignored with a warning."""
        asked = _options(options)
        if seed is not None:
            self._random = seeding.np_random(seed)[0]
        settings = with_period(self._settings, asked)
        if settings != self._settings:
            self._settings, self._ground = settings, lay_ground(settings)
        self._shown = self._begin(draw_seed(self._random), asked.start)
        self.agents = [name for name, member in self._member.items() if member.built_at == 0]
        return self._seen(self._shown, self.agents), {
            name: {"action_mask": mask} for name, mask in zip(self._member, self._masks(), strict=True) if name in self.agents
        }

    def step(self, actions: Mapping[str, Action]) -> tuple[ByAgent, ByAgent, ByAgent, ByAgent, ByAgent]:
        """One cycle; raises `ActionError` for actions that are missing, misshapen or no numbers, and for agents that are not there."""
        course = self._course
        if course is None or not self.agents:
            raise ConfigError("No episode is running: call reset() first, and after every step in which all agents ended.")
        self._refuse_strangers(actions)
        passed = course.step([_row(actions.get(member.name), member) for member in self.members.all])
        self._shown = passed.shown
        step = int(course.episodes.memory.blocks.view("step")[0])
        terminated, truncated = bool(passed.terminated[0]), bool(passed.truncated[0])
        here = [name for name, member in self._member.items() if member.built_at <= step]
        returned = (
            self._seen(passed.shown, here),
            {name: float(passed.accounts.reward[0, k]) for k, name in enumerate(self._member) if name in here},
            dict.fromkeys(here, terminated),
            dict.fromkeys(here, truncated),
            {name: info for name, info in zip(self._member, self._infos(passed), strict=True) if name in here},
        )
        self.agents = [] if terminated or truncated else here
        return returned

    def state(self) -> Observation:
        """Everything that the system sees now `[d]`; raises `ConfigError` before the first reset."""
        if self._shown is None:
            raise ConfigError("There is no state yet: call reset() first.")
        seen: Observation = self._shown[0].copy()
        return seen

    @property
    def steps(self) -> int:
        """Cycles of an episode."""
        return self._ground.steps

    @property
    def messages(self) -> Counter[str]:
        """Logical messages so far by kind, before any share an envelope; none where all agents live here."""
        return Counter() if self.remote is None else self.remote.messages.copy()

    @property
    def grid_state(self) -> GridState | None:
        """The grid of now, for those who study it; None before the first reset."""
        return None if self._episodes is None else self._episodes.state

    @property
    def bytes_sent(self) -> int:
        """Bytes that this process has published on the broker: requests, and replies of agents that live here."""
        return 0 if self.remote is None else sum(self.remote.session.traffic.bytes.values())

    @property
    def standing_action(self) -> ByAgent:
        """The actions under which every device keeps the order it begins with, as far as it has entries; prices are in the middle."""
        model = self._ground.model
        initial = np.concatenate([kind.initial_setpoint(model.parameters(kind.name)) for kind in model.kinds])
        return {member.name: _standing(member, initial) for member in self.members.all}

    @property
    def residual_mva(self) -> Floats | None:
        """Largest mismatch that the last power flow left at any bus `[1]`, 0 where the grid is down; None before the first reset."""
        return None if self._episodes is None else self._episodes.residual_mva

    def close(self) -> None:
        """End the episode, and leave the broker; calling it again does nothing."""
        self.agents = []
        if self.remote is not None:
            self.remote.close()

    def _begin(self, seed: int, day: str | None) -> Observation:
        """Begin an episode, in the memory of the one before where it fits; its first features `[1, d]`."""
        if self.remote is not None:
            self._episodes = begin_elsewhere(self._ground, seed, day, self.remote)
            self._course = Course(self.config, self.members, self._episodes, remote_rooms(self.remote))
            return self._episodes.look()
        episodes, shown = begin_or_again(self._episodes, self._ground, seed, day)
        if episodes is not self._episodes:
            self._episodes, self._course = episodes, Course(self.config, self.members, episodes)
        return shown

    def _known(self, agent: str, by_name: Mapping[str, T]) -> T:
        """What is an agent's; raises `UnknownNameError` which names the agents that there may be."""
        if agent not in by_name:
            raise UnknownNameError("agent", str(agent), self.possible_agents)
        return by_name[agent]

    def _seen(self, shown: Observation, names: list[str]) -> ByAgent:
        return {name: shown[0, self._member[name].seen] for name in names}

    def _refuse_strangers(self, actions: Mapping[str, Action]) -> None:
        missing = [Problem(name, "has no action") for name in self.agents if name not in actions]
        away = "is not there now"
        strange = [Problem(str(name), away if name in self._member else "is no agent") for name in actions if name not in self.agents]
        if missing or strange:
            listed = "; ".join(map(str, [*missing, *strange]))
            raise ActionError(f"Expected one action for each of {', '.join(self.agents)}: {listed}.")

    def _masks(self) -> list[NDArray[np.int8]]:
        """Per member 1 for every entry of an action that moves something now, 0 where its device is out of service `[entries]`."""
        assert self._episodes is not None  # held by the callers
        present = self._episodes.memory.pieces[0].grids.work.in_service[0]
        # A price, whose device is the last one, moves something always.
        mask = np.append(present, True).take(self._moved).view(np.int8)
        return [mask[own] for own in self._entries]

    def _beside(self, own: Own) -> dict[str, dict[str, float]]:
        """Per direct order what was ordered and what came of it, in Mvar, positions and steps; nothing where there is none."""
        assert self._episodes is not None  # held by the caller
        if not own.direct.names:
            return {}
        piece = self._episodes.memory.pieces[0]
        ordered, applied = piece.grids.state.orders[0, own.direct.order], followed(own, self._ground.model, piece)
        return {
            "ordered": dict(zip(own.direct.names, ordered.tolist(), strict=True)),
            "applied": dict(zip(own.direct.names, applied.tolist(), strict=True)),
        }

    def _infos(self, passed: Passed) -> list[dict[str, Any]]:
        """Per member what came of its action: the parts of the reward, and for every device what it was ordered and what it did."""
        assert self._episodes is not None  # held by `step`
        grids, accounts = self._episodes.memory.pieces[0].grids, passed.accounts
        ordered, applied = grids.state.orders[0].take(self.members.power_orders), grids.work.real_mw[0].take(self.members.powers)
        booked = np.concatenate([accounts.parts[0], accounts.traded_usd[0, :, None], accounts.traded_mwh[0, :, None]], axis=1).tolist()
        missed = dict.fromkeys(self._member, 0) if self.remote is None else self.remote.missed
        return [
            {
                "reward_parts": dict(zip(_PARTS, parts, strict=True)),
                "ordered_mw": ordered[own],
                "applied_mw": applied[own],
                **self._beside(member.own),
                "action_mask": mask,
                "silent_cycles": missed[member.name],
            }
            for member, own, parts, mask in zip(self.members.all, self._powers, booked, self._masks(), strict=True)
        ]


def _moved(member: Member, none: int) -> Ints:
    """Which device each entry of an action moves, in the flat order of all kinds; `none` for a price."""
    return np.append(member.devices, none)[member.action.device]


def _standing(member: Member, initial: Floats) -> Floats:
    """The action of one microgrid that keeps these setpoints of all devices."""
    action = member.action
    return entries_of(np.append(initial, 0.0)[action.order], action.low, action.high)


def _box(entries: int) -> Box:
    return Box(-1.0, 1.0, (entries,), np.float32)


def _row(action: Action | None, member: Member) -> Floats:
    """An action as a batch of one; a microgrid that is not there moves nothing."""
    return np.zeros((1, len(member.action_names))) if action is None else np.asarray(action, dtype=np.float64)[None]


def _options(options: Mapping[str, Any] | None) -> ResetOptions:
    """The options that are known. PettingZoo's own tests reset with others."""
    given = dict(options or {})
    unknown = [key for key in given if key not in ResetOptions.__dataclass_fields__]
    if unknown:
        warnings.warn(f"reset() ignores the options {', '.join(map(str, unknown))}.", stacklevel=3)
    return read_options({key: value for key, value in given.items() if key not in unknown})
