"""What is searched for: weighted parts of plain text, and how they are put to SQLite's FTS5 without its query language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

TERMS: Final = 64
"""Terms of one part that are searched for; a longer text is cut."""

_WORD = re.compile(r"\w+(?:[-./']\w+)*")
_PIECE = re.compile(r"\w+")

STOP_WORDS: Final = frozenset({
    "a", "about", "after", "again", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "before", "being", "both", "but",
    "by", "can", "could", "did", "do", "does", "doing", "down", "during", "each", "few", "for", "from", "further", "had", "has", "have",
    "having", "he", "her", "here", "how", "i", "if", "in", "into", "is", "it", "its", "just", "like", "many", "me", "more", "most",
    "much", "my", "no", "nor", "not", "now", "of", "off", "on", "once", "only", "or", "other", "our", "out", "over", "own", "same",
    "she", "should", "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "through", "to", "too", "under", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "why", "will", "with", "would", "you", "your", "s", "t",
})  # fmt: skip
"""Words of a question that say nothing about its subject."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is asked about."""

    text: str
    weight: float = 1.0
    """How much it counts beside the other parts; above 0."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All parts in one text, the heaviest first, for people and for embeddings."""
        return " ".join(part.text for part in sorted(self.parts, key=lambda part: -part.weight))


def as_query(query: Query | str) -> Query:
    """A text as a query of one part."""
    return Query((Part(query),)) if isinstance(query, str) else query


def match_expression(text: str) -> str:
    """Any of the words and names of a text, as FTS5 reads it; empty where there is none.

    Every term is quoted, so that no character of the text is an operator. Quoted, a name such as `LN09-14` is a phrase of
    its pieces, which stand side by side in the index. A number goes with the word before it too: `bus 9` finds `BUS-9`.
    """
    terms = list(dict.fromkeys(_terms(text)))[:TERMS]
    return " OR ".join(f'"{term}"' for term in terms)


def _terms(text: str) -> Iterator[str]:
    words = _WORD.findall(text)
    telling = [word for word in words if word.lower() not in STOP_WORDS]
    before = ""
    for word in telling or words:
        pieces = _PIECE.findall(word)
        yield " ".join(pieces).lower()
        if len(pieces) > 1 and not any(character.isdigit() for character in word):
            yield from (piece.lower() for piece in pieces if piece.lower() not in STOP_WORDS)
        if before and word.isdigit():
            yield f"{before} {word}"
        before = word.lower() if word.isalpha() else ""
