"""Nemotron's forward pass in NumPy, with a cache of keys and values.

Per layer: LayerNorm1P (weights stored less 1), attention with grouped queries and rotary positions on a part of each head, an
MLP with squared ReLU. Source: NVIDIA, "Nemotron-4 15B Technical Report", arXiv 2402.16819; transformers' `NemotronForCausalLM` gives the
same logits for the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridpilot.agents.nano.vocabulary import Vocabulary, read_vocabulary
from gridpilot.agents.nano.weights import Array, Shape, lacking, read_arrays, read_shape
from gridpilot.errors import DataError

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
"""Files of a model's folder."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; matrices are transposed, so that they are multiplied from the right."""

    before: tuple[Array, Array]
    """Weight and bias of the norm before attention."""
    query: Array
    key: Array
    value: Array
    out: Array
    between: tuple[Array, Array]
    """Weight and bias of the norm before the MLP."""
    up: Array
    down: Array


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of what has been read, per layer `[B, kv heads, T, head]`."""

    keys: tuple[Array, ...]
    values: tuple[Array, ...]

    @property
    def length(self) -> int:
        """Tokens that have been read."""
        return int(self.keys[0].shape[2])

    def pick(self, rows: Sequence[int]) -> Cache:
        """The cache of these elements, in this order; an element may be there more than once."""
        chosen = list(rows)
        return Cache(tuple(k[chosen] for k in self.keys), tuple(v[chosen] for v in self.values))


@dataclass(frozen=True, eq=False)
class Model:
    """Weights with their vocabulary."""

    shape: Shape
    arrays: Mapping[str, Array]
    vocabulary: Vocabulary

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(self._layer(f"model.layers.{k}") for k in range(self.shape.num_hidden_layers))

    @cached_property
    def head(self) -> Array:
        """From hidden states to logits: the embeddings again."""
        return np.ascontiguousarray(self.arrays["model.embed_tokens.weight"].T)

    @cached_property
    def turns(self) -> tuple[Array, Array]:
        """Cosine and sine of every position's turn `[positions, rotated]`."""
        half = np.arange(0, self.shape.rotated, 2, dtype=np.float32) / np.float32(self.shape.rotated)
        speed = (1.0 / np.float32(self.shape.rope_theta) ** half).astype(np.float32)
        angle = np.arange(self.shape.max_position_embeddings, dtype=np.float32)[:, None] * np.concatenate([speed, speed])
        return np.cos(angle), np.sin(angle)

    def _layer(self, name: str) -> Layer:
        def norm(part: str) -> tuple[Array, Array]:
            return self.arrays[f"{name}.{part}.weight"] + np.float32(1.0), self.arrays[f"{name}.{part}.bias"]

        def matrix(part: str) -> Array:
            return np.ascontiguousarray(self.arrays[f"{name}.{part}.weight"].T)

        return Layer(
            before=norm("input_layernorm"),
            query=matrix("self_attn.q_proj"),
            key=matrix("self_attn.k_proj"),
            value=matrix("self_attn.v_proj"),
            out=matrix("self_attn.o_proj"),
            between=norm("post_attention_layernorm"),
            up=matrix("mlp.up_proj"),
            down=matrix("mlp.down_proj"),
        )

    # --------------------------------------------------------------------------------------------- forward

    def read(self, tokens: Sequence[Sequence[int]] | NDArray[np.int64], cache: Cache | None = None) -> tuple[Array, Cache]:
        """Logits of every position `[B, T, vocabulary]` after reading tokens `[B, T]`, and the cache with them.

        Raises `DataError` for more tokens than the model has positions.
        """
        ids = np.asarray(tokens, dtype=np.int64)
        past = 0 if cache is None else cache.length
        if past + ids.shape[1] > self.shape.max_position_embeddings:
            raise DataError(f"The text has {past + ids.shape[1]} tokens; this model reads {self.shape.max_position_embeddings}.")
        hidden = self.arrays["model.embed_tokens.weight"][ids]
        keys, values = [], []
        for k, layer in enumerate(self.layers):
            before = None if cache is None else (cache.keys[k], cache.values[k])
            seen, key, value = self._attend(layer, _norm(hidden, layer.before, self.shape.norm_eps), before, past)
            hidden = hidden + seen
            hidden = hidden + np.square(np.maximum(_norm(hidden, layer.between, self.shape.norm_eps) @ layer.up, 0)) @ layer.down
            keys.append(key)
            values.append(value)
        last = self.arrays["model.norm.weight"] + np.float32(1.0), self.arrays["model.norm.bias"]
        return _norm(hidden, last, self.shape.norm_eps) @ self.head, Cache(tuple(keys), tuple(values))

    def _attend(self, layer: Layer, x: Array, before: tuple[Array, Array] | None, past: int) -> tuple[Array, Array, Array]:
        """What attention adds `[B, T, hidden]`, with all keys and values."""
        shape, (batch, length, _) = self.shape, x.shape
        query = self._turned(_heads(x @ layer.query, shape.num_attention_heads), past)
        key, value = (
            self._turned(_heads(x @ layer.key, shape.num_key_value_heads), past),
            _heads(x @ layer.value, shape.num_key_value_heads),
        )
        if before is not None:
            key, value = np.concatenate([before[0], key], axis=2), np.concatenate([before[1], value], axis=2)
        group = shape.num_attention_heads // shape.num_key_value_heads
        query = query.reshape(batch, shape.num_key_value_heads, group * length, shape.head_dim)
        score = (query @ key.swapaxes(2, 3)) * np.float32(shape.head_dim**-0.5)
        if length > 1:
            later = np.arange(past + length)[None, :] > past + np.arange(length)[:, None]
            score = np.where(np.tile(later, (group, 1)), np.float32(-np.inf), score)
        weight = np.exp(score - score.max(axis=-1, keepdims=True))
        seen = (weight / weight.sum(axis=-1, keepdims=True)) @ value
        seen = seen.reshape(batch, shape.num_attention_heads, length, shape.head_dim).swapaxes(1, 2)
        return seen.reshape(batch, length, -1) @ layer.out, key, value

    def _turned(self, x: Array, past: int) -> Array:
        """Rotary positions on the first part of every head."""
        rotated, half = self.shape.rotated, self.shape.rotated // 2
        cosine, sine = (table[past : past + x.shape[2]] for table in self.turns)
        part = x[..., :rotated]
        turned = part * cosine + np.concatenate([-part[..., half:], part[..., :half]], axis=-1) * sine
        return np.concatenate([turned, x[..., rotated:]], axis=-1)


def load_model(folder: Path) -> Model:
    """The model of a folder; raises `DataError` for files that are missing, cut, or do not fit each other."""
    shape, vocabulary = read_shape(folder / CONFIG), read_vocabulary(folder / TOKENIZER)
    arrays = read_arrays(folder / WEIGHTS)
    problems = lacking(arrays, shape)
    if problems or len(vocabulary.words) != shape.vocab_size:
        raise DataError(f"{folder} holds no model of nano: {len(vocabulary.words)} words for {shape.vocab_size} tokens.", problems)
    return Model(shape, arrays, vocabulary)


def _norm(x: Array, scale: tuple[Array, Array], eps: float) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.square(centred).mean(axis=-1, keepdims=True)
    normed: Array = centred / np.sqrt(spread + np.float32(eps)) * scale[0] + scale[1]
    return normed


def _heads(x: Array, heads: int) -> Array:
    """`[B, T, heads · size]` as `[B, heads, T, size]`."""
    batch, length, width = x.shape
    return np.ascontiguousarray(x.reshape(batch, length, heads, width // heads).swapaxes(1, 2))
