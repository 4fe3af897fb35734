"""Search as agents use it: BM25 alone, or fused with dense vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from gridpilot.knowledge.document import Passage
from gridpilot.knowledge.fusion import fused
from gridpilot.knowledge.index import Index, passage_of
from gridpilot.knowledge.query import Query, as_query
from gridpilot.knowledge.shipped import shipped_documents

DEPTH: Final = 50
"""How far down both rankings are fused."""


class Ranker(Protocol):
    """A second opinion on what fits a text."""

    def rank(self, text: str, top: int) -> Sequence[str]:
        """Ids of the documents that fit best, best first."""
        ...


class Retriever:
    """Finds passages in an index. What it returns are values; nothing can be ordered with it."""

    def __init__(self, index: Index, dense: Ranker | None = None) -> None:
        self.index, self.dense = index, dense

    def search(self, query: Query | str, top: int = 5, *, kinds: Sequence[str] = ()) -> tuple[Passage, ...]:
        """The best `top` passages, best first, in the same order every time. `kinds` keeps the search to these.

        With dense vectors the score is that of the fused ranks. Raises `EndpointError` where their endpoint fails.
        """
        if self.dense is None:
            return self.index.search(query, top, kinds=kinds)
        words = [passage.id for passage in self.index.search(query, DEPTH)]
        meaning = self.dense.rank(as_query(query).text, DEPTH)
        ranked = ((self.index.get(id_), score) for id_, score in fused((words, meaning)))
        found = (passage_of(document, score) for document, score in ranked if document and (not kinds or document.kind in kinds))
        return tuple(found)[:top]


def shipped_retriever() -> Retriever:
    """A retriever over the shipped documents, in memory."""
    index = Index()
    index.synchronise("shipped", shipped_documents())
    return Retriever(index)
