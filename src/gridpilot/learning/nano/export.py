"""A model's folder: weights in half precision, configuration, tokenizer and chat template, as transformers and vLLM read them."""

from __future__ import annotations

import json
from pathlib import Path

from gridpilot.agents.nano.model import CONFIG, TOKENIZER, WEIGHTS
from gridpilot.agents.nano.vocabulary import BEGIN, CHAT_TEMPLATE, END, PAD, SPECIALS, SYSTEM, TURN, UNKNOWN, Vocabulary
from gridpilot.errors import MissingExtraError

try:
    import torch
    from safetensors.torch import save_file
    from transformers import NemotronForCausalLM
except ImportError as error:
    raise MissingExtraError("torch, transformers and safetensors", "learn", "Writing a model of nano") from error

_TIED = "lm_head.weight"
"""The embeddings under another name: written once."""


def write_model(folder: Path, model: NemotronForCausalLM, vocabulary: Vocabulary) -> None:
    """Write everything but the card; the folder is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: value.detach().to(torch.float16).contiguous() for name, value in model.state_dict().items() if name != _TIED}
    save_file(arrays, folder / WEIGHTS, metadata={"format": "pt"})
    config = {**model.config.to_dict(), "architectures": ["NemotronForCausalLM"], "dtype": "float16"}
    _write(folder / CONFIG, {key: value for key, value in config.items() if not key.startswith("_")})
    _write(folder / TOKENIZER, tokenizer(vocabulary))
    _write(folder / "tokenizer_config.json", _tokenizer_config(model.config.max_position_embeddings))
    stops = [vocabulary.token[END], vocabulary.token[TURN]]
    ends = {"bos_token_id": vocabulary.token[BEGIN], "eos_token_id": stops, "pad_token_id": vocabulary.token[PAD]}
    _write(folder / "generation_config.json", {**ends, "do_sample": False, "max_new_tokens": 64})


def tokenizer(vocabulary: Vocabulary) -> dict[str, object]:
    """`tokenizer.json` of the library tokenizers: one token per word between white space."""
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = [{"id": vocabulary.token[word], "content": word, **plain} for word in SPECIALS]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary.token, "unk_token": UNKNOWN},
    }


def _tokenizer_config(positions: int) -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "additional_special_tokens": [SYSTEM, TURN],
        "model_max_length": positions,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_network(folder: Path) -> NemotronForCausalLM:
    """The network of a folder in single precision, ready to be trained on."""
    return NemotronForCausalLM.from_pretrained(folder, dtype=torch.float32)
