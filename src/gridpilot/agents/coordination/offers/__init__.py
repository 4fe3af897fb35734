"""Offers: how every kind of device answers a price. One file per kind, with an `OFFER`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gridpilot.agents.coordination.offers.kind import OfferKind
from gridpilot.agents.coordination.offers.offer import Offer, answer, join, make_offer
from gridpilot.errors import UnknownNameError

__all__ = ["Offer", "OfferKind", "answer", "join", "make_offer", "offer_kind", "offer_kinds"]


@cache
def offer_kinds() -> dict[str, OfferKind]:
    """What makes the offers of each kind of device, by the kind's name."""
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    found = [offer for module in modules if isinstance(offer := getattr(module, "OFFER", None), OfferKind)]
    return {kind: offer for offer in found for kind in offer.kinds}


def offer_kind(kind: str) -> OfferKind:
    """What makes the offers of one kind of device; raises `UnknownNameError` where it has no cost of its own."""
    kinds = offer_kinds()
    if kind not in kinds:
        raise UnknownNameError("kind of device that answers a price", kind, sorted(kinds))
    return kinds[kind]
