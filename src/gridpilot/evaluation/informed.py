"""Knowledge for the agents that read: what is shipped, cards of the very grid that they operate, and what has happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.knowledge.conditions import conditions_of, query_of
from gridpilot.knowledge.document import Document, Passage
from gridpilot.knowledge.incidents import incident_cards, is_incident
from gridpilot.knowledge.retriever import shipped_retriever
from gridpilot.knowledge.topology import refresh_topology
from gridpilot.traces import Record
from gridpilot.twin import Twin
from gridpilot.values import Agent, GridState, View

PASSAGES: Final = 3
"""Shown to a model in each cycle, where the prompt has room."""
_INCIDENTS, _RUN = "incidents", "this"


class GridKnowledge:
    """Procedures, incidents and the cards of one grid, kept up to date while it is operated.

    As a function from a view to passages it is the retriever of a language model.
    """

    def __init__(self, twin: Twin, state: GridState | None = None, records: Iterable[Record] = ()) -> None:
        """Of a grid as it stands, or as its episode begins, after these records."""
        self._twin, self._retriever = twin, shipped_retriever()
        self._index = self._retriever.index
        self._recent: list[Record] = []
        """The records of the incident that goes on, after the last quiet one."""
        self._incidents: dict[str, Document] = {}
        self.refresh(twin.first() if state is None else state)
        for record in records:
            self.log(record)

    def __call__(self, view: View) -> Sequence[Passage]:
        """What the conditions of a view ask for."""
        return self._retriever.search(query_of(conditions_of(view)), PASSAGES)

    def search(self, question: str) -> Sequence[Passage]:
        """What a question in words asks for."""
        return self._retriever.search(question, PASSAGES)

    def refresh(self, state: GridState) -> None:
        """Make the cards of a grid anew where something was built; does nothing otherwise."""
        refresh_topology(self._index, self._twin, state)

    def log(self, record: Record) -> None:
        """Take a cycle that has passed: where it was an incident, there is a card of it."""
        self._recent.append(record)
        if is_incident(record):
            self._incidents |= {card.id: card for card in incident_cards(self._recent, _RUN)}
            self._index.synchronise(_INCIDENTS, tuple(self._incidents.values()))
        else:
            self._recent = [record]


def informed(agent: Agent, twin: Twin) -> Agent:
    """A language model with the knowledge of a grid at hand; any other agent as it is."""
    if not isinstance(agent, LanguageAgent) or agent.is_informed:
        return agent
    return replace(agent, retriever=GridKnowledge(twin))


def inform(agent: Agent, state: GridState, record: Record | None = None) -> None:
    """Let an agent with knowledge know how its grid stands now, and what the last cycle was; does nothing for any other."""
    if isinstance(agent, LanguageAgent) and isinstance(agent.retriever, GridKnowledge):
        agent.retriever.refresh(state)
        if record is not None:
            agent.retriever.log(record)
