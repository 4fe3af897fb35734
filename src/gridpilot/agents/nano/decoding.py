"""From a prompt to replies: greedy, or drawn at a temperature; several at a time share the reading of the prompt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.model import Model
from gridpilot.agents.nano.vocabulary import END, chat
from gridpilot.agents.nano.weights import Array

Reply = tuple[str, ...]


def replies(model: Model, prompt: str, grammar: Grammar, temperatures: Sequence[float], seed: int = 0) -> list[Reply]:
    """One reply per temperature, 0 for the greedy one; the same for the same seed. Their words are without the end."""
    random = np.random.default_rng(seed)
    logits, cache = model.read([model.vocabulary.encode(chat(prompt))])
    said: list[Reply] = [()] * len(temperatures)
    cache = cache.pick([0] * len(said))
    heads = np.repeat(logits[:, -1], len(said), axis=0)
    going = list(range(len(said)))
    while going:
        for row, k in enumerate(going):
            said[k] = (*said[k], _next(heads[row], grammar, said[k], temperatures[k], random))
        stay = [row for row, k in enumerate(going) if said[k][-1] != END]
        going = [going[row] for row in stay]
        if going:
            cache = cache.pick(stay) if len(stay) < len(heads) else cache
            logits, cache = model.read([[model.vocabulary.token[said[k][-1]]] for k in going], cache)
            heads = logits[:, -1]
    return [reply[:-1] for reply in said]


def _next(logits: Array, grammar: Grammar, said: Reply, temperature: float, random: np.random.Generator) -> str:
    able = grammar.vocabulary.tokens(grammar.following(said))
    scores = logits[able].astype(np.float64)
    if temperature <= 0.0 or len(able) == 1:
        return grammar.vocabulary.words[able[int(scores.argmax())]]
    weight = np.exp((scores - scores.max()) / temperature)
    return grammar.vocabulary.words[int(random.choice(able, p=weight / weight.sum()))]
