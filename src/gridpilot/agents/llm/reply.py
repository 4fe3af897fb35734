"""From the text of a model to a decision: read, checked against what can be ordered now, with every problem named.

Tolerated is what models put around JSON: code fences, text before and after, and thoughts in `<think>` tags. Nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gridpilot.actions import decision_from_json
from gridpilot.agents.llm.offers import Offer, offers_of
from gridpilot.agents.llm.schema import MOST_ACTIONS
from gridpilot.errors import ActionError, Problem
from gridpilot.values import Action, Decision, View

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
_LONGEST_THINKING = 4000
_NAMED = 12
"""Targets that a problem lists."""


def read_reply(text: str, view: View, *, agent: str = "") -> Decision:
    """The decision in a reply; `thinking` is what stands around it.

    Raises `ActionError` with every problem: no JSON object with `actions`, or several, a wrong shape, what cannot be ordered now, a
    value outside the range that can be followed now.
    """
    face, around = _parted(text)
    decision = decision_from_json(face, agent=agent)
    problems = list(_problems(decision, view))
    if problems:
        raise ActionError("The decision cannot be followed at this state.", problems)
    return replace(decision, thinking=around[:_LONGEST_THINKING])


def _parted(text: str) -> tuple[str, str]:
    """The one object with `actions`, and what stands around it; raises `ActionError` where there is not exactly one."""
    said = _THOUGHTS.sub("", text)
    spans = [span for span, found in _objects(said) if "actions" in found]
    if len(spans) > 1:
        raise ActionError(f"The reply holds {len(spans)} decisions: give one.")
    if not spans:
        start = said.find("{")
        face = _FENCE.sub("", said[start:] if start >= 0 else said).strip()
        return face, ""
    start, end = spans[0]
    thoughts = [*_THOUGHTS.findall(text), said[:start], said[end:]]
    return said[start:end], "\n".join(part for thought in thoughts if (part := _FENCE.sub("", thought).strip()))


def _objects(text: str) -> Iterator[tuple[tuple[int, int], Mapping[str, Any]]]:
    """Every outermost JSON object of a text, with its place."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield (at, end), found
        at = text.find("{", end)


# ------------------------------------------------------------------------------------------------- at this state


def _problems(decision: Decision, view: View) -> Iterator[Problem]:
    if len(decision.actions) > MOST_ACTIONS:
        yield Problem("actions", f"are {len(decision.actions)}, expected {MOST_ACTIONS} at most")
    offers: dict[tuple[str, str], dict[str, Offer]] = {}
    for offer in offers_of(view):
        offers.setdefault((offer.verb, offer.target), {})[offer.parameter] = offer
    for k, action in enumerate(decision.actions):
        own = offers.get((action.type, action.target))
        if own is None:
            yield Problem(f"actions[{k}]", _unknown(action, view, offers))
        else:
            yield from _of_params(f"actions[{k}].params", action, own)


def _unknown(action: Action, view: View, offers: Mapping[tuple[str, str], Any]) -> str:
    if action.type not in view.verbs:
        return f"type {action.type!r:.40} is unknown, expected one of {', '.join(sorted(view.verbs))}"
    able = [target for verb, target in offers if verb == action.type]
    if not able:
        return f"no {action.type} is possible now"
    rest = f" and {len(able) - _NAMED} more" if len(able) > _NAMED else ""
    what = "cannot be moved now" if action.target in view.verbs[action.type] else "is unknown"
    return f"target {action.target!r:.40} {what}, expected one of {', '.join(able[:_NAMED])}{rest}"


def _of_params(where: str, action: Action, own: Mapping[str, Offer]) -> Iterator[Problem]:
    if not action.params:
        yield Problem(where, f"is empty, expected {' or '.join(own)}")
    for name, value in action.params.items():
        if name not in own:
            yield Problem(f"{where}.{name}", f"is no parameter of {action.type} {action.target}, expected {' or '.join(own)}")
        elif what := _wrong_value(own[name], value):
            yield Problem(f"{where}.{name}", what)


def _wrong_value(offer: Offer, value: Any) -> str:
    """Why a value cannot be ordered; empty where it can. What was rounded to the digits shown is inside the range."""
    if offer.states:
        return "" if value in offer.states else f"is {value!r:.40}, expected {' or '.join(map(repr, offer.states))}"
    low, high = offer.shown
    expected = f"expected a {'whole ' if offer.whole else ''}number from {low:g} to {high:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"is {value!r:.40}, {expected}"
    slack = 0.5 * 10.0**-offer.digits
    inside = offer.low - slack <= value <= offer.high + slack  # False for NaN
    return "" if inside and (not offer.whole or float(value).is_integer()) else f"is {value!r:.40}, {expected}"
