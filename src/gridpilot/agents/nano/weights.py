"""A model folder as transformers writes it: `config.json` and `model.safetensors`, read without either library.

The format: eight bytes with the length of a JSON header, the header with type, shape and place of every array, the arrays
(https://github.com/huggingface/safetensors, "Format"). Half precision is widened to single when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import DataError, Problem

Array = NDArray[np.float32]
_TYPES = {"F16": "<f2", "F32": "<f4"}
_MOST_HEADER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Nemotron model; the names are those of `NemotronConfig`."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    norm_eps: float
    rope_theta: float
    partial_rotary_factor: float

    @property
    def rotated(self) -> int:
        """Entries of a head that the position turns."""
        return int(self.head_dim * self.partial_rotary_factor)


def read_shape(path: Path) -> Shape:
    """The sizes in a `config.json`; raises `DataError` for what is no Nemotron with tied embeddings and without biases."""
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rope = config["rope_parameters"]
        given = {**config, "rope_theta": rope["rope_theta"], "partial_rotary_factor": rope["partial_rotary_factor"]}
        shape = Shape(**{name: given[name] for name in Shape.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} does not describe a model of nano: {type(error).__name__} {error}.") from error
    expected = {"model_type": "nemotron", "hidden_act": "relu2", "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True}
    problems = [
        Problem(key, f"expected {value!r}, found {config.get(key)!r}") for key, value in expected.items() if config.get(key) != value
    ]
    if rope.get("rope_type") != "default":
        problems.append(Problem("rope_type", f"expected 'default', found {rope.get('rope_type')!r}"))
    if problems:
        raise DataError(f"{path} describes another kind of model.", problems)
    return shape


def read_arrays(path: Path) -> Mapping[str, Array]:
    """Every array of a safetensors file by name; raises `DataError` for a file that is cut or of another type."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, _MOST_HEADER_BYTES):
        raise DataError(f"{path} is no safetensors file: its header would have {length} bytes, and the file has {len(data)}.")
    try:
        header: dict[str, Any] = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        return {name: _array(data[8 + length :], entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no safetensors file that can be used: {error}. Expected arrays of {sorted(_TYPES)}.") from error


def _array(body: bytes, entry: Mapping[str, Any]) -> Array:
    kind = _TYPES[entry["dtype"]]
    begin, end = entry["data_offsets"]
    values = np.frombuffer(body[begin:end], dtype=kind).reshape(entry["shape"])
    return np.ascontiguousarray(values, dtype=np.float32)


def lacking(arrays: Mapping[str, Array], shape: Shape) -> list[Problem]:
    """Arrays that a model of these sizes needs and that are not there, or of another shape."""
    wanted: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocab_size, shape.hidden_size)}
    q, kv = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
    for k in range(shape.num_hidden_layers):
        own: dict[str, tuple[int, ...]] = {
            "self_attn.q_proj.weight": (q, shape.hidden_size),
            "self_attn.k_proj.weight": (kv, shape.hidden_size),
            "self_attn.v_proj.weight": (kv, shape.hidden_size),
            "self_attn.o_proj.weight": (shape.hidden_size, q),
            "mlp.up_proj.weight": (shape.intermediate_size, shape.hidden_size),
            "mlp.down_proj.weight": (shape.hidden_size, shape.intermediate_size),
        }
        own |= {f"{norm}_layernorm.{part}": (shape.hidden_size,) for norm in ("input", "post_attention") for part in ("weight", "bias")}
        wanted |= {f"model.layers.{k}.{name}": size for name, size in own.items()}
    wanted |= {f"model.norm.{part}": (shape.hidden_size,) for part in ("weight", "bias")}
    return [
        Problem(name, f"expected shape {size}, found {arrays[name].shape if name in arrays else 'nothing'}")
        for name, size in wanted.items()
        if name not in arrays or arrays[name].shape != size
    ]
