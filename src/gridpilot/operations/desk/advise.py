"""Mode `advise`: decisions are shown, previewed and recorded, and nothing is applied."""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.operations.desk.proposal import Proposal
from gridpilot.operations.desk.ruling import ADVISED, APPROVED, REFUSED
from gridpilot.operations.desk.seam import ADVISE
from gridpilot.values import Verdict


@dataclass(frozen=True, slots=True)
class AdviseDesk:
    """Applies nothing: a way to watch an agent beside a grid that somebody else operates."""

    mode: str = ADVISE

    def review(self, proposal: Proposal) -> Verdict:
        if proposal.result.refused:
            return Verdict(REFUSED, (), proposal.result.why, self.mode)
        if proposal.asks_nothing:
            return Verdict(APPROVED, (), "", self.mode)
        return Verdict(ADVISED, (), "advice only: mode 'advise' applies nothing", self.mode)
