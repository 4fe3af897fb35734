"""What can be ordered at this very state: one offer per verb, target and parameter, with the range that can be followed now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, log10

from gridpilot.actions import CLOSED, OPEN, Verb, verbs
from gridpilot.values import Reading, View

_DIGITS = (0, 3)
"""Decimals of a bound at least and at most."""
_RESOLUTION = 20.0
"""Steps into which a range is divided at least."""
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Offer:
    """One parameter of an order to one target."""

    verb: str
    target: str
    parameter: str
    low: float = 0.0
    high: float = 0.0
    """What can be followed now, the operator's signs; not for branches."""
    digits: int = 0
    """Decimals that tell its values apart."""
    whole: bool = False
    states: tuple[str, ...] = ()
    """Of a branch: what it can change to."""

    @property
    def shown(self) -> tuple[float, float]:
        """The range with few digits, rounded inwards."""
        scale = 10.0**self.digits
        low, high = ceil(self.low * scale - _EPSILON) / scale, floor(self.high * scale + _EPSILON) / scale
        return (low + 0.0, high + 0.0) if low <= high else (self.low, self.high)


def offers_of(view: View) -> tuple[Offer, ...]:
    """All offers of a view, by verb."""
    return tuple(offer for name in sorted(view.verbs) for offer in _of_verb(view, verbs()[name], view.verbs[name]))


def _of_verb(view: View, verb: Verb, targets: tuple[str, ...]) -> Iterator[Offer]:
    for target in targets:
        if verb.moves_branches:
            states = _states(view.branches[target])
            if states:
                yield Offer(verb.name, target, verb.parameter, states=states)
        elif view.devices[target].values["in_service"]:
            for parameter, (low, high) in view.devices[target].bounds.items():
                whole = verb.whole and parameter == verb.parameter
                yield Offer(verb.name, target, parameter, low, high, 0 if whole else _digits(high - low), whole)


def _states(branch: Reading) -> tuple[str, ...]:
    """What a branch can change to now."""
    values = branch.values
    if not values["built"]:
        return ()
    if values["closed"]:
        return (OPEN,)
    return () if values["faulted"] or float(values["lockout_min"]) > 0 else (CLOSED,)


def _digits(span: float) -> int:
    """Decimals with which a range has at least twenty steps."""
    if span <= 0:
        return _DIGITS[1]
    return min(max(ceil(log10(_RESOLUTION / span)), _DIGITS[0]), _DIGITS[1])
