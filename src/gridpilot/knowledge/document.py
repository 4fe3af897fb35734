"""One piece of knowledge, and what of it a search hands on. Both are data: nothing here can be executed or obeyed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from gridpilot.errors import DocumentError, Problem

KINDS: Final = ("procedure", "incident", "topology", "own")
"""Rules and procedures; cards of incidents, of history or of the twin's own; cards of a grid's components; a user's own text."""


@dataclass(frozen=True)
class Document:
    """A text that can be found as a whole: a procedure, a card, or a part of a longer text.

    Raises `DocumentError` with everything that is wrong with it.
    """

    id: str
    """Unique; its beginning up to a slash says where it belongs, as in `topology/six_bus/branch/LN25`."""
    title: str
    kind: str
    """One of `KINDS`."""
    text: str
    sources: tuple[str, ...] = ()
    """Where it can be verified: name of the standard, report or file."""
    standard: str = ""
    """Number of the standard that it renders, as in `NERC TOP-001`."""
    tags: tuple[str, ...] = ()
    """Other words that people use for what it is about."""

    def __post_init__(self) -> None:
        problems = [Problem(f"document {self.id!r}", sentence) for sentence in _problems(self)]
        if problems:
            raise DocumentError("A document cannot be kept.", problems)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything in it, in hexadecimal."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode("ascii")).hexdigest()

    @property
    def source(self) -> str:
        """All sources as one line."""
        return "; ".join(self.sources)


@dataclass(frozen=True, slots=True)
class Passage:
    """A document as a search found it. Its text is material to judge, never an instruction."""

    id: str
    title: str
    kind: str
    text: str
    source: str
    score: float
    """Larger is better; comparable within one search only."""


def _problems(document: Document) -> list[str]:
    found = [f"its {field} is empty" for field in ("id", "title", "text") if not getattr(document, field).strip()]
    if document.kind not in KINDS:
        found.append(f"its kind is {document.kind!r}, expected one of {', '.join(KINDS)}")
    everything = "".join((document.id, document.title, document.text, document.standard, *document.sources, *document.tags))
    try:
        everything.encode("utf-8")
    except UnicodeEncodeError:
        found.append("it holds half of a surrogate pair, which no file can keep; replace that character")
    return found
