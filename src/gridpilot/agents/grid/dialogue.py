"""What an environment and grid agents say to each other in a step.

    act      environment → grid agent     action, weather, who is in service          1 per grid agent
             grid agent → device agents   setpoint or price                           1 per device
             device agents → environment  order, power                                1 per device
    settle   environment → grid agent     what devices really exchanged               1 per grid agent

are the logical messages of a step. What travels is less, because everything for one process shares a message. The reply
to `settle` closes the step: what it cost, and the devices' states. An episode begins with `begin` in the place of `act`;
`resume` gives an agent that was started in the middle of one the states that its devices were last known in.

Grid agents deal with each other by letters that the environment carries, and it decides nothing in between:

    agree-r  grid agent → its neighbours  the price it holds in round r, before act   1 per neighbour
    trade    meter → grid agent           energy over its tie in the step             1 per grid agent
             grid agent → market          its order                                   1 per grid agent
    cleared  market → grid agent          what it has bought or sold, and for what    1 per grid agent

An agent mixes what it hears of its neighbours by itself, and keeps an account of its own of what it trades.

An environment that waits for nobody asks `proceed` in the place of `act` and `settle`: the newest answer counts, whenever it comes,
and steps are closed by the backlog alone.

Where messages may be missed, an environment keeps a backlog of the steps that an agent has not closed, and sends it with the
next `act`: the agent books each of them once, and its next receipt has what they cost.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

PHASES: Final = ("begin", "resume", "agree", "act", "settle", "proceed", "trade", "cleared")
"""Rounds of an agreement are phases of their own: `agree-1`, `agree-2`, …"""
MAX_DEVICES: Final = 4096

Name = Annotated[str, Meta(max_length=200)]
Numbers = Annotated[list[float], Meta(max_length=4 * MAX_DEVICES)]
Flags = Annotated[list[bool], Meta(max_length=MAX_DEVICES)]
Table = list[Numbers]
Letters = Annotated[list[float | None], Meta(max_length=MAX_DEVICES)]


class KindSheet(Struct, frozen=True, forbid_unknown_fields=True):
    """Devices of one kind."""

    kind: Name
    names: Annotated[list[Name], Meta(max_length=MAX_DEVICES)]
    parameters: dict[str, list[float | list[float]]]
    """Fields of the kind's parameters `[n]` or `[n, k]`."""
    wishes: dict[str, float]
    """What their owner wants when a price is signalled."""


class DirectOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What a grid agent may order of a device beside MW; no vertical protocol coordinates it."""

    device: int
    """Which one, among the devices."""
    reactive: bool
    """Whether it is an order for Mvar; else for a position or for steps."""
    low: float
    high: float
    """Nameplate range."""


class Sheet(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a grid agent is told of itself: its devices, and how it moves them."""

    role: Name
    dt_h: float
    kinds: list[KindSheet]
    vertical: Name
    options: dict[str, float]
    """Of the vertical protocol."""
    low_mw: Numbers
    high_mw: Numbers
    """Nameplate range of the devices' setpoints in MW, kinds one after the other."""
    direct: Annotated[list[DirectOrder], Meta(max_length=2 * MAX_DEVICES)] = []
    """In the order of the action, in which they come after what the vertical protocol reads."""
    uncoordinated: Annotated[list[int], Meta(max_length=MAX_DEVICES)] = []
    """Devices whose MW nobody orders: they have no range above."""
    weights: Numbers = []
    """What each neighbour's price counts in a round of an agreement, neighbours in their order."""
    trades: bool = False
    """Whether the last entry of its actions is the price of a trade."""
    hold_s: float | None = None
    """For how long after the `valid_until` of the last question devices follow their orders, before they leave the grid; null where time
    stands still between steps, and for agents in the environment's own process."""


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent has traded since its episode began; sums of exact numbers, so that they are exact."""

    step: int = -1
    """The last one with a trade in it."""
    bought_mwh: float = 0.0
    sold_mwh: float = 0.0
    paid_usd: float = 0.0
    """Fees and charges in it; negative where more was received."""


class Standing(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where devices stand in the middle of an episode."""

    order_mw: Numbers
    """First setpoints: MW, positions or steps."""
    states: list[Table]
    """As in a receipt."""
    account: Account = Account()
    order_mvar: Numbers = []
    """Orders for reactive power, 0 where a device takes none; empty where none is ordered."""


class Begin(Struct, frozen=True, forbid_unknown_fields=True):
    """An episode begins: all devices at their initial states and orders. Or it goes on, where they stand."""

    sheet: Sheet
    present: Flags
    """Whether devices are in service."""
    weather: Numbers
    """What the devices' own sensors measure: their series, kind by kind, series by series."""
    standing: Standing | None = None


class Unclosed(Struct, frozen=True, forbid_unknown_fields=True):
    """A step that the agent has not closed, as far as the environment knows."""

    step: int
    present: Flags
    weather: Numbers
    real_mw: Numbers
    order_mw: Numbers
    """The orders that devices were taken to follow."""
    off_grid: bool = False
    """Whether devices were taken to have left the grid, as their orders were no longer valid."""
    at_s: float = 0.0
    """When that was found, by the clock of `valid_until`."""
    order_mvar: Numbers = []
    """As in `Standing`."""


class Act(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Decide, and order the devices."""

    step: int
    action: Numbers
    present: Flags
    weather: Numbers
    backlog: list[Unclosed] = []
    """Steps before, oldest first."""
    heard: Letters = []
    """What neighbours said in the last round of the step's agreement; empty where the agent had no part in it."""


class Agree(Struct, frozen=True, forbid_unknown_fields=True):
    """Say which price you hold now. The answer is that number."""

    step: int
    price: float
    """The entry of its action for this step, with which it begins."""
    heard: Letters
    """What neighbours said in the round before, null of those who said nothing; empty in the first."""


class Setpoint(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From the grid agent to one of its devices."""

    device: Name
    told: float | None
    """MW, or USD/MWh where the protocol is a price; a position or steps. None where nothing of the kind is said."""
    q_mvar: float | None = None
    """Reactive power, where it is ordered."""


class Report(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From a device."""

    device: Name
    order_mw: float
    """The setpoint that it follows as far as it can: MW, a position or steps."""
    p_mw: float
    q_mvar: float
    order_mvar: float | None = None
    """The order for reactive power that it follows as far as it can, where there is one."""
    adjusted: float | None = None
    """Of a tap changer the ratio over the network's, of a bank Mvar at 1 pu."""


class Network(Struct, frozen=True, forbid_unknown_fields=True):
    """What the grid made of it."""

    step: int
    real_mw: Numbers
    """What each device exchanged."""
    first: bool
    """The first state of an episode: nothing has been consumed or paid yet."""


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """A step is closed."""

    outcomes: Table
    """The fields of `gridpilot.devices.Outcome`, and how far a device is beyond what it is meant for, device by device, of the step
    and of the backlog; empty in the first state."""
    states: list[Table]
    """Per kind the fields of its state, device by device; flags as 0 and 1."""


class Closed(Struct, frozen=True, forbid_unknown_fields=True):
    """What a step of the backlog came to."""

    step: int
    outcomes: Table
    """As in a receipt, of this step alone."""


class Progress(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to `proceed`: an `Act` of an environment that waits for nobody, and closes steps by the backlog alone."""

    reports: list[Report]
    closed: list[Closed]
    """All steps of the backlog."""
    states: list[Table]
    """As in a receipt, after the last of them."""


class Metered(Struct, frozen=True, forbid_unknown_fields=True):
    """Energy over the microgrid's tie in a step. The answer is an `Order`."""

    step: int
    bought_mwh: float
    sold_mwh: float


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """What a grid agent would buy up to which price, and sell from which price on."""

    bid_usd_per_mwh: float
    bid_mwh: float
    offer_usd_per_mwh: float
    offer_mwh: float


class Trade(Struct, frozen=True, forbid_unknown_fields=True):
    """What came of an order."""

    step: int
    bought_mwh: float
    sold_mwh: float
    price_usd_per_mwh: float
    """Of the energy alone."""
    paid_usd: float
    """Fees and charges in it; negative where it was received."""


class Cleared(Struct, frozen=True, forbid_unknown_fields=True):
    """Trades that the agent may not know of yet, oldest first. The answer is its `Account`."""

    trades: list[Trade]
