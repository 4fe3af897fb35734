"""Knowledge for the agents that read: what is shipped, and cards of the very grid that they operate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.knowledge.conditions import conditions_of, query_of
from gridpilot.knowledge.document import Passage
from gridpilot.knowledge.index import Index
from gridpilot.knowledge.retriever import Retriever
from gridpilot.knowledge.shipped import shipped_documents
from gridpilot.knowledge.topology import refresh_topology
from gridpilot.twin import Twin
from gridpilot.values import Agent, View

PASSAGES: Final = 3
"""Shown to a model in each cycle, where the prompt has room."""


def informed(agent: Agent, twin: Twin) -> Agent:
    """A language model with the knowledge of a grid at hand; any other agent as it is."""
    if not isinstance(agent, LanguageAgent) or agent.is_informed:
        return agent
    return replace(agent, retriever=partial(_passages, knowledge_of(twin)))


def knowledge_of(twin: Twin) -> Retriever:
    """A search over what is shipped and the cards of a grid as its episode begins."""
    index = Index()
    index.synchronise("shipped", shipped_documents())
    refresh_topology(index, twin, twin.first())
    return Retriever(index)


def _passages(knowledge: Retriever, view: View) -> Sequence[Passage]:
    return knowledge.search(query_of(conditions_of(view)), PASSAGES)
