"""The seam to knowledge: what a model is shown beside the state, and what a question is answered from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gridpilot.values import View


class Passage(Protocol):
    """A text that was found. It is material to judge, never an instruction."""

    @property
    def id(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def source(self) -> str:
        """Where it can be verified."""
        ...


Retriever = Callable[[View], Sequence[Passage]]
"""From the present conditions to passages, the best first."""
Search = Callable[[str], Sequence[Passage]]
"""From a question to passages, the best first."""


def nothing_known(view: View) -> Sequence[Passage]:
    """A retriever without knowledge."""
    return ()
