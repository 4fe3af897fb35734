"""Fourth check: would this leave the grid worse than doing nothing, as far as the forecast reaches?

*Worse* is the first difference in this order, beyond a tolerance; what comes later cannot make up for it:

1. survival: the grid goes down, and by doing nothing it would not;
2. energy not served over the horizon;
3. violation minutes over the horizon: minutes × components above rating, tripped, dark, or outside the voltage band.

So the better of two bad states passes, however bad it is. Reward, cost and curtailment are no reasons here: they are
the agent's to weigh.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.shield.case import Case
from gridpilot.units import MINUTES_PER_HOUR
from gridpilot.values import Candidate


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Differences that a forecast cannot tell apart."""

    unserved_mwh: float = 0.1
    violation_min: float = 5.0
    """One component for five minutes; at least one cycle, which is the finest that can be counted."""


def not_worse(case: Case) -> str:
    """Why the orders are worse than none; empty where they are not."""
    return worse(case.ordered, case.preview.nothing, tolerance_of(case))


def tolerance_of(case: Case) -> Tolerance:
    """The tolerance at the case's cycle length."""
    cycle_min = case.twin.model.dt_h * MINUTES_PER_HOUR
    allowed = Tolerance()
    return Tolerance(allowed.unserved_mwh, max(allowed.violation_min, cycle_min))


def worse(ordered: Candidate, nothing: Candidate, tolerance: Tolerance) -> str:
    """Why one candidate is worse than doing nothing, by the order above; empty where it is not."""
    if ordered.survives != nothing.survives:
        return "" if ordered.survives else "the grid would collapse, and without these orders it would not"
    unserved = ordered.unserved_mwh - nothing.unserved_mwh
    if abs(unserved) > tolerance.unserved_mwh:
        return _more("unserved energy", "MWh", ordered.unserved_mwh, nothing.unserved_mwh) if unserved > 0 else ""
    if violation_min(ordered) - violation_min(nothing) > tolerance.violation_min:
        return _more("violations", "min", violation_min(ordered), violation_min(nothing))
    return ""


def violation_min(candidate: Candidate) -> float:
    """Minutes × components outside their limits over the horizon."""
    return candidate.overload_min + candidate.voltage_min


def _more(what: str, unit: str, ordered: float, nothing: float) -> str:
    return f"{what} would be {ordered:.1f} {unit}, and {nothing:.1f} {unit} without these orders"
