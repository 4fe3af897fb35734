"""CURTAIL: a renewable plant injects no more than a limit."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="CURTAIL",
    kinds=("solar", "wind"),
    parameter="limit_mw",
    sign=1.0,
    orders_q=True,
    summary="Inject at most this many MW; held until changed, the rated power lifts the limit.",
)
