"""A grid that went down: nothing is energised, and nothing flows."""

from __future__ import annotations

import numpy as np

from gridpilot.twin.balance import Prepared
from gridpilot.twin.model import Model
from gridpilot.values import OFF, Flow


def dark(model: Model, now: Prepared) -> Flow:
    """The flow of elements whose grid went down."""
    nothing = np.zeros(now.p_bus_mw.shape)
    return model.engine.solve(nothing, nothing, kind=np.full_like(now.kind, OFF), v_set_pu=now.v_set_pu, closed=now.closed)
