"""What a state's tap changers and capacitor banks make of the network, for whoever asks its power flow again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.network import Network
from gridpilot.powerflow.adjusted import adjusted_network
from gridpilot.twin.model import Model
from gridpilot.values import Floats, GridState


class Positions(NamedTuple):
    """Arguments of `PowerFlow.solve`; None where no device does any."""

    tap: Floats | None
    """`[B, m]`."""
    bank_mvar: Floats | None
    """`[B, n]`."""


def positions_of(model: Model, state: GridState) -> Positions:
    """Ratios and banks of the cycle just passed."""
    layout, found = model.layout, []
    for kind in model.kinds:
        devices = state.devices[kind.name]
        if kind.adjust is None:
            found.append(np.zeros((state.batch, len(model.scenario.tables[kind.name]))))
        else:
            here = np.ones(devices.position.shape, dtype=np.bool_)
            found.append(kind.adjust(model.parameters(kind.name), devices, devices.position, here, model.dt_h))
    adjusted = np.concatenate(found, axis=1)
    tap, bank_mvar = None, None
    if len(layout.tap_device):
        tap = np.tile(layout.tap, (state.batch, 1))
        tap[:, layout.tap_branch] *= adjusted[:, layout.tap_device]
    if len(layout.bank_device):
        bank_mvar = np.zeros((state.batch, len(layout.base_kind)))
        np.add.at(bank_mvar.T, layout.bus[layout.bank_device], adjusted[:, layout.bank_device].T)
    return Positions(tap, bank_mvar)


def network_of(model: Model, state: GridState, element: int) -> Network:
    """The network of one element at its positions."""
    tap, bank_mvar = positions_of(model, state)
    network = model.scenario.network
    if tap is None and bank_mvar is None:
        return network
    return adjusted_network(network, None if tap is None else tap[element], None if bank_mvar is None else bank_mvar[element])
