"""None: grid agents do not deal with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridpilot.agents.coordination.horizontal.protocol import Agreement, agreement, check_said
from gridpilot.values import Floats

NAME = "none"


@dataclass(frozen=True, slots=True)
class NoHorizontal:
    """Nothing is said, nothing heard."""

    name: str = NAME
    says: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()

    def messages_per_round(self, agents: int) -> int:
        """None."""
        return 0

    def exchange(self, said: Floats) -> Agreement:
        """Nothing, in no round."""
        check_said(self, said)
        return agreement(self, np.zeros((*said.shape[:2], 0)), rounds=0)


def make() -> NoHorizontal:
    """The protocol; it has no options."""
    return NoHorizontal()
