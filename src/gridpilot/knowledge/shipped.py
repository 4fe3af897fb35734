"""The documents that come with gridpilot: procedures and rules, and cards of incidents."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.front_matter import document_of


@cache
def shipped_documents() -> tuple[Document, ...]:
    """All of them, sorted by id."""
    found = [document_of(file.read_text(encoding="utf-8"), file.name) for file in _markdown(files("gridpilot.knowledge") / "documents")]
    return tuple(sorted(found, key=lambda document: document.id))


def _markdown(folder: Traversable) -> list[Traversable]:
    found: list[Traversable] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _markdown(entry)
        elif entry.name.endswith(".md"):
            found.append(entry)
    return found
