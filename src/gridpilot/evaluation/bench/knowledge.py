"""Recall of the knowledge's own question set: how many questions find their document among the first five."""

from __future__ import annotations

import time

from gridpilot.errors import DataError, Problem
from gridpilot.evaluation.bench.report import Row, Tell, silent
from gridpilot.knowledge import Index, Retriever, shipped_documents
from gridpilot.knowledge.questions import TOP, Question, recall, shipped_questions
from gridpilot.knowledge.topology import refresh_topology
from gridpilot.twin import make_twin

START = "2016-07-04"
"""Day of the operating point that the cards tell of."""


def rows(tell: Tell = silent) -> list[Row]:
    """Rows `knowledge/recall@5`, `knowledge/recall@1` and `knowledge/search`; raises `DataError` for a question about nothing."""
    questions = shipped_questions()
    tell(f"knowledge/recall@{TOP}")
    retrievers = {name: _retriever(name) for name in sorted({question.scenario for question in questions})}
    _check(questions, retrievers)
    sizes = ", ".join(f"{len(retriever.index)} documents with the cards of {name}" for name, retriever in retrievers.items())
    begun = time.perf_counter()
    found = {top: recall(retrievers, questions, top) for top in (1, TOP)}
    seconds = (time.perf_counter() - begun) / (2 * len(questions))
    note = f"{len(questions)} questions, BM25 in SQLite FTS5; {sizes}"
    return [
        Row(name=f"knowledge/recall@{TOP}", value=found[TOP].share, unit="share of questions", note=note),
        Row(name="knowledge/recall@1", value=found[1].share, unit="share of questions", note="the same questions, first place only"),
        Row(name="knowledge/search", value=seconds * 1e3, unit="ms per question", note="mean"),
    ]


def _retriever(scenario: str) -> Retriever:
    """What is shipped, and the cards of a scenario."""
    index, twin = Index(), make_twin(scenario, start=START)
    index.synchronise("shipped", shipped_documents())
    refresh_topology(index, twin, twin.first())
    return Retriever(index)


def _check(questions: tuple[Question, ...], retrievers: dict[str, Retriever]) -> None:
    lost = [
        Problem(question.query.text, f"asks for {question.document!r}, which is no document")
        for question in questions
        if retrievers[question.scenario].index.get(question.document) is None
    ]
    if lost:
        raise DataError("The question set does not fit the documents.", lost)
