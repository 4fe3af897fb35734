"""The seats of microgrids for agents that think in names and units: measurements out of an observation, setpoints into an action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridpilot.envs.ground import lay_ground
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.members import Member, Members
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
    """Lowest and highest setpoint of every device, in the order of its action; injections are positive."""

    def measured(self, observation: Observation) -> dict[str, float]:
        """What is observed, by name and in its own unit."""
        shown = np.asarray(observation, dtype=np.float64).tolist()
        return {
            entry.name: entry.low + (value + 1.0) / 2.0 * (entry.high - entry.low) for entry, value in zip(self.entries, shown, strict=True)
        }

    def action(self, setpoints_mw: Mapping[str, float]) -> NDArray[np.float32]:
        """The action that orders these setpoints; raises `ActionError` where they are not those of its devices."""
        if set(setpoints_mw) != set(self.ranges_mw):
            raise ActionError(f"{self.name} has setpoints of {', '.join(setpoints_mw) or 'nothing'}; expected {', '.join(self.ranges_mw)}.")
        low, high = np.array(list(self.ranges_mw.values())).reshape(-1, 2).T
        return entries_of(np.array([setpoints_mw[device] for device in self.ranges_mw]), low, high).astype(np.float32)

    def standing(self, observation: Observation) -> NDArray[np.float32]:
        """The action that leaves all orders as they are observed."""
        measured = self.measured(observation)
        orders = {name.split(".")[1]: value for name, value in measured.items() if name.endswith(".order_mw")}
        return self.action({device: orders[device] for device in self.ranges_mw})


def entries_of(setpoint_mw: Floats, low_mw: Floats, high_mw: Floats) -> Floats:
    """The entries of an action, −1 … 1, that order setpoints of devices with these ranges."""
    return 2.0 * ((setpoint_mw - low_mw) / (high_mw - low_mw)) - 1.0


def make_seats(config: MicrogridsConfig, members: Members) -> dict[str, Seat]:
    """A seat per microgrid; raises `ConfigError` where actions are more or other than setpoints."""
    if config.vertical != "setpoint" or config.horizontal != "none":
        found = f"vertical {config.vertical!r}, horizontal {config.horizontal!r}"
        raise ConfigError(f"A seat says setpoints and nothing else; found {found}, expected 'setpoint' and 'none'.")
    entries = lay_ground(config.settings).observer.entries
    return {member.name: Seat(member.name, tuple(entries[k] for k in member.seen), _ranges(member)) for member in members.all}


def _ranges(member: Member) -> dict[str, tuple[float, float]]:
    ends = zip(member.low_mw.tolist(), member.high_mw.tolist(), strict=True)
    return dict(zip(member.device_names, ends, strict=True))
