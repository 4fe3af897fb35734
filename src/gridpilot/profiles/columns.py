"""What a column is, read from its name: `<kind>_<which>_<unit>`, such as `load_area2_mw` or `load_H0-A_q_pu`."""

from __future__ import annotations

from typing import Final

UNITS: Final = ("_mw", "_mvar", "_pu", "_usd_per_mwh", "_kg_per_mwh")
"""Suffixes a column may end with; `_pu` is relative to the nominal power of the unit it drives."""

LOAD, SOLAR, WIND, HYDRO, GENERATION = "load", "solar", "wind", "hydro", "generation"
PRICE, CARBON, REACTIVE, OTHER = "price", "carbon", "reactive", "other"
EVENT: Final = "event"
"""Not a quantity that goes on: something happens in a row, and nothing in the others; nobody forecasts it."""

NON_NEGATIVE: Final = frozenset({LOAD, SOLAR, WIND, HYDRO, GENERATION, EVENT})
"""Kinds that cannot be below zero."""

CAPACITY_KINDS: Final = frozenset({SOLAR, WIND, HYDRO, GENERATION})
"""Kinds of plants, whose `_pu` is relative to their capacity."""

_BY_PREFIX: Final = {
    "load": LOAD,
    "demand": LOAD,
    "solar": SOLAR,
    "pv": SOLAR,
    "rtpv": SOLAR,
    "wind": WIND,
    "hydro": HYDRO,
    "gen": GENERATION,
    "price": PRICE,
    "carbon": CARBON,
}


def kind_of(column: str) -> str:
    """Kind of a column; reactive power is `reactive` whatever draws it, an unknown prefix is `other`."""
    if column.endswith(("_mvar", "_q_pu")):
        return REACTIVE
    return _BY_PREFIX.get(column.split("_")[0].lower(), OTHER)


def unit_of(column: str) -> str:
    """Unit suffix of a column, without its underscore; empty where there is none."""
    # The longest suffix first, since `_usd_per_mwh` must not be taken for another.
    return next((unit[1:] for unit in sorted(UNITS, key=len, reverse=True) if column.endswith(unit)), "")
