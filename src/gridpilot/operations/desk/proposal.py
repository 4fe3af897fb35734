"""`Proposal`: a decision as it lies on the desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gridpilot.shield import ShieldResult
from gridpilot.values import Action, View


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What the shield makes of a decision, and the state that it is about."""

    seq: int
    """Sequence number of the state: cycles since the episode began. A verdict on another one is stale."""
    view: View
    """What the agent saw; `view.time` is the simulated time."""
    result: ShieldResult
    """`result.preview` has doing nothing, and the decision beside it."""
    what_if: Callable[[Sequence[Action]], ShieldResult]
    """What the shield makes of other orders in this state; nothing happens to the grid."""

    @property
    def asks_nothing(self) -> bool:
        """Whether there is nothing to say yes or no to: the agent wants every order to stand."""
        return not self.result.decision.actions and not self.result.refused
