"""`GridAgent`: the controller of a microgrid, which owns its devices and answers an environment.

It sees messages and nothing else: no network, no power flow, no other microgrid. What it says to its devices and what they
answer passes through the codec, message by message, wherever they are.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec.structs import replace

from gridpilot.agents.coordination.offers import Offer, make_offer
from gridpilot.agents.coordination.vertical import VerticalProtocol, between, make_vertical
from gridpilot.agents.grid.changes import Changes
from gridpilot.agents.grid.dealing import OwnPrice, Purse
from gridpilot.agents.grid.devices import OwnDevices
from gridpilot.agents.grid.dialogue import (
    PHASES,
    Account,
    Act,
    Agree,
    Begin,
    Cleared,
    Closed,
    Metered,
    Network,
    Progress,
    Receipt,
    Report,
    Setpoint,
    Sheet,
    Unclosed,
)
from gridpilot.agents.grid.watch import OFF_GRID, Watch
from gridpilot.errors import MessageError
from gridpilot.messages.steps import Question
from gridpilot.values import Floats, Ints

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Setpoint).decode


class GridAgent:
    """One microgrid's controller; `answer` is its side of the step protocol."""

    def __init__(self, role: str, changes: Changes | None = None, watch: Watch | None = None) -> None:
        """`changes` are parameters of its devices in the place of those that it is told; `watch` is asked whether orders still count."""
        self.role = role
        self.watch = watch or Watch(role)
        self._changes = changes or Changes()
        self._sheet: Sheet | None = None
        self._devices: OwnDevices
        self._vertical: VerticalProtocol
        self._nameplate: Offer
        self._orders: Floats
        """All setpoints of its devices `[1, O]`."""
        self._powers: Ints
        """Devices whose MW the vertical protocol coordinates `[c]`."""
        self._power_names: list[str] = []
        self._power_places: Ints
        """Their names, and places of their setpoints among all."""
        self._adjusting: list[int] = []
        """Devices that change the grid beside what they exchange with it."""
        self._price: OwnPrice
        self._purse: Purse
        self._closed: dict[int, Floats] = {}
        """Outcomes of the steps that the environment may not know to be closed."""

    def answer(self, question: Question) -> object:
        """The reply to a request; raises `MessageError` for a phase that there is none of, or one out of turn."""
        phase = question.at.phase.partition("-")[0]
        if phase in ("begin", "resume"):
            return self.begin(question.read(Begin))
        self.watch.renew(question.valid_until)
        if self._sheet is None or phase not in PHASES:
            raise MessageError("phase", f"{self.role} was asked for {phase!r}; expected 'begin' first, then {', '.join(PHASES[2:])}.")
        match phase:
            case "act":
                return self.act(question.read(Act))
            case "settle":
                return self.settle(question.read(Network))
            case "proceed":
                return self.proceed(question.read(Act))
            case "agree":
                return self._price.tell(question.read(Agree))
            case "trade":
                return self._purse.order(question.read(Metered))
            case _:
                return self._purse.book(question.read(Cleared))

    def begin(self, message: Begin) -> list[Report]:
        """Take the devices over, at their initial states or where they stand; raises `ConfigError` where a change fits none of them."""
        sheet = message.sheet
        self._devices = OwnDevices(sheet.kinds, sheet.dt_h, self._changes)
        self._changes.begun(self.role)
        self._vertical = make_vertical(sheet.vertical, **sheet.options)
        self._nameplate = make_offer(np.array([sheet.low_mw]), np.array([sheet.high_mw]))
        self._sheet, self._closed = sheet, {}
        self.watch.begin(sheet.hold_s)
        left = set(sheet.uncoordinated)
        self._powers = np.array([k for k in range(len(self._devices.names)) if k not in left], dtype=np.int64)
        self._power_names = [self._devices.names[k] for k in self._powers.tolist()]
        self._power_places = self._devices.first[self._powers]
        self._adjusting = np.flatnonzero(self._devices.adjusts).tolist()
        self._orders = self._devices.initial_orders
        self._price, self._purse = OwnPrice(sheet.weights), Purse(Account())
        if message.standing is not None:
            self._orders = self._all_orders(message.standing.order_mw, message.standing.order_mvar)
            self._devices.take_states(message.standing.states)
            self._purse = Purse(message.standing.account)
        return self._reports(message.present, message.weather)

    def act(self, message: Act) -> list[Report]:
        """Close what is left of steps before, order the devices, and pass on what they report."""
        backlog = {unclosed.step for unclosed in message.backlog}
        self._closed = {step: outcomes for step, outcomes in self._closed.items() if step in backlog}
        for unclosed in message.backlog:
            self._close_late(unclosed)
        offer = self._nameplate if not self._vertical.asks_offers else self._offer(message)
        self._order(np.array([self._moves(message)]), offer)
        return self._reports(message.present, message.weather)

    @property
    def in_force_mw(self) -> list[float]:
        """The orders that its devices follow now; 0 for all once they are off the grid."""
        orders: list[float] = self._orders[0, self._devices.first].tolist()
        return [0.0] * len(orders) if self.watch.doing == OFF_GRID else orders

    def proceed(self, message: Act) -> Progress:
        """As `act`, with what the steps before came to."""
        reports = self.act(message)
        closed = [Closed(step, outcomes[:, 0].tolist()) for step, outcomes in self._closed.items()]
        return Progress(reports, closed, self._devices.states)

    def settle(self, message: Network) -> Receipt:
        """Let the devices book what they really exchanged."""
        real_mw = np.array([message.real_mw])
        if message.first:
            self._devices.stand_at(real_mw)
            return Receipt(outcomes=[], states=self._devices.states)
        outcomes = own = self._devices.settle(real_mw)
        for late in self._closed.values():
            outcomes = outcomes + late
        self._closed[message.step] = own
        return Receipt(outcomes=outcomes[:, 0].tolist(), states=self._devices.states)

    def _close_late(self, unclosed: Unclosed) -> None:
        """Book a step once, under the orders that were in force as the grid saw it."""
        if unclosed.step in self._closed:
            return
        self.watch.compare(unclosed.off_grid, unclosed.at_s)
        orders = self._all_orders(unclosed.order_mw, unclosed.order_mvar)
        self._devices.inject(orders, np.array([unclosed.weather]), np.array([unclosed.present]))
        self._closed[unclosed.step] = self._devices.settle(np.array([unclosed.real_mw]))

    def _moves(self, message: Act) -> list[float]:
        """The entries of an action that move devices, after an agreement has changed them; raises `MessageError` for an empty one."""
        sheet = self._sheet
        assert sheet is not None  # held by `answer`
        if (sheet.trades or sheet.weights) and not message.action:
            raise MessageError("payload", f"The action of {self.role} is empty; expected a price in it.")
        if sheet.trades:
            self._purse.entry = message.action[-1]
            return message.action[:-1]
        if sheet.weights:
            return [self._price.conclude(message.step, message.action[0], message.heard), *message.action[1:]]
        return message.action

    def _all_orders(self, order_mw: list[float], order_mvar: list[float]) -> Floats:
        """All setpoints where the environment says them device by device; it says no Mvar where it orders none."""
        orders = self._orders.copy()
        orders[0, self._devices.first] = order_mw
        for place, mvar in zip(self._devices.mvar.tolist(), order_mvar, strict=False):
            if place >= 0:
                orders[0, place] = mvar
        return orders

    def _offer(self, message: Act) -> Offer:
        return self._devices.offer(np.array([message.weather]), np.array([message.present]), self._powers)

    def _order(self, action: Floats, offer: Offer) -> None:
        """Say to every device what an action `[1, entries]` means for it; what it hears becomes its orders."""
        sheet, places = self._sheet, self._power_places
        assert sheet is not None  # held by `answer`
        entries = self._vertical.entries(len(self._powers))
        told = self._vertical.tell(action[:, :entries], offer)
        said = [Setpoint(name, value) for name, value in zip(self._power_names, told[0].tolist(), strict=False)]
        heard = self._directly(said, action[0, entries:].tolist()) if sheet.direct else [_passed_on(setpoint).told for setpoint in said]
        reached = np.array([heard], dtype=np.float64)
        self._orders[:, places] = self._vertical.answer(reached, offer, self._orders[:, places])

    def _directly(self, said: list[Setpoint], action: list[float]) -> list[float | None]:
        """Say direct orders too, in the same message where a device has one; what the devices of `said` heard there."""
        sheet, devices = self._sheet, self._devices
        assert sheet is not None  # held by `answer`
        messages = dict(zip(self._powers.tolist(), said, strict=False))
        for order, value in zip(sheet.direct, action, strict=True):
            before = messages.get(order.device) or Setpoint(devices.names[order.device], None)
            meant = float(between(np.array(value), order.low, order.high))
            messages[order.device] = replace(before, q_mvar=meant) if order.reactive else replace(before, told=meant)
        heard = {k: _passed_on(setpoint) for k, setpoint in messages.items()}
        for order in sheet.direct:
            place = devices.mvar[order.device] if order.reactive else devices.first[order.device]
            if place >= 0:  # a device may have been given other parameters than the environment knows, and take no such order
                self._orders[0, place] = heard[order.device].q_mvar if order.reactive else heard[order.device].told
        return [heard[k].told for k in self._powers[: len(said)].tolist()]

    def _reports(self, present: list[bool], weather: list[float]) -> list[Report]:
        devices, orders = self._devices, self._orders[0]
        p_mw, q_mvar, adjusted = (own[0].tolist() for own in devices.inject(self._orders, np.array([weather]), np.array([present])))
        reports = [Report(*own) for own in zip(devices.names, orders[devices.first].tolist(), p_mw, q_mvar, strict=True)]
        for k in self._adjusting:
            reports[k] = replace(reports[k], adjusted=adjusted[k])
        for order in self._sheet.direct if self._sheet is not None else ():
            if order.reactive:
                place = int(devices.mvar[order.device])
                reports[order.device] = replace(reports[order.device], order_mvar=float(orders[place]) if place >= 0 else 0.0)
        return reports


def _passed_on(said: Setpoint) -> Setpoint:
    """What a device hears: the message of its grid agent, encoded and decoded."""
    return _decode(_encode(said))
