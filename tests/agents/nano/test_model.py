"""The forward pass: the same numbers as transformers, with a cache as without, and files that are wrong are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.twin import small

from gridpilot.agents.nano import SHIPPED
from gridpilot.agents.nano.decoding import replies
from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.levers import levers_of
from gridpilot.agents.nano.model import Model, load_model
from gridpilot.agents.nano.prompt import prompt
from gridpilot.agents.nano.vocabulary import END, chat
from gridpilot.errors import DataError
from gridpilot.twin import make_twin

NEEDS = "Comparing with transformers needs the extra 'learn': pip install 'gridpilot[learn]'."


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SHIPPED)


def drawn(model: Model, batch: int = 3, length: int = 60) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(6, len(model.vocabulary.words), (batch, length))


def test_a_cache_changes_nothing(model: Model) -> None:
    ids = drawn(model)
    whole, _ = model.read(ids)
    first, cache = model.read(ids[:, :40])
    one, cache = model.read(ids[:, 40:41], cache)
    rest, cache = model.read(ids[:, 41:], cache)
    assert cache.length == 60
    assert np.abs(np.concatenate([first, one, rest], axis=1) - whole).max() < 1e-4


def test_what_comes_later_is_not_seen(model: Model) -> None:
    ids = drawn(model)
    other = ids.copy()
    other[:, 30:] = ids[:, :30]
    whole, changed_later = model.read(ids)[0], model.read(other)[0]
    assert np.abs(np.subtract(whole[:, :30], changed_later[:, :30])).max() < 1e-4


def test_logits_and_tokenizer_are_those_of_transformers(model: Model) -> None:
    torch = pytest.importorskip("torch", reason=NEEDS)
    transformers = pytest.importorskip("transformers", reason=NEEDS)
    peer = transformers.NemotronForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)
    ids = drawn(model)
    with torch.no_grad():
        expected = peer(input_ids=torch.from_numpy(ids)).logits.numpy()
    assert np.abs(model.read(ids)[0] - expected).max() < 1e-4
    twin = make_twin("ieee14", cycles=20)
    view = twin.observe(small.held(twin, twin.first(), 4)[-1].state)
    text = prompt(view, levers_of(view))
    tokenizer = transformers.AutoTokenizer.from_pretrained(SHIPPED)
    turns = tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, return_dict=True)["input_ids"]
    assert turns == model.vocabulary.encode(chat(text))


def test_greedy_words_are_those_that_transformers_generates(model: Model) -> None:
    """Under the same grammar."""
    torch = pytest.importorskip("torch", reason=NEEDS)
    transformers = pytest.importorskip("transformers", reason=NEEDS)
    peer = transformers.NemotronForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)
    twin = make_twin("six_bus", cycles=200)
    for moved in small.held(twin, twin.first(), 160)[20::35]:
        view = twin.observe(moved.state)
        levers = levers_of(view)
        text, grammar = prompt(view, levers), Grammar(levers, model.vocabulary)
        [reply] = replies(model, text, grammar, [0.0])
        ids = torch.tensor([model.vocabulary.encode(chat(text))])
        begin = ids.shape[1]

        def allowed(_: int, so_far: Any, grammar: Grammar = grammar, begin: int = begin) -> list[int]:
            return model.vocabulary.tokens(grammar.following(tuple(model.vocabulary.decode(so_far[begin:].tolist()))))

        out = peer.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=40, prefix_allowed_tokens_fn=allowed
        )  # fmt: skip
        assert model.vocabulary.decode(out[0, begin:].tolist()) == [*reply, END]


def test_a_text_that_is_too_long_is_refused(model: Model) -> None:
    with pytest.raises(DataError, match="this model reads 512"):
        model.read([[7] * 513])


def changed(tmp_path: Path, name: str, text: str | bytes) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("model.safetensors", b"", "no safetensors file"),
        ("model.safetensors", (10).to_bytes(8, "little") + b"0123456789", "no safetensors file"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}", "holds no model of nano"),
        ("config.json", "{}", "does not describe a model of nano"),
        ("tokenizer.json", "[]", "no tokenizer of nano"),
        ("tokenizer.json", json.dumps({"model": {"vocab": {"<unk>": 0}}}), "lacks words"),
    ],
)
def test_files_that_are_wrong_are_refused_with_a_sentence(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load_model(changed(tmp_path, name, text))


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = (SHIPPED / "model.safetensors").read_bytes()
    with pytest.raises(DataError, match="no safetensors file"):
        load_model(changed(tmp_path, "model.safetensors", whole[: len(whole) // 2]))


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    config = json.loads((SHIPPED / "config.json").read_text()) | {"model_type": "llama", "hidden_act": "silu"}
    with pytest.raises(DataError, match="another kind of model") as caught:
        load_model(changed(tmp_path, "config.json", json.dumps(config)))
    assert [problem.where for problem in caught.value.problems] == ["model_type", "hidden_act"]
