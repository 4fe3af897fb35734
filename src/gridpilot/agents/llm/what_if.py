"""From a question in words to orders that can be previewed: `why not open LN25?`, `what if BESS discharges 30 MW?`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gridpilot.agents.llm.offers import Offer, offers_of
from gridpilot.values import Action, Candidate, Preview, View

_MOST = 4
"""Orders that one question is taken to ask about."""
_NUMBER = re.compile(r"(?P<value>[-−]?\d+(?:\.\d+)?)\s*MW\b", re.IGNORECASE)
_DOWN = re.compile(r"\b(?:discharg\w*|shed\w*|reduc\w*|lower\w*|curtail\w*|cut\w*|less|down|stop\w*)\b", re.IGNORECASE)
_OPEN, _CLOSE = re.compile(r"\bopen\w*|\bswitch\w* off|\btak\w* out", re.IGNORECASE), re.compile(r"\bclos\w*|\breclos\w*", re.IGNORECASE)
_TO_WHAT = ("REDISPATCH", "CURTAIL")
"""Verbs whose number is where to go, not how far."""


def named(question: str, names: Sequence[str]) -> list[str]:
    """The names that a question holds, in its order."""
    places = {name: re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", question, re.IGNORECASE) for name in names}
    return sorted((name for name, found in places.items() if found), key=lambda name: places[name].start())  # type: ignore[union-attr]  # kept above


def orders_in(question: str, view: View) -> tuple[Action, ...]:
    """Orders that a question speaks of, one per component; only what can be ordered now."""
    offers = offers_of(view)
    targets = named(question, sorted({offer.target for offer in offers}))
    found = (action for target in targets for action in _orders(question, target, offers))
    return tuple(found)[:_MOST]


def _orders(question: str, target: str, offers: Sequence[Offer]) -> Iterator[Action]:
    for offer in offers:
        if offer.target != target:
            continue
        if offer.states:
            asked = [state for state, words in (("open", _OPEN), ("closed", _CLOSE)) if words.search(question)]
            yield from (Action(offer.verb, target, {offer.parameter: state}) for state in asked if state in offer.states)
        else:
            yield Action(offer.verb, target, {offer.parameter: _value(question, offer)})
        return


def _value(question: str, offer: Offer) -> float:
    """The number of MW that is asked about, with the sign that the words give it; without one an end of the range."""
    low, high = offer.shown
    down, number = bool(_DOWN.search(question)), _NUMBER.search(question)
    if number is None:
        return low if down else high
    value = float(number["value"].replace("−", "-"))
    if down and offer.verb not in _TO_WHAT:
        value = -abs(value)
    return min(max(value, low), high)


def compared(action: Action, preview: Preview, row: Candidate) -> str:
    """What an order would lead to beside holding, as a sentence."""
    held = preview.nothing
    what = f"{action.type} {action.target} {', '.join(f'{key} {value}' for key, value in action.params.items())}"
    if not row.survives:
        return f"{what}: the grid would collapse on the forecast" + ("; it would also by holding." if not held.survives else ".")
    receipt = row.receipts[0]
    if receipt.outcome == "refused":
        return f"{what}: it would be refused, {receipt.why}."
    parts = [
        f"{name} {now} instead of {then}"
        for name, now, then in (
            ("largest loading", f"{100 * row.max_loading:.0f} %", f"{100 * held.max_loading:.0f} %"),
            ("lowest voltage", f"{row.min_v_pu:.3f} pu", f"{held.min_v_pu:.3f} pu"),
            ("overload", f"{row.overload_min:.0f} min", f"{held.overload_min:.0f} min"),
            ("voltage violation", f"{row.voltage_min:.0f} min", f"{held.voltage_min:.0f} min"),
            ("load not served", f"{row.unserved_mwh:.2f} MWh", f"{held.unserved_mwh:.2f} MWh"),
            ("reward", f"{row.reward:.3f}", f"{held.reward:.3f}"),
        )
        if now != then
    ]
    verdict = "better than holding" if row.reward > held.reward else "no better than holding"
    changes = "; ".join(parts) or "nothing changes"
    return f"{what}, held for {preview.horizon} cycles on the forecast: {changes}. It is {verdict} by the reward."
