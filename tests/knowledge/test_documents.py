"""Every shipped document is complete, short, sourced, and speaks of what the product has."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gridpilot.actions import verbs
from gridpilot.errors import DocumentError
from gridpilot.knowledge import KINDS, Document, shipped_documents
from gridpilot.knowledge.front_matter import document_of
from gridpilot.knowledge.questions import shipped_questions

DOCUMENTS = shipped_documents()
CAPITALS = {
    *("ACE", "AEMO", "ANSI", "AVR", "BAAL", "CFR", "CPS1", "CRITICAL", "DIVERGED", "EEA", "ENTSO-E", "FERC", "HIGH", "IEC", "IEEE", "IROL"),
    *("LOW", "LOW_VOLTAGE", "MEDIUM", "MVA", "NERC", "OSHA", "SOL", "UTC", "PRC", "EOP", "TOP", "IRO", "COM", "FAC", "BAL", "VAR", "PER"),
}


def head(**changes: object) -> str:
    lines = {"id": "procedure/x", "title": "X", "kind": "procedure", "standard": "NERC X", "sources": "[a]", "tags": "[b]", **changes}
    return "---\n" + "\n".join(f"{key}: {value}" for key, value in lines.items() if value is not None) + "\n---\nText.\n"


def test_there_are_enough_of_each_kind() -> None:
    kinds = Counter(document.kind for document in DOCUMENTS)
    assert kinds["procedure"] >= 32
    assert kinds["incident"] >= 11
    assert len({document.id for document in DOCUMENTS}) == len(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.id)
def test_each_is_complete(document: Document) -> None:
    assert document.id.startswith(f"{document.kind}/")
    assert document.kind in KINDS
    assert document.sources
    assert all(source.strip() for source in document.sources)
    assert len(document.tags) >= 4
    assert 80 <= len(document.text.split()) <= 250
    if document.kind == "procedure":
        assert re.search(r"\d", document.standard), "a standard has a number"
        numbers = re.findall(r"[A-Z]{3}-\d{3}", document.standard)
        assert all(any(number in source for source in document.sources) for number in numbers)
    else:
        assert re.search(r"(19|20)\d\d", document.source), "a report has a year"
        assert {"Trigger:", "Mechanism:"} <= set(re.findall(r"^\w+:", document.text, re.MULTILINE))
        assert "Lesson" in document.text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.id)
def test_capital_words_are_verbs_of_the_product_or_names_of_the_field(document: Document) -> None:
    words = set(re.findall(r"\b[A-Z][A-Z_]{3,}\b", document.text))
    assert words <= set(verbs()) | CAPITALS


def test_every_document_is_asked_for() -> None:
    asked = {question.document for question in shipped_questions()}
    assert {document.id for document in DOCUMENTS} <= asked


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": None}, "no 'title'"),
        ({"standard": None}, "'standard'"),
        ({"author": "me"}, "'author'"),
        ({"tags": "one"}, "list of texts"),
        ({"kind": "poem"}, "'poem'"),
        ({"title": "[1"}, "no YAML"),
        ({"id": 5}, "must be a text"),
    ],
)
def test_an_incomplete_head_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(said)):
        document_of(head(**changes), "x.md")


def test_all_problems_of_a_head_are_told_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        document_of(head(title=None, tags=None, author="me"), "x.md")
    assert len(caught.value.problems) == 3


def test_a_head_that_never_ends_is_refused() -> None:
    with pytest.raises(DocumentError, match="never ends"):
        document_of("---\ntitle: x\n", "x.md")


def test_a_digest_changes_with_every_field() -> None:
    first = Document("a", "A", "own", "text", ("s",), "n", ("t",))
    changed = [
        Document("b", "A", "own", "text", ("s",), "n", ("t",)),
        Document("a", "B", "own", "text", ("s",), "n", ("t",)),
        Document("a", "A", "incident", "text", ("s",), "n", ("t",)),
        Document("a", "A", "own", "texts", ("s",), "n", ("t",)),
        Document("a", "A", "own", "text", ("s", ""), "n", ("t",)),
        Document("a", "A", "own", "text", ("s",), "m", ("t",)),
        Document("a", "A", "own", "text", ("s",), "n", ("u",)),
    ]
    assert len({document.digest for document in [first, *changed]}) == 8


def test_what_no_file_can_keep_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        Document("", "x", "own", "half \ud800")
    assert len(caught.value.problems) == 2
