"""One environment of each kind on the six-bus grid, small enough to be run many times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridpilot.envs import GridEnv

CYCLES = 36


@pytest.fixture
def env() -> GridEnv:
    return GridEnv(scenario="six_bus", cycles=CYCLES)


@pytest.fixture
def actions() -> Any:
    """Random actions `[CYCLES, d]` of the six-bus grid."""
    width = len(GridEnv(scenario="six_bus", cycles=CYCLES).action_names)
    return np.random.default_rng(5).uniform(-1, 1, (CYCLES, width)).astype(np.float32)
