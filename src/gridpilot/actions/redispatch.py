"""REDISPATCH: a generator goes to a new output, as fast as its ramp allows; a grid tie buys (above 0) or sells."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="REDISPATCH",
    kinds=("generator", "grid_tie"),
    parameter="target_mw",
    sign=1.0,
    orders_q=True,
    summary="Go to this output in MW; held until changed, reached at the unit's ramp.",
)
