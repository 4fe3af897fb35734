"""TAP: a tap changer goes to a position."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="TAP",
    kinds=("tap_changer",),
    parameter="position",
    sign=1.0,
    summary="Go to this tap position; a higher one lowers the voltage at the far end of the transformer. Held until changed.",
    unit="",
    whole=True,
)
