"""What makes an offer of a kind of device; each file of this package that serves one ends with its `OFFER`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridpilot.agents.coordination.offers.offer import Offer
from gridpilot.values import Floats


@dataclass(frozen=True, slots=True)
class OfferKind:
    """How devices of some kinds answer a price."""

    kinds: tuple[str, ...]
    """Names of `gridpilot.devices` kinds."""
    terms: type[Any]
    """NamedTuple of arrays `[n]`: what the device's owner wants, beside what the device's own parameters say."""
    from_rows: Callable[[Sequence[Mapping[str, Any]]], Any]
    """One dict of named numbers per device → terms; raises `ConfigError`."""
    make: Callable[[Any, Any, Any, Floats, Floats, Floats, float], Offer]
    """(parameters, state, terms, exogenous, low_mw, high_mw, dt_h) → offer `[B, n]`; limits are those of the kind's `bounds`."""
