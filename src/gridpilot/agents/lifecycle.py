"""What some agents have beside `decide`: they make themselves ready, and they hold connections or a model that they let go of."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from gridpilot.values import Agent


@runtime_checkable
class Prepared(Protocol):
    """An agent that has something to find out before its first decision."""

    def prepare(self) -> str:
        """Make ready, and say in a sentence what was found."""
        ...


@runtime_checkable
class Closable(Protocol):
    """An agent that holds what must be let go of."""

    def close(self) -> None: ...


def prepare_agent(agent: Agent) -> str:
    """Let an agent make itself ready; what it found as a sentence, or nothing."""
    return agent.prepare() if isinstance(agent, Prepared) else ""


def close_agent(agent: Agent) -> None:
    """Let an agent go of what it holds; it can be asked again, and then opens it anew."""
    if isinstance(agent, Closable):
        agent.close()
