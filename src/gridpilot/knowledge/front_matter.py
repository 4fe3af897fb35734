"""Markdown with a head of YAML between two lines `---`: how the shipped documents are written."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import yaml

from gridpilot.errors import DocumentError, Problem
from gridpilot.knowledge.document import Document

FENCE: Final = "---"
_TEXTS = ("id", "title", "kind", "standard")
_LISTS = ("sources", "tags")
_REQUIRED = ("id", "title", "kind", "sources", "tags")


class Parted(NamedTuple):
    """A text and its head."""

    head: dict[str, Any]
    """Empty where there is none."""
    body: str


def parted(text: str) -> Parted:
    """A Markdown text in head and body; raises `DocumentError` for a head that is open, no YAML or no mapping."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != FENCE:
        return Parted({}, text)
    ends = [k for k, line in enumerate(lines[1:], start=1) if line.strip() == FENCE]
    if not ends:
        raise DocumentError(f"Its head begins with {FENCE} and never ends; put another {FENCE} after it.")
    try:
        head = yaml.safe_load("\n".join(lines[1 : ends[0]])) or {}
    except yaml.YAMLError as error:
        raise DocumentError(f"Its head is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(head, dict):
        raise DocumentError(f"Its head is a {type(head).__name__}; expected keys with values, such as `title: …`.")
    return Parted(head, "\n".join(lines[ends[0] + 1 :]).strip())


def document_of(text: str, where: str) -> Document:
    """A document from Markdown with a complete head; raises `DocumentError` with every problem."""
    head, body = parted(text)
    problems = [Problem(where, sentence) for sentence in _problems(head)]
    if problems:
        raise DocumentError(f"{where} is no document.", problems)
    sources, tags = (tuple(str(entry) for entry in head[key]) for key in _LISTS)
    return Document(head["id"], head["title"], head["kind"], body, sources, head.get("standard", ""), tags)


def _problems(head: dict[str, Any]) -> list[str]:
    known = (*_TEXTS, *_LISTS)
    found = [f"its head has no {key!r}" for key in _REQUIRED if not head.get(key)]
    found += [f"its head has {key!r}, expected only {', '.join(known)}" for key in head if key not in known]
    found += [f"{key!r} must be a text, found {head[key]!r}" for key in _TEXTS if not isinstance(head.get(key, ""), str)]
    found += [f"{key!r} must be a list of texts, found {head[key]!r}" for key in _LISTS if not isinstance(head.get(key, []), list)]
    if head.get("kind") == "procedure" and not head.get("standard"):
        found.append("a procedure needs the number of its 'standard'")
    return found
