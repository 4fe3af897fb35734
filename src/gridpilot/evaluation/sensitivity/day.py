"""One day of microgrids under the rules of `gridpilot.agents.grid.rules`, with one kind of trouble."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gridpilot.agents.grid.rules import GridRules
from gridpilot.agents.timing import RoleTiming, Timeline, play
from gridpilot.envs.ground import lay_ground
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.parallel import MicrogridsEnv
from gridpilot.envs.microgrids.seats import make_seats

_UNSAFE = ("voltage_pu", "overload", "devices")


class Day(NamedTuple):
    """What became of a day, over all its steps and microgrids."""

    reward: float
    """USD, safety in it."""
    safety: float
    """The measures that the reward weighs: pu of voltage outside its band, overload above 1, what devices measure."""
    asked: int
    """Microgrids that were asked to act, counted over the steps."""
    silent: int
    """Those of them that did not answer in time."""
    missed: int
    """Replies that did not come in time, those that close a step in it."""
    survived: bool
    """Whether the grid stood to the end of the day."""


_DAWN = Day(0.0, 0.0, 0, 0, 0, True)


class _Moment(NamedTuple):
    """The grid between two steps."""

    observations: Mapping[str, Any]
    day: Day
    over: bool


def play_day(config: MicrogridsConfig, seed: int, observation_delay: int = 0, action_delay: int = 0, acting: bool = True) -> Day:
    """A day from its seed; raises what the environment raises.

    Delays are whole steps: rules decide on the state so many steps ago, their orders come into force so many steps later, and
    until the first of them the orders stand in which the day began. Without `acting` these stand all day.
    """
    env = MicrogridsEnv(config)
    try:
        return _played(env, seed, observation_delay, action_delay, acting)
    finally:
        env.close()


def _played(env: MicrogridsEnv, seed: int, observation_delay: int, action_delay: int, acting: bool) -> Day:
    seats, rules = make_seats(env.config, env.members), GridRules()
    observations, _ = env.reset(seed=seed)
    standing = {name: seats[name].standing(seen) for name, seen in observations.items()}

    def decide(role: str, moment: _Moment) -> Any:
        seat = seats[role]
        return seat.action(rules.decide(seat.measured(moment.observations[role]), seat.ranges_mw))

    def advance(before: _Moment, orders: Mapping[str, Any]) -> _Moment:
        return _advanced(env, before, {**standing, **orders})

    dt_h = env.config.cycle_minutes / 60.0
    timing = RoleTiming(tick_h=dt_h, observation_delay_h=observation_delay * dt_h, action_delay_h=action_delay * dt_h)
    timeline = Timeline(dict.fromkeys(env.agents, timing) if acting else {}, dt_h, lay_ground(env.config.settings).steps)
    last = _Moment(observations, _DAWN, False)
    for moment in play(timeline, last, decide, advance):
        last = moment
        if moment.over:
            break
    told = env.messages
    # A microgrid that is silent has not answered `act`, and is not asked to settle.
    return last.day._replace(missed=last.day.silent + told["network"] - told["receipt"])


def _advanced(env: MicrogridsEnv, before: _Moment, orders: Mapping[str, Any]) -> _Moment:
    observations, rewards, terminated, truncated, infos = env.step(orders)
    unsafe = sum(info["reward_parts"][part] for info in infos.values() for part in _UNSAFE)
    silent = sum(info["silent_cycles"] > 0 for info in infos.values())
    day, down = before.day, any(terminated.values())
    now = Day(day.reward + sum(rewards.values()), day.safety + unsafe, day.asked + len(infos), day.silent + silent, 0, not down)
    return _Moment(observations, now, down or any(truncated.values()))
