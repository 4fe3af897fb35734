"""How many tokens a text has at most, without a tokenizer.

Tokenizers differ between models and are not at hand for a model behind an endpoint. So the estimate errs on the long side: every
digit, every sign and every byte beyond ASCII counts one, letters a token per three, capitals a token per letter and a half. English
prose comes out at about 1.4 times the count of byte-pair tokenizers with 32,000 entries or more.
"""

from __future__ import annotations

import re
from math import ceil

_PIECE = re.compile(r"(?P<capitals>[A-Z]+(?![a-z]))|(?P<word>[A-Za-z][a-z]*)|(?P<line>\n)|(?P<space>[ \t]+)|(?P<other>.)", re.DOTALL)
_LETTERS_PER_TOKEN, _CAPITALS_PER_TOKEN = 3.0, 1.5
PER_MESSAGE = 8
"""Marks that a chat template puts around a message."""


def estimate_tokens(text: str) -> int:
    """Tokens of a text, estimated from above."""
    return sum(map(_tokens, _PIECE.finditer(text)))


def _tokens(piece: re.Match[str]) -> int:
    found, kind = piece[0], piece.lastgroup
    if kind == "capitals":
        return ceil(len(found) / _CAPITALS_PER_TOKEN)
    if kind == "word":
        return ceil(len(found) / _LETTERS_PER_TOKEN)
    if kind == "space":
        return len(found) - 1  # one belongs to the word behind it
    return len(found.encode("utf-8", "surrogatepass"))
