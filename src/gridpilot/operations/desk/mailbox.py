"""`Mailbox`: an operator whose rulings come from another thread, such as a server's."""

from __future__ import annotations

import math
from threading import Condition

from gridpilot.errors import StaleVerdictError, VerdictError
from gridpilot.operations.desk.proposal import Proposal
from gridpilot.operations.desk.ruling import Ruling, rule
from gridpilot.values import Verdict

REMEMBERED = 1024
"""Keys of rulings that are remembered."""


class Mailbox:
    """Takes one ruling on each proposal. A `gridpilot.operations.desk.Operator`; all methods may be called from any thread."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._open: Proposal | None = None
        self._ruling: Ruling | None = None
        self._given: dict[str, Verdict] = {}

    @property
    def proposal(self) -> Proposal | None:
        """What waits for a ruling now."""
        with self._changed:
            return self._open

    def wait_for_proposal(self, seq: int = 0, timeout_s: float | None = None) -> Proposal | None:
        """The next proposal on state `seq` or a later one; None where none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._open is not None and self._open.seq >= seq, timeout_s)
            return self._open if self._open is not None and self._open.seq >= seq else None

    def post(self, ruling: Ruling, key: str = "") -> Verdict:
        """Rule on what lies on the desk; the verdict that it leads to.

        A `key` that was used before gives its first verdict again, and nothing happens twice. Raises `StaleVerdictError` where
        nothing, or another state's proposal, waits, and `VerdictError` for a ruling that cannot be carried out; the proposal
        then goes on waiting.
        """
        with self._changed:
            if key and key in self._given:
                return self._given[key]
            if self._open is None:
                raise StaleVerdictError(f"The verdict is on state {ruling.seq}, and no proposal waits for one: nothing was applied.")
            verdict = rule(self._open, ruling)
            self._open, self._ruling = None, ruling
            if key:
                self._given[key] = verdict
                if len(self._given) > REMEMBERED:
                    del self._given[next(iter(self._given))]
            self._changed.notify_all()
            return verdict

    def ask(self, proposal: Proposal, patience_s: float, wrong: VerdictError | None) -> Ruling | None:
        """Wait for a ruling on a proposal; nothing is `wrong` with one that `post` has let through."""
        with self._changed:
            self._open, self._ruling = proposal, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ruling is not None, None if math.isinf(patience_s) else patience_s)
            self._open = None
            return self._ruling
