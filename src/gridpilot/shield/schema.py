"""First check: is this a decision at all, made of values that can be written down?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gridpilot.actions import REFUSED
from gridpilot.values import Action, Decision, Deliberation, Receipt

DECISION = "DECISION"
"""Stands for the verb in the receipt of a whole decision."""


def readable(decision: Decision) -> Decision:
    """The decision with parameters that JSON can hold: a value that it cannot (NaN, an object) becomes its text.

    What is wrong with such a value is then said in its receipt, by the rule for every wrong value. An invalid decision
    has no actions, whatever came with it.
    """
    thought = None if decision.deliberation is None else _written(decision.deliberation)
    actions = () if decision.invalid else tuple(map(_readable, decision.actions))
    return replace(decision, actions=actions, deliberation=thought)


def refusal(decision: Decision) -> tuple[Receipt, ...]:
    """The receipt of an invalid decision; none for any other."""
    if not decision.invalid:
        return ()
    return (Receipt(DECISION, "", None, None, REFUSED, f"not a decision, so nothing was done: {decision.assessment}"),)


def _written(thought: Deliberation) -> Deliberation:
    """The same for the orders that were only considered."""
    return replace(thought, candidates=tuple(replace(row, actions=tuple(map(_readable, row.actions))) for row in thought.candidates))


def _readable(action: Action) -> Action:
    return replace(action, params={str(key): _plain(value) for key, value in action.params.items()})


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value)
