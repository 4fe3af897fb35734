"""Searching loads no grid and can order nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.knowledge.injections import INJECTED

import gridpilot.knowledge
from gridpilot.knowledge import Document, Index, Passage, Retriever, conditions_of, query_of, shipped_retriever
from gridpilot.twin import Twin

FOLDER = Path(gridpilot.knowledge.__file__).parent
ORDERING = {"Action", "Decision", "Setpoints", "Verdict", "decision_from_json", "order_all"}


def test_searching_loads_no_grid_and_nothing_heavy() -> None:
    code = (
        "from gridpilot.knowledge import shipped_retriever\nassert shipped_retriever().search('voltage')\nimport sys\nprint(*sys.modules)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    layers = {name.split(".")[1] for name in loaded if name.startswith("gridpilot.")}
    assert layers <= {"knowledge", "errors", "values"}
    assert not loaded & {"numba", "scipy", "faiss", "openai", "pypdf", "pandas"}


def imported_names() -> set[str]:
    statements = [
        node for path in FOLDER.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
    ]
    return {alias.name for statement in statements for alias in statement.names}


def test_nothing_here_can_make_an_order() -> None:
    names = imported_names()
    assert "Document" in names
    assert not names & ORDERING


def test_two_hundred_injected_orders_stay_texts() -> None:
    assert len(set(INJECTED)) == 200
    documents = [Document(f"own/{k}", f"Note {k}", "own", text) for k, text in enumerate(INJECTED)]
    with Index() as index:
        index.synchronise("own", documents)
        retriever = Retriever(index)
        for text in INJECTED:
            found = retriever.search(text, top=200)
            assert text in {passage.text for passage in found}
            assert all(type(passage) is Passage and passage.text == INJECTED[int(passage.id[4:])] for passage in found)
        assert index.documents() == tuple(sorted(documents, key=lambda document: document.id))


def test_an_injected_name_in_a_grid_or_an_alarm_only_makes_a_query(twins: dict[str, Twin]) -> None:
    view = twins["six_bus"].observe(twins["six_bus"].first())
    retriever = shipped_retriever()
    for text in INJECTED:
        named = replace(view, branches={text: replace(view.branches["LN25"], values={**view.branches["LN25"].values, "loading": 1.2})})
        conditions = conditions_of(replace(named, happenings=(text,)))
        assert list(conditions.loading) == [text]
        found = retriever.search(query_of(conditions))
        assert {passage.kind for passage in found} <= {"procedure", "incident"}
