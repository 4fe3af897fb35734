"""REDISPATCH: a generator goes to a new output, as fast as its ramp allows."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="REDISPATCH",
    kinds=("generator",),
    parameter="target_mw",
    sign=1.0,
    summary="Go to this output in MW; held until changed, reached at the unit's ramp.",
)
