"""Optimal power flow of a case: the cheapest dispatch that its limits allow.

| function | solves | certainty |
|---|---|---|
| `dc_opf` | the DC approximation, as a linear program | the optimum of the approximation |
| `ac_dispatch` | the AC equations, as a sequence of linear programs | feasible, and locally optimal |
"""

from __future__ import annotations

from gridpilot.opf.ac import AcDispatch, ac_dispatch
from gridpilot.opf.dc import DcDispatch, dc_opf
from gridpilot.opf.verdict import Verdict

__all__ = ["AcDispatch", "DcDispatch", "Verdict", "ac_dispatch", "dc_opf"]
