"""The seats of microgrids for agents that think in names and units: measurements out of an observation, setpoints into an action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridpilot.envs.ground import lay_ground
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.members import Member, Members
from gridpilot.envs.microgrids.orders import Q_MVAR
from gridpilot.envs.observation import Entry, Observation
from gridpilot.errors import ActionError, ConfigError
from gridpilot.values import Floats


@dataclass(frozen=True)
class Seat:
    """One microgrid's."""

    name: str
    entries: tuple[Entry, ...]
    """Of its observation."""
    ranges_mw: Mapping[str, tuple[float, float]]
    """Lowest and highest setpoint in MW of every device, in the order of its action; injections are positive."""
    ranges: Mapping[str, tuple[float, float]]
    """Lowest and highest value of every direct order, `DEVICE.quantity`, which come after those."""
    begun: Mapping[str, float]
    """Direct orders that stand when an episode begins."""

    def measured(self, observation: Observation) -> dict[str, float]:
        """What is observed, by name and in its own unit."""
        shown = np.asarray(observation, dtype=np.float64).tolist()
        return {
            entry.name: entry.low + (value + 1.0) / 2.0 * (entry.high - entry.low) for entry, value in zip(self.entries, shown, strict=True)
        }

    def action(self, setpoints_mw: Mapping[str, float], direct: Mapping[str, float] | None = None) -> NDArray[np.float32]:
        """The action that orders these setpoints, and of the direct orders these; those that are not named are as they began.

        Raises `ActionError` where setpoints are not those of its devices, or a direct order is none that it can give.
        """
        if set(setpoints_mw) != set(self.ranges_mw):
            raise ActionError(f"{self.name} has setpoints of {', '.join(setpoints_mw) or 'nothing'}; expected {', '.join(self.ranges_mw)}.")
        if unknown := set(direct or ()) - set(self.ranges):
            known = ", ".join(self.ranges) or "none"
            raise ActionError(f"{self.name} cannot order {', '.join(sorted(unknown))} directly; expected some of: {known}.")
        said, ranges = {**setpoints_mw, **self.begun, **(direct or {})}, {**self.ranges_mw, **self.ranges}
        low, high = np.array(list(ranges.values())).reshape(-1, 2).T
        return entries_of(np.array([said[name] for name in ranges]), low, high).astype(np.float32)

    def standing(self, observation: Observation) -> NDArray[np.float32]:
        """The action that leaves all orders as they are observed."""
        measured = self.measured(observation)
        orders = {tuple(name.split(".")[1:]): value for name, value in measured.items()}
        direct = {name: orders[name.split(".")[0], "order_mvar" if name.endswith(f".{Q_MVAR}") else "order"] for name in self.ranges}
        return self.action({device: orders[device, "order_mw"] for device in self.ranges_mw}, direct)


def entries_of(setpoints: Floats, low: Floats, high: Floats) -> Floats:
    """The entries of an action, −1 … 1, that order setpoints with these ranges."""
    return 2.0 * ((setpoints - low) / (high - low)) - 1.0


def make_seats(config: MicrogridsConfig, members: Members) -> dict[str, Seat]:
    """A seat per microgrid; raises `ConfigError` where actions have prices in them."""
    if config.vertical != "setpoint" or config.horizontal != "none":
        found = f"vertical {config.vertical!r}, horizontal {config.horizontal!r}"
        raise ConfigError(f"A seat says setpoints and no prices; found {found}, expected 'setpoint' and 'none'.")
    ground = lay_ground(config.settings)
    entries, model = ground.observer.entries, ground.model
    initial = np.concatenate([kind.initial_setpoint(model.parameters(kind.name)) for kind in model.kinds])
    return {member.name: _seat(member, tuple(entries[k] for k in member.seen), initial) for member in members.all}


def _seat(member: Member, entries: tuple[Entry, ...], initial: Floats) -> Seat:
    own, direct = member.own, member.own.direct
    ends_mw, ends = (
        zip(part.tolist(), other.tolist(), strict=True) for part, other in ((own.low_mw, own.high_mw), (direct.low, direct.high))
    )
    return Seat(
        name=member.name,
        entries=entries,
        ranges_mw=dict(zip([own.names[k] for k in own.powers], ends_mw, strict=True)),
        ranges=dict(zip(direct.names, ends, strict=True)),
        begun=dict(zip(direct.names, initial[direct.order].tolist(), strict=True)),
    )
