"""Searching loads no grid and can order nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import gridpilot.knowledge

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
