"""The microgrids of an environment: what each of them moves, and what it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gridpilot.agents.coordination.horizontal import HorizontalProtocol, make_horizontal
from gridpilot.agents.coordination.offers import Offer, make_offer
from gridpilot.agents.coordination.vertical import VerticalProtocol, make_vertical
from gridpilot.agents.roles import RoleTree, role_tree
from gridpilot.envs.ground import Ground
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.visibility import check_patterns, owners, visible
from gridpilot.errors import ConfigError, Problem
from gridpilot.twin.model import Model
from gridpilot.values import Floats, Ints

TRADING, CONSENSUS = "trading", "consensus"


@dataclass(frozen=True, eq=False)
class Member:
    """One microgrid."""

    name: str
    devices: Ints
    """The devices that it moves, in the flat order of all kinds `[k]`."""
    orders: Ints
    """Places of their setpoints in MW among all setpoints `[k]`."""
    device_names: tuple[str, ...]
    low_mw: Floats
    high_mw: Floats
    """Nameplate ranges of their setpoints `[k]`; injections are positive."""
    action_names: tuple[str, ...]
    seen: Ints
    """Places of the features that it sees in the full observation."""
    built_at: int
    """Step from which it is there."""


@dataclass(frozen=True, eq=False)
class Members:
    """All microgrids, and the protocols between them and below."""

    all: tuple[Member, ...]
    vertical: VerticalProtocol
    horizontal: HorizontalProtocol
    wishes: Mapping[str, Mapping[str, float]]
    """What the owners of each kind of device want when a price is signalled."""
    tree: RoleTree

    @cached_property
    def devices(self) -> Ints:
        """Every device that a microgrid moves, one microgrid after the other `[K]`."""
        return np.concatenate([member.devices for member in self.all])

    @cached_property
    def orders(self) -> Ints:
        """Places of their setpoints among all setpoints `[K]`."""
        return np.concatenate([member.orders for member in self.all])

    @cached_property
    def nameplate(self) -> Offer:
        """Their ranges, without a price `[1, K]`."""
        low, high = (np.concatenate([getattr(member, end) for member in self.all])[None] for end in ("low_mw", "high_mw"))
        return make_offer(low, high)

    @property
    def entries(self) -> tuple[int, ...]:
        """Length of every action, without the price of a trade."""
        return tuple(self.vertical.entries(len(member.devices)) for member in self.all)

    @property
    def trades(self) -> bool:
        """Whether microgrids trade energy."""
        return self.horizontal.name == TRADING

    @property
    def agrees(self) -> bool:
        """Whether microgrids agree on a price before they act."""
        return self.horizontal.name == CONSENSUS


def make_members(config: MicrogridsConfig, ground: Ground) -> Members:
    """The members of a configuration; raises `ConfigError` for a scenario without areas, and for options that a protocol has not."""
    model = ground.model
    scenario = model.scenario
    if not scenario.areas:
        raise ConfigError(f"Scenario {scenario.name!r} has no areas: choose one with microgrids, such as three_microgrids.")
    vertical = make_vertical(config.vertical, **config.vertical_options)
    size = {"agents": len(scenario.areas)} if config.horizontal == CONSENSUS else {}
    horizontal = make_horizontal(config.horizontal, **size, **config.horizontal_options)
    moved = _moved(model)
    tree = role_tree({area.name: [device.name for device in moved[k]] for k, area in enumerate(scenario.areas)})
    names = ground.observer.names
    check_patterns(names, config.visibility)
    owner = owners(names, scenario, tree)
    members = []
    for k, area in enumerate(scenario.areas):
        device_names = tuple(device.name for device in moved[k])
        buses = [scenario.network.bus(bus) for bus in area.buses]
        members.append(
            Member(
                name=area.name,
                devices=np.array([device.place for device in moved[k]], dtype=np.int64),
                orders=np.array([device.order for device in moved[k]], dtype=np.int64),
                device_names=device_names,
                low_mw=np.array([device.low_mw for device in moved[k]], dtype=np.float64),
                high_mw=np.array([device.high_mw for device in moved[k]], dtype=np.float64),
                action_names=_action_names(vertical, horizontal, device_names),
                seen=visible(area.name, names, owner, tree, config.visibility),
                built_at=int(model.layout.bus_from_step[buses].max()),
            )
        )
    return Members(tuple(members), vertical, horizontal, _wishes(config, model), tree)


def _wishes(config: MicrogridsConfig, model: Model) -> dict[str, dict[str, float]]:
    """By kind; raises `ConfigError` for wishes of kinds that are not there."""
    found: dict[str, dict[str, float]] = {kind.name: {} for kind in model.kinds}
    if "storage" in found:
        found["storage"]["value_usd_per_mwh"] = model.scenario.rewards.price_usd_per_mwh
    problems = []
    for key, value in config.wishes.items():
        kind, _, term = key.partition(".")
        if kind in found and term:
            found[kind][term] = value
        else:
            problems.append(Problem(f"wishes.{key}", f"expected KIND.term of one of {', '.join(found)}"))
    if problems:
        raise ConfigError("The microgrids cannot be set up like this.", problems)
    return found


class _Moved(NamedTuple):
    """A device that can be moved."""

    name: str
    place: int
    order: int
    """Among the setpoints."""
    low_mw: float
    high_mw: float


def _moved(model: Model) -> list[list[_Moved]]:
    """Per area the devices whose power can be ordered."""
    found: list[list[_Moved]] = [[] for _ in model.scenario.areas]
    for entry in model.vector_controls.entries:
        if entry.verb.moves_branches or entry.reactive or entry.unit != "MW" or entry.high <= entry.low:
            continue
        place = model.slices[entry.kind].start + entry.index
        order = model.orders[entry.kind].start + entry.column
        area = model.layout.areas.device[place]
        low, high = sorted((entry.verb.sign * entry.low, entry.verb.sign * entry.high))
        if area >= 0:
            found[area].append(_Moved(entry.target, place, order, low, high))
    return [sorted(own, key=lambda one: one.place) for own in found]


def _action_names(vertical: VerticalProtocol, horizontal: HorizontalProtocol, devices: Sequence[str]) -> tuple[str, ...]:
    count = vertical.entries(len(devices))
    moves = tuple(f"{name}.setpoint_mw" for name in devices) if count == len(devices) else ("price_usd_per_mwh",) * count
    return (*moves, "trade.price_usd_per_mwh") if horizontal.name == TRADING else moves
