"""Devices of an agent take over where they stood, and refuse the states of others."""

from __future__ import annotations

import numpy as np
import pytest

from gridpilot.agents.grid import KindSheet
from gridpilot.agents.grid.changes import Changes
from gridpilot.agents.grid.devices import OwnDevices
from gridpilot.devices import device_kind
from gridpilot.errors import MessageError


def two_batteries() -> OwnDevices:
    row = {"p_max_mw": 0.5, "energy_max_mwh": 2.0, "initial_mwh": 1.0}
    parameters = {name: np.asarray(values).tolist() for name, values in device_kind("storage").from_rows([row, row])._asdict().items()}
    return OwnDevices([KindSheet("storage", ["A", "B"], parameters, {})], 0.25, Changes())


def test_states_that_are_told_are_taken() -> None:
    devices, other = two_batteries(), two_batteries()
    told = [[[value + 0.25 for value in table] for table in tables] for tables in devices.states]
    other.take_states(told)
    assert other.states == told


def test_states_of_other_kinds_fields_or_devices_are_refused_whole() -> None:
    devices = two_batteries()
    [tables] = before = devices.states
    moved = [[value + 0.25 for value in tables[0]], *tables[1:]]
    for states in ([], [tables, tables], [moved[:-1]], [[*moved, [0.0, 0.0]]], [[*moved[:-1], [0.0]]]):
        with pytest.raises(MessageError, match="field by field of each kind") as raised:
            devices.take_states(states)
        assert raised.value.reason == "payload"
        assert devices.states == before
