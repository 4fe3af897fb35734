"""The question set: what operators ask, and the document that each question should find.

Questions are written in an operator's words. Where the search misses one, titles, tags and the search are to be improved, not the
question.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from gridpilot.knowledge.conditions import Conditions, query_of
from gridpilot.knowledge.query import Query, as_query
from gridpilot.knowledge.retriever import Retriever

FILE: Final = "questions.jsonl"
TOP: Final = 5


@dataclass(frozen=True, slots=True)
class Question:
    """A question in words, or present conditions that ask one."""

    query: Query
    document: str
    """Id of the document that it should find."""
    scenario: str
    """Whose cards are in the index beside what is shipped."""


class Recall(NamedTuple):
    """How many of the questions found their document among the best `top`."""

    share: float
    missed: tuple[tuple[Question, tuple[str, ...]], ...]
    """Questions that did not, with the ids that they found."""


@cache
def shipped_questions() -> tuple[Question, ...]:
    """All questions, in the order of the file."""
    text = (files("gridpilot.knowledge") / FILE).read_text(encoding="utf-8")
    return tuple(_question(json.loads(line)) for line in text.splitlines())


def recall(retrievers: Mapping[str, Retriever], questions: Iterable[Question], top: int = TOP) -> Recall:
    """Ask every question of the retriever of its scenario."""
    asked = tuple(questions)
    found = [tuple(passage.id for passage in retrievers[question.scenario].search(question.query, top)) for question in asked]
    missed = tuple((question, ids) for question, ids in zip(asked, found, strict=True) if question.document not in ids)
    return Recall(1.0 - len(missed) / len(asked), missed)


def _question(row: Mapping[str, object]) -> Question:
    conditions = row.get("conditions")
    query = query_of(Conditions(**conditions)) if isinstance(conditions, dict) else as_query(str(row["question"]))
    return Question(query, str(row["document"]), str(row["scenario"]))
