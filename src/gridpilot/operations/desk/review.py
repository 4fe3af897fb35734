"""Mode `review`: an operator says what is applied; where nobody does by the deadline, everything is held as it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from gridpilot.errors import ConfigError, VerdictError
from gridpilot.operations.desk.proposal import Proposal
from gridpilot.operations.desk.ruling import APPROVED, HELD, Ruling, rule
from gridpilot.operations.desk.seam import REVIEW
from gridpilot.values import Verdict


class Operator(Protocol):
    """A person, or code in the place of one."""

    def ask(self, proposal: Proposal, patience_s: float, wrong: VerdictError | None) -> Ruling | None:
        """Their ruling, or None where they gave none within `patience_s` (may be infinite).

        `wrong` says why the ruling that they gave to this very proposal cannot be carried out.
        """
        ...


class ReviewDesk:
    """Asks an operator about every decision that wants something done."""

    mode = REVIEW

    def __init__(self, operator: Operator, deadline_s: float = math.inf, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """`deadline_s` is how long a proposal lies on the desk; raises `ConfigError` where it is not above 0."""
        if not deadline_s > 0:
            raise ConfigError(f"A proposal's deadline is {deadline_s} s; expected more than 0.")
        self._operator, self._deadline_s, self._now_s = operator, deadline_s, now_s

    def review(self, proposal: Proposal) -> Verdict:
        """The operator's verdict; what is wrong with one is told to them, and they may give another one until the deadline."""
        if proposal.asks_nothing:
            return Verdict(APPROVED, (), "", self.mode)
        due_s, wrong = self._now_s() + self._deadline_s, None
        while True:
            left_s = due_s - self._now_s()
            ruling = self._operator.ask(proposal, left_s, wrong) if left_s > 0 else None
            if ruling is None:
                return Verdict(HELD, (), f"no verdict within {self._deadline_s:g} s: everything is held as it is", self.mode)
            try:
                return rule(proposal, ruling)
            except VerdictError as error:
                wrong = error
