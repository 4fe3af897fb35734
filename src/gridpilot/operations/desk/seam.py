"""The seam between a decision and the grid."""

from __future__ import annotations

from typing import Final, Protocol

from gridpilot.operations.desk.proposal import Proposal
from gridpilot.values import Verdict

AUTO, ADVISE, REVIEW = "auto", "advise", "review"
MODES: Final = (AUTO, ADVISE, REVIEW)
"""What the shield lets through is applied; it is shown and nothing is applied; a person says what is applied."""


class Desk(Protocol):
    """Whoever says what of a decision is applied."""

    @property
    def mode(self) -> str:
        """One of `MODES`, or a name of its own."""
        ...

    def review(self, proposal: Proposal) -> Verdict:
        """What will be applied; may take its time. Actions that the shield did not see pass it again."""
        ...
