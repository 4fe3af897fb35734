"""STORAGE: a battery charges or discharges, a charging point charges."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="STORAGE",
    kinds=("storage", "ev"),
    parameter="setpoint_mw",
    sign=-1.0,
    orders_q=True,
    summary="Charge at this power in MW (negative discharges: -30 discharges 30 MW); held until changed or empty or full.",
)
