"""Training: a small Nemotron from scratch on examples, with the loss on replies alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from gridpilot.agents.nano.vocabulary import BEGIN, END, PAD, Vocabulary, chat
from gridpilot.errors import MissingExtraError
from gridpilot.learning.nano.dataset import Example

try:
    import torch
    from transformers import NemotronConfig, NemotronForCausalLM
except ImportError as error:
    raise MissingExtraError("torch and transformers", "learn", "Training nano") from error

IGNORED = -100
"""Label of a token that has no loss."""
_SORTED_BATCHES = 16
"""Batches whose examples are sorted by length among themselves, so that few tokens are padding."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Sizes of the network."""

    hidden: int = 160
    layers: int = 4
    heads: int = 5
    kv_heads: int = 1
    intermediate: int = 600
    positions: int = 512

    def config(self, vocabulary: Vocabulary) -> NemotronConfig:
        """The configuration that transformers reads."""
        return NemotronConfig(
            vocab_size=len(vocabulary.words), hidden_size=self.hidden, intermediate_size=self.intermediate,
            num_hidden_layers=self.layers, num_attention_heads=self.heads, num_key_value_heads=self.kv_heads,
            head_dim=self.hidden // self.heads, max_position_embeddings=self.positions, initializer_range=0.02,
            tie_word_embeddings=True, bos_token_id=vocabulary.token[BEGIN], eos_token_id=vocabulary.token[END],
            pad_token_id=vocabulary.token[PAD],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast it learns."""

    steps: int = 2000
    batch: int = 64
    peak_rate: float = 2e-3
    warm_up: int = 60
    end_share: float = 0.02
    """Of the peak rate, at the end."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""

    def rate(self, step: int) -> float:
        """Learning rate of a step: up on a line, down on a cosine."""
        if step < self.warm_up:
            return self.peak_rate * (step + 1) / self.warm_up
        along = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return self.peak_rate * (self.end_share + (1.0 - self.end_share) * 0.5 * (1.0 + math.cos(math.pi * along)))


@dataclass(frozen=True, slots=True)
class Tokens:
    """An example as tokens."""

    prompt: list[int]
    reply: list[int]
    """With its end."""


def tokens_of(example: Example, vocabulary: Vocabulary) -> Tokens:
    """Raises `KeyError` for a reply with a word that the vocabulary does not have."""
    return Tokens(vocabulary.encode(chat(example.prompt)), vocabulary.tokens([*example.reply.split(), END]))


def new_model(size: ModelSize, vocabulary: Vocabulary, seed: int) -> NemotronForCausalLM:
    """A network with random weights of a seed."""
    torch.manual_seed(seed)
    return NemotronForCausalLM(size.config(vocabulary))


def train(
    model: NemotronForCausalLM, examples: Sequence[Tokens], schedule: Schedule, *, pad: int, seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[float]:  # fmt: skip
    """Train in place; the loss per step. An interrupt goes through, with the model as it was after the last whole step."""
    random = np.random.default_rng([seed, 1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=schedule.peak_rate, betas=(0.9, 0.98), weight_decay=schedule.weight_decay)
    model.train()
    losses: list[float] = []
    for step, batch in enumerate(_batches(examples, schedule, random)):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        loss = _loss(model, batch, pad)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
        if progress is not None:
            progress(step + 1, schedule.steps)
    model.train(False)
    return losses


def validation_loss(model: NemotronForCausalLM, examples: Sequence[Tokens], pad: int, batch: int = 64) -> float:
    """Mean loss per token of replies that were not trained on."""
    total, count = 0.0, 0
    with torch.no_grad():
        for k in range(0, len(examples), batch):
            part = examples[k : k + batch]
            tokens = sum(len(one.reply) for one in part)
            total += float(_loss(model, part, pad)) * tokens
            count += tokens
    return total / max(count, 1)


def _batches(examples: Sequence[Tokens], schedule: Schedule, random: Generator) -> Iterator[list[Tokens]]:
    """As many batches as there are steps, in a new order in every pass."""
    given = 0
    while given < schedule.steps:
        order = random.permutation(len(examples))
        span = schedule.batch * _SORTED_BATCHES
        chunks = [sorted(order[k : k + span], key=lambda i: len(examples[i].prompt)) for k in range(0, len(order), span)]
        groups = [chunk[k : k + schedule.batch] for chunk in chunks for k in range(0, len(chunk), schedule.batch)]
        for k in random.permutation(len(groups)):
            if given == schedule.steps:
                return
            yield [examples[i] for i in groups[k]]
            given += 1


def _loss(model: NemotronForCausalLM, batch: Sequence[Tokens], pad: int) -> Any:
    """Cross-entropy of the replies' tokens. Padding is at the right end, where a causal model does not see it."""
    length = max(len(one.prompt) + len(one.reply) for one in batch)
    ids, labels = np.full((len(batch), length), pad), np.full((len(batch), length), IGNORED)
    for row, one in enumerate(batch):
        start, end = len(one.prompt), len(one.prompt) + len(one.reply)
        ids[row, :start], ids[row, start:end], labels[row, start:end] = one.prompt, one.reply, one.reply
    target = torch.from_numpy(labels[:, 1:])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=torch.from_numpy(ids)).last_hidden_state[:, :-1]
        said = target != IGNORED
        logits = model.lm_head(hidden[said])
    return torch.nn.functional.cross_entropy(logits.float(), target[said])
