"""TOPOLOGY: a branch's breakers open or close."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="TOPOLOGY",
    kinds=(),
    parameter="status",
    sign=1.0,
    summary="Open or close this branch; a faulted or locked-out branch cannot be closed.",
)
