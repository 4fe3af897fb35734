"""A small scenario's controls, and a situation in which every order can be followed."""

from __future__ import annotations

import numpy as np
import pytest

from gridpilot.actions import Controls, Situation, make_controls
from gridpilot.devices import DeviceTable

NAMES = {
    "generator": ("GAS", "COAL"),
    "storage": ("BESS-SUBURB",),
    "load": ("B4-SUBURB",),
    "solar": ("B0-SOLAR",),
    "wind": ("B3-WIND",),
}
HIGH = {"generator": [250.0, 0.0], "storage": [50.0], "load": [20.0], "solar": [160.0], "wind": [180.0]}
LOW = {"generator": [0.0, 0.0], "storage": [-50.0], "load": [-20.0], "solar": [0.0], "wind": [0.0]}
LINES = ("LN03", "LN14", "LN25")


@pytest.fixture(scope="session")
def controls() -> Controls:
    """COAL is the slack unit: its range is a point, and no order names it."""
    tables = {kind: DeviceTable(kind, names, np.zeros(len(names), dtype=np.int64), ()) for kind, names in NAMES.items()}
    ranges = {kind: (np.array(LOW[kind]), np.array(HIGH[kind])) for kind in NAMES}
    return make_controls(tables, ranges, [(name, k) for k, name in enumerate(LINES)])


@pytest.fixture(scope="session")
def now() -> Situation:
    return Situation(
        devices={"generator": np.array([110.0, 80.0]), "storage": np.zeros(1), "load": np.zeros(1), "solar": np.array([160.0]),
                 "wind": np.array([180.0])},
        low={kind: np.array(low) for kind, low in LOW.items()},
        high={kind: np.array(high) for kind, high in HIGH.items()},
        present={kind: np.ones(len(names), dtype=np.bool_) for kind, names in NAMES.items()},
        closed=np.array([True, True, False]),
        faulted=np.zeros(3, dtype=np.bool_),
        lockout_h=np.zeros(3),
        branch_active=np.ones(3, dtype=np.bool_),
    )  # fmt: skip
