"""How an optimisation ended."""

from __future__ import annotations

from enum import IntEnum


class Verdict(IntEnum):
    """What an optimal power flow found."""

    OPTIMAL = 0
    FEASIBLE = 1
    INFEASIBLE = 2
    UNBOUNDED = 3
    DIVERGED = 4
    UNFINISHED = 5

    @property
    def sentence(self) -> str:
        """What happened, and what to try."""
        return _SENTENCES[self]


_SENTENCES = {
    Verdict.OPTIMAL: "Solved: every limit holds, and no better dispatch is near.",
    Verdict.FEASIBLE: "Every limit holds, but a cheaper dispatch may exist: look at the gap, or allow more iterations.",
    Verdict.INFEASIBLE: "No dispatch was found that keeps every limit: look at the violations, at demand and at unit limits.",
    Verdict.UNBOUNDED: "The cost can fall without end: give every unit with a falling cost a limit.",
    Verdict.DIVERGED: "No power flow was found to begin from: give a case whose own operating point can be solved.",
    Verdict.UNFINISHED: "The solver of linear programs stopped early: look at the scale of the numbers in the case.",
}
