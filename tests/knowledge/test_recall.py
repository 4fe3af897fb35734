"""The question set finds what it should, with the default search."""

from __future__ import annotations

from gridpilot.knowledge import Retriever
from gridpilot.knowledge.questions import recall, shipped_questions


def test_nine_of_ten_questions_find_their_document_among_five(retrievers: dict[str, Retriever]) -> None:
    questions = shipped_questions()
    found = recall(retrievers, questions)
    assert found.share >= 0.9, found.missed
    for kind in ("procedure", "incident", "topology"):
        assert recall(retrievers, [question for question in questions if question.document.startswith(kind)]).share >= 0.9


def test_there_are_enough_different_questions_about_documents_that_exist(retrievers: dict[str, Retriever]) -> None:
    questions = shipped_questions()
    assert len({(question.query, question.document) for question in questions}) == len(questions) >= 60
    assert sum(len(question.query.parts) > 1 for question in questions) >= 5
    assert {question.scenario for question in questions} == {"six_bus", "ieee14"}
    assert all(retrievers[question.scenario].index.get(question.document) is not None for question in questions)


def test_questions_are_not_the_text_of_their_document(retrievers: dict[str, Retriever]) -> None:
    for question in shipped_questions():
        document = retrievers[question.scenario].index.get(question.document)
        assert document is not None
        assert question.query.text.lower() not in f"{document.title} {document.text}".lower()


def test_a_miss_is_counted_and_told(retrievers: dict[str, Retriever]) -> None:
    questions = shipped_questions()[:4]
    none = {name: Retriever(type(retriever.index)()) for name, retriever in retrievers.items()}
    found = recall(none, questions)
    assert found.share == 0.0
    assert [missed for missed, _ in found.missed] == list(questions)
