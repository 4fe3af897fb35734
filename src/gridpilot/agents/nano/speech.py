"""Nano's own language, for a server that holds its weights: `--agent llm --speech nano --base-url …`.

A server knows no grammar of this view, so a reply may be none; then it is refused, as any other model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gridpilot.agents.llm.language_model import Question
from gridpilot.agents.llm.prompt import Prompt
from gridpilot.agents.llm.retrieval import Passage
from gridpilot.agents.nano.agent import decided
from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.levers import Levers, levers_of
from gridpilot.agents.nano.prompt import prompt
from gridpilot.agents.nano.vocabulary import SPECIALS, Vocabulary, all_words
from gridpilot.errors import ActionError
from gridpilot.values import Decision, View


def in_nano(view: View, passages: Sequence[Passage], tokens: int, name: str) -> tuple[Prompt, Question]:
    """The short text of a view, one token per word; nano reads no passages, and its prompts are always short."""
    levers = levers_of(view)
    text = prompt(view, levers)
    asked = Prompt("", text, (), len(text.split()))
    return asked, Question([{"role": "user", "content": text}], None, partial(_read, view=view, levers=levers, name=name))


def _read(reply: str, *, view: View, levers: Levers, name: str) -> Decision:
    """The decision that a reply is; raises `ActionError` for one that the grammar of this view does not have."""
    for special in SPECIALS:
        reply = reply.replace(special, " ")
    words = tuple(reply.split())
    if not Grammar(levers, Vocabulary(all_words())).holds(words):
        raise ActionError(f"The reply {' '.join(words)[:200]!r} is no sentence of nano for this state; expected one such as 'LOW g1 -4'.")
    return decided(view, levers, words, name)
