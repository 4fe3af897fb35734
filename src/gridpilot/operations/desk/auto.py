"""Mode `auto`: what the shield lets through is applied."""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.operations.desk.proposal import Proposal
from gridpilot.operations.desk.ruling import APPROVED, REFUSED
from gridpilot.operations.desk.seam import AUTO
from gridpilot.values import Verdict


@dataclass(frozen=True, slots=True)
class AutoDesk:
    """Approves what the shield lets through; where it refuses, nothing is done, and the reason is kept."""

    mode: str = AUTO

    def review(self, proposal: Proposal) -> Verdict:
        result = proposal.result
        return Verdict(REFUSED if result.refused else APPROVED, result.actions, result.why, self.mode)
