"""The microgrids of an environment: what each of them moves, and what it sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from gridpilot.envs.microgrids.orders import Direct, Own, orderable
from gridpilot.envs.microgrids.visibility import check_patterns, owners, visible
from gridpilot.errors import ConfigError, Problem
from gridpilot.twin.model import Model
from gridpilot.values import Floats, Ints

TRADING, CONSENSUS = "trading", "consensus"


class Entries(NamedTuple):
    """Of an action: what the vertical protocol reads, direct orders, and the price of a trade."""

    names: tuple[str, ...]
    device: Ints
    """Which device of the microgrid, −1 for a price `[entries]`."""
    order: Ints
    """Place among all setpoints, −1 for a price."""
    low: Floats
    high: Floats
    """What −1 and 1 order, in the unit of the name; of a price −1 and 1 themselves."""


@dataclass(frozen=True, eq=False)
class Member:
    """One microgrid."""

    name: str
    own: Own
    """What it can order of its devices."""
    action: Entries
    seen: Ints
    """Places of the features that it sees in the full observation."""
    built_at: int
    """Step from which it is there."""

    @property
    def devices(self) -> Ints:
        """The devices that it moves, in the flat order of all kinds `[k]`."""
        return self.own.devices

    @property
    def action_names(self) -> tuple[str, ...]:
        """What the entries of its action are."""
        return self.action.names

    @cached_property
    def powers(self) -> Ints:
        """Those of them whose MW the vertical protocol coordinates `[c]`."""
        return self.own.devices[self.own.powers]

    @cached_property
    def power_orders(self) -> Ints:
        """Places of their setpoints in MW among all setpoints `[c]`."""
        return self.own.orders[self.own.powers]


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
    def powers(self) -> Ints:
        """Those of them whose MW the vertical protocol coordinates `[C]`."""
        return np.concatenate([member.powers for member in self.all])

    @cached_property
    def power_orders(self) -> Ints:
        """Places of the setpoints in MW that the vertical protocol coordinates among all setpoints `[C]`."""
        return np.concatenate([member.power_orders for member in self.all])

    @cached_property
    def nameplate(self) -> Offer:
        """Ranges of those, without a price `[1, C]`."""
        low, high = (np.concatenate([getattr(member.own, end) for member in self.all])[None] for end in ("low_mw", "high_mw"))
        return make_offer(low, high)

    @cached_property
    def direct(self) -> Direct:
        """The direct orders of all; `device` counts within each microgrid `[E]`."""
        names, *arrays = zip(*(member.own.direct for member in self.all), strict=True)
        return Direct(tuple(name for own in names for name in own), *map(np.concatenate, arrays))

    @property
    def entries(self) -> tuple[int, ...]:
        """Length of every action, without the price of a trade."""
        return tuple(self.coordinated(member) + len(member.own.direct.names) for member in self.all)

    def coordinated(self, member: Member) -> int:
        """How many entries of its action the vertical protocol reads; direct orders come after them."""
        return self.vertical.entries(len(member.own.powers))

    def told(self, member: Member) -> int:
        """How many of its devices hear a setpoint, a price or a direct order in a step."""
        coordinated = member.own.powers.tolist() if self.vertical.entries(2) else []
        return len({*coordinated, *member.own.direct.device.tolist()})

    @cached_property
    def columns(self) -> tuple[Ints, Ints]:
        """Of all actions side by side, without prices of trades, the entries that the vertical protocol reads, and the direct orders."""
        first = np.cumsum([0, *self.entries])
        split = [start + self.coordinated(member) for start, member in zip(first[:-1].tolist(), self.all, strict=True)]
        ends = list(zip(first[:-1].tolist(), split, first[1:].tolist(), strict=True))
        read = [k for start, middle, _ in ends for k in range(start, middle)]
        return np.array(read, dtype=np.int64), np.array([k for _, middle, end in ends for k in range(middle, end)], dtype=np.int64)

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
    own = orderable(model, config.orders)
    tree = role_tree({area.name: own[k].names for k, area in enumerate(scenario.areas)})
    names = ground.observer.names
    check_patterns(names, config.visibility)
    owner = owners(names, scenario, tree)
    members = []
    for k, area in enumerate(scenario.areas):
        buses = [scenario.network.bus(bus) for bus in area.buses]
        members.append(
            Member(
                name=area.name,
                own=own[k],
                action=_action(vertical, horizontal, own[k]),
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
    if "ev" in found:
        found["ev"]["willing_usd_per_mwh"] = model.scenario.rewards.price_usd_per_mwh
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


def _action(vertical: VerticalProtocol, horizontal: HorizontalProtocol, own: Own) -> Entries:
    direct, price = own.direct, ("price_usd_per_mwh", -1, -1, -1.0, 1.0)
    powers = zip(own.powers.tolist(), own.low_mw.tolist(), own.high_mw.tolist(), strict=True)
    found: list[tuple[str, int, int, float, float]] = [price] * vertical.entries(len(own.powers))
    if vertical.entries(2) == 2:  # one per device
        found = [(f"{own.names[k]}.setpoint_mw", k, int(own.orders[k]), low, high) for k, low, high in powers]
    beside = (column.tolist() for column in (direct.device, direct.order, direct.low, direct.high))
    found += zip(direct.names, *beside, strict=True)
    if horizontal.name == TRADING:
        found.append((f"trade.{price[0]}", *price[1:]))
    names, *columns = zip(*found, strict=True) if found else ((), (), (), (), ())
    device, order = (np.array(column, dtype=np.int64) for column in columns[:2])
    low, high = (np.array(column, dtype=np.float64) for column in columns[2:])
    return Entries(names, device, order, low, high)


def side_by_side(lengths: Iterable[int]) -> list[slice]:
    """Places of parts of these lengths that stand one after the other."""
    ends = np.cumsum(list(lengths)).tolist()
    return [slice(first, end) for first, end in zip([0, *ends[:-1]], ends, strict=True)]
