"""LOAD_SHAPE: flexible demand consumes less or more for a while; it comes back."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="LOAD_SHAPE",
    kinds=("load",),
    parameter="delta_mw",
    sign=-1.0,
    summary="Change consumption by this many MW (-15 sheds 15 MW); held until changed, what is shaped away comes back later.",
)
