"""From the actions of grid agents to the orders of their devices, all in this process."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from gridpilot.agents.coordination.offers import Offer, join, offer_kind
from gridpilot.agents.coordination.vertical import coordinate
from gridpilot.envs.microgrids.members import Members
from gridpilot.envs.microgrids.orders import give
from gridpilot.twin.memory import Memory, Piece
from gridpilot.twin.model import Model
from gridpilot.values import Floats, Ints


class Steering:
    """Orders by the vertical protocol of some members."""

    def __init__(self, model: Model, members: Members) -> None:
        self._model, self._members = model, members
        self._kinds = [kind.name for kind in model.kinds if _has_any(members.powers, model.slices[kind.name])]
        flat = np.concatenate([np.arange(model.n_devices)[model.slices[kind]] for kind in self._kinds])
        self._place = {int(device): k for k, device in enumerate(flat)}

    def order_ahead(self, memory: Memory, actions: Floats) -> None:
        """Write the orders of all members, where their protocol needs no more than nameplate ranges; `actions` `[B, E]`.

        All members at once: entries are the devices', one after the other, and none depends on another.
        """
        members, orders = self._members, memory.blocks.view("orders")
        own, said = members.power_orders, self._direct(actions, orders)
        told = members.vertical.tell(said, members.nameplate)
        orders[:, own] = members.vertical.answer(told, members.nameplate, orders[:, own])

    def order_within(self, piece: Piece, actions: Floats) -> None:
        """Write the orders of a piece's elements by what devices can do in this very cycle; `actions` `[B, E]` of the whole batch."""
        offer, orders = self._offers(piece), piece.grids.state.orders
        read, first = self._direct(actions[piece.first : piece.end], orders), 0
        for member in self._members.all:
            entries = self._members.coordinated(member)
            mine, own = self._of(offer, member.powers), member.power_orders
            said, first = read[:, first : first + entries], first + entries
            orders[:, own] = coordinate(self._members.vertical, said, mine, orders[:, own])

    def _direct(self, actions: Floats, orders: Floats) -> Floats:
        """Write the direct orders; returns the entries that the vertical protocol reads."""
        read, direct = self._members.columns
        if not len(direct):
            return actions
        give(self._members.direct, actions[:, direct], orders)
        return actions[:, read]

    @cached_property
    def _wishes(self) -> dict[str, Any]:
        """The terms of all devices' owners, by kind; raises `UnknownNameError` for a kind without an offer."""
        found = {}
        for kind in self._kinds:
            devices = self._model.slices[kind]
            found[kind] = offer_kind(kind).from_rows([self._members.wishes[kind]] * (devices.stop - devices.start))
        return found

    def _of(self, offer: Offer, devices: Ints) -> Offer:
        places = [self._place[int(device)] for device in devices]
        return Offer(*(values[:, places] for values in offer))

    def _offers(self, piece: Piece) -> Offer:
        """What all devices of the members' kinds can do, and at which price `[b, n]`."""
        model, state = self._model, piece.grids.state
        states: dict[str, Any] = {kind.name: own for kind, own in zip(model.kinds, piece.states, strict=True)}
        found = []
        for kind in model.kinds:
            if kind.name not in self._kinds:
                continue
            offers, own, devices = offer_kind(kind.name), model.parameters(kind.name), model.slices[kind.name]
            weather = np.ascontiguousarray(state.exogenous[:, model.columns[kind.name]])
            present = np.ascontiguousarray(piece.grids.work.in_service[:, devices])
            low, high = kind.bounds(own, states[kind.name], weather, present, model.dt_h)
            n = devices.stop - devices.start
            # Bounds of orders for reactive power come after those for MW.
            found.append(offers.make(own, states[kind.name], self._wishes[kind.name], weather, low[:, :n], high[:, :n], model.dt_h))
        return join(found)


def _has_any(devices: Ints, columns: slice) -> bool:
    return bool(((devices >= columns.start) & (devices < columns.stop)).any())
