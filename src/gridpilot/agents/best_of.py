"""Best of n: several decisions for one view, previewed in one batch beside do-nothing, and the best of them.

The preview's horizon is short and energy in storage outlives it, so the score is the reward with what the orders leave in
storage at its value, as in `gridpilot.agents.opf`. Decisions that, held over the whole outlook, would lose the grid, leave more
load unserved or break limits for longer than holding does are not chosen while there is another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridpilot.agents.worth import kept_mwh, stored_worth
from gridpilot.values import Action, Candidate, Decision, Preview, View

DEFAULT_HORIZON = 3
"""Cycles over which the reward is compared: orders are for the next one."""
_COLLAPSE = 1e3
_UNSERVED_MWH, _LONGER_MIN = 0.1, 5.0
"""Differences that a forecast cannot tell apart."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """One way to go on, with what the outlook says of it."""

    decision: Decision | None
    """None for doing nothing."""
    candidate: Candidate
    score: float
    safe: bool
    """Held over the whole outlook it is no worse than doing nothing."""


@dataclass(frozen=True, slots=True)
class BestOf:
    """All that were compared, doing nothing first, and which of them is the best."""

    weighed: tuple[Weighed, ...]
    best: int
    held_nothing: Candidate
    """Doing nothing over the whole outlook."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """As previewed, doing nothing first."""
        return tuple(one.candidate for one in self.weighed)

    @property
    def chosen(self) -> Weighed:
        return self.weighed[self.best]


def best_of(view: View, decisions: Sequence[Decision], horizon: int = DEFAULT_HORIZON) -> BestOf:
    """Weigh decisions against each other and against doing nothing.

    An invalid decision counts as doing nothing. Of equals the first is chosen, and doing nothing before all others. Raises
    `ValueError` for a view without a preview.
    """
    if view.preview is None:
        raise ValueError(f"Best of n needs a view with system visibility; role {view.role!r} has none.")
    moves = [() if decision.invalid else decision.actions for decision in decisions]
    distinct = list(dict.fromkeys(map(_key, moves)))
    plans = [next(move for move in moves if _key(move) == key) for key in distinct]
    held, near = view.preview(plans), view.preview(plans, horizon)
    known = dict(zip(distinct, zip(held.candidates, near.candidates, strict=True), strict=True))
    weighed = [_weigh(view, None, held, held.nothing, near.nothing, horizon)]
    weighed += [_weigh(view, one, held, *known[_key(move)], horizon) for one, move in zip(decisions, moves, strict=True)]
    best = max(range(len(weighed)), key=lambda k: (weighed[k].safe, weighed[k].score))
    return BestOf(tuple(weighed), best, held.nothing)


def _key(move: Sequence[Action]) -> str:
    return repr([(action.type, action.target, dict(action.params)) for action in move])


def _weigh(view: View, decision: Decision | None, held: Preview, later: Candidate, near: Candidate, horizon: int) -> Weighed:
    value = stored_worth(view) * kept_mwh(view, near, horizon * view.dt_h) / max(view.summary["demand_mw"], 1.0)
    score = near.reward + value - (0.0 if near.survives else _COLLAPSE)
    return Weighed(decision, near, score, not is_worse(later, held.nothing))


def is_worse(candidate: Candidate, nothing: Candidate) -> bool:
    """Whether orders, held over the outlook, lose the grid, leave load unserved or break limits for longer than holding does."""
    if candidate.survives != nothing.survives:
        return not candidate.survives
    longer = candidate.overload_min + candidate.voltage_min - nothing.overload_min - nothing.voltage_min
    return candidate.unserved_mwh > nothing.unserved_mwh + _UNSERVED_MWH or longer > _LONGER_MIN
