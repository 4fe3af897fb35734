"""Frames of a made-up grid, for tests of what is drawn."""

from __future__ import annotations

from typing import Any

from gridpilot.cli.frame import BranchNow, BusNow, Frame, Totals
from gridpilot.values import REWARD_TERMS, Receipt

BUSES = (
    BusNow("B0-SUN", 1.00, 0.95, 1.05, 0.0, 0.0),
    BusNow("B1-CITY", 0.94, 0.95, 1.05, 1.0, 0.0),
    BusNow("B2-COAL", 1.04, 0.95, 1.05, 1.0, 1.0),
)
BRANCHES = (BranchNow("LN01", 0, 1, 0.86), BranchNow("LN12", 1, 2, 1.20), BranchNow("LN02", 0, 2, 0.0, "tripped"))
TERMS = dict.fromkeys(REWARD_TERMS, -0.5)


def receipt(**changes: Any) -> Receipt:
    return Receipt(**{"type": "STORAGE", "target": "BESS", "requested": -30.0, "applied": -30.0, "outcome": "applied", **changes})


def frame(**changes: Any) -> Frame:
    """Cycle 6 of 12, at half past midnight."""
    made: dict[str, Any] = {
        "scenario": "six-bus", "agent": "rules", "time": "2016-07-04T00:30", "cycle": 6, "cycles": 12, "max_loading": 1.2,
        "min_v_pu": 0.94, "max_v_pu": 1.04, "violations": 3, "curtailed_mw": 12.0, "unserved_mw": 0.0,
        "reward": -3.5, "terms": TERMS, "totals": Totals(reward=-7.0, terms=dict.fromkeys(REWARD_TERMS, -1.0)),
        "branches": BRANCHES, "buses": BUSES,
    }  # fmt: skip
    return Frame(**{**made, **changes})
