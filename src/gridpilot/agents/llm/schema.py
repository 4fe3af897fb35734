"""JSON Schema of a reply at this very state: only what can be ordered now, inside the range that can be followed now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import ceil, floor
from typing import Any

from gridpilot.agents.llm.offers import Offer, offers_of
from gridpilot.values import RISK_LEVELS, View

MOST_ACTIONS = 8
ASSESSMENT, REASON = 400, 120
"""Longest texts, in characters."""


def reply_schema(view: View, *, finite: bool = False, assessment: int = ASSESSMENT, reason: int = REASON) -> dict[str, Any]:
    """The schema (2020-12) of a decision about a view, with texts of so many characters at most.

    With `finite` every reply has a largest length: numbers have whole steps, or a few decimals where a range is small. A grammar
    that holds a model to it then always comes to an end.
    """
    per_target = [tuple(own) for _, own in groupby(offers_of(view), key=lambda offer: (offer.verb, offer.target))]
    items: dict[str, Any] = {"items": {"anyOf": [_order(own, finite, reason) for own in per_target]}}
    return {
        "type": "object",
        "properties": {
            "assessment": {"type": "string", "maxLength": assessment},
            "risk_level": {"enum": list(RISK_LEVELS)},
            "actions": {"type": "array", **(items if per_target else {}), "maxItems": MOST_ACTIONS if per_target else 0},
        },
        "required": ["assessment", "risk_level", "actions"],
        "additionalProperties": False,
    }


def _order(own: Sequence[Offer], finite: bool, reason: int) -> dict[str, Any]:
    """An order to one target, whose offers these are."""
    # A schema in which one of several keys is needed is not kept by every server: the verb's own parameter it is.
    params = {
        "type": "object",
        "properties": {offer.parameter: _value(offer, finite) for offer in own},
        "required": [own[0].parameter],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "type": {"const": own[0].verb},
            "target": {"const": own[0].target},
            "params": params,
            "reason": {"type": "string", "maxLength": reason},
        },
        "required": ["type", "target", "params", "reason"],
        "additionalProperties": False,
    }


def _value(offer: Offer, finite: bool) -> dict[str, Any]:
    if offer.states:
        return {"enum": list(offer.states)}
    low, high = offer.shown
    if offer.whole:
        return {"type": "integer", "minimum": int(low), "maximum": int(high)}
    if not finite:
        return {"type": "number", "minimum": low, "maximum": high}
    return _finite(offer, low, high)


def _finite(offer: Offer, low: float, high: float) -> dict[str, Any]:
    if offer.digits == 0 and ceil(low) <= floor(high):
        return {"type": "integer", "minimum": ceil(low), "maximum": floor(high)}
    steps = max(round((high - low) * 10**offer.digits), 1)
    return {"enum": sorted({round(low + (high - low) * k / steps, offer.digits + 1) + 0.0 for k in range(steps + 1)})}
