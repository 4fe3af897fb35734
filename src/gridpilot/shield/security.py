"""Fifth check: would the grid stand the loss of one more branch less well than by doing nothing?

Compared is N-1 after the first cycle of the outlook, with and without the orders. The measure is the load that an outage takes
down at once, summed over all outages as a share of the grid's load: the load of buses that are cut off, after relays have
opened every branch above the hard limit and until that has come to rest; all of it where there is no solution. An overload that
relays bear for a while is no reason, nor is one whose opening costs no load: then there is time, or nothing to lose.

What happens without an outage comes before what an outage would do. So N-1 is asked of a grid that stands inside its limits:
where doing nothing leads to violations, or to worse by `preview.worse` than the orders do, they pass, whatever they cost in
N-1 (the emergency state of T. E. Dy Liacco, "The adaptive reliability control system", IEEE Trans. PAS-86 (1967)). A grid that
is not N-1 secure can be operated: only what makes it less secure than it is, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridpilot.powerflow.cascade import Cascade
from gridpilot.powerflow.contingency import Security
from gridpilot.shield.case import Case
from gridpilot.shield.preview import tolerance_of, violation_min, worse
from gridpilot.values import Floats, GridState

NOTHING, ORDERED = 0, 1
"""Elements of the states that are compared."""
LEAST_LOAD_MW = 1e-6
"""A grid without load loses none."""


@dataclass(frozen=True, slots=True)
class SecurityTolerance:
    """Differences that do not make a grid less secure."""

    lost_share: float = 0.05
    """Of the grid's load: where demand is moves by as much without making anything more fragile."""
    loading: float = 0.1
    """Ten percent of a branch's rating, by which relays open later under the orders than without them: a forecast does not
    know on which side of the hard limit a branch will be."""


def secure_as_before(case: Case) -> str:
    """Why the orders make the grid less secure against the loss of a branch; empty where they do not."""
    nothing, tolerance = case.preview.nothing, tolerance_of(case)
    if not nothing.survives or violation_min(nothing) > tolerance.violation_min or worse(nothing, case.ordered, tolerance):
        return ""
    states = case.twin.next_states(case.state, [case.actions])
    if not states.flow.usable.all() or states.collapsed.any():
        return ""  # a matter of the check before
    return less_secure(case, states)


def less_secure(case: Case, states: GridState, tolerance: SecurityTolerance | None = None) -> str:
    """Why the second of two states is less secure than the first; empty where it is not."""
    allowed = tolerance or SecurityTolerance()
    hard_limit = case.twin.model.scenario.protection.hard_limit
    found = case.twin.security(states)
    ended = case.twin.aftermath(states, found, np.array([hard_limit, hard_limit + allowed.loading]))
    share = ended.lost_load_mw / np.maximum(case.twin.load_mw(states), LEAST_LOAD_MW)[:, None]
    more = share[ORDERED] - share[NOTHING]
    return _sentence(case, found, ended, more) if more.sum() > allowed.lost_share else ""


def _sentence(case: Case, found: Security, ended: Cascade, more: Floats) -> str:
    """The outage that makes the largest difference, and what it would do."""
    network, k = case.twin.model.scenario.network, int(more.argmax())
    outage = found.outages.name(network, k)
    lost_mw = ended.lost_load_mw[:, k]
    cut = f"{lost_mw[ORDERED]:.1f} MW would be cut off, and {lost_mw[NOTHING]:.1f} MW without these orders"
    if not found.usable[ORDERED, k]:
        return f"after loss of {outage}, the grid would have no solution, {cut}"
    if not ended.tripped[ORDERED, k]:
        return f"after loss of {outage}, {cut}"
    branch = network.branch_name[found.worst_branch[ORDERED, k]]
    return f"after loss of {outage}, {branch} would carry {found.worst_loading[ORDERED, k]:.0%} of its rating and open, {cut}"
