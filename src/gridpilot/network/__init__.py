"""The grid as a frozen value, and the readers that make one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gridpilot.network.case import Case, LoadTable, UnitTable, make_case
from gridpilot.network.network import LINE, TRANSFORMER, Network, fuse, grow, make_network, trip

if TYPE_CHECKING:
    from gridpilot.network.casefile import read_case, write_case
    from gridpilot.network.cases import case_names, load_case
    from gridpilot.network.composition import Part, Transformer, compose
    from gridpilot.network.distribution import distribution_grid
    from gridpilot.network.matpower import read_matpower
    from gridpilot.network.pandapower import from_pandapower

__all__ = [
    "LINE",
    "TRANSFORMER",
    "Case",
    "LoadTable",
    "Network",
    "Part",
    "Transformer",
    "UnitTable",
    "case_names",
    "compose",
    "distribution_grid",
    "from_pandapower",
    "fuse",
    "grow",
    "load_case",
    "make_case",
    "make_network",
    "read_case",
    "read_matpower",
    "trip",
    "write_case",
]

_READERS = {
    "Part": "composition",
    "Transformer": "composition",
    "case_names": "cases",
    "compose": "composition",
    "distribution_grid": "distribution",
    "from_pandapower": "pandapower",
    "load_case": "cases",
    "read_case": "casefile",
    "read_matpower": "matpower",
    "write_case": "casefile",
}
"""Readers and makers of cases by the file that has them; imported on first use, because pandapower takes a second."""


def __getattr__(name: str) -> Any:
    if name not in _READERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_READERS[name]}"), name)
