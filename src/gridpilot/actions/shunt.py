"""SHUNT: a bank of capacitors has so many steps switched in."""

from __future__ import annotations

from gridpilot.actions.verb import Verb

VERB = Verb(
    name="SHUNT",
    kinds=("shunt",),
    parameter="steps",
    sign=1.0,
    summary="Have this many steps of the bank switched in; more of them raise the voltage. Held until changed.",
    unit="",
    whole=True,
)
