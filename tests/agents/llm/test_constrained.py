"""A model with random weights knows nothing, and every reply of it is a decision: the grammar holds it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.agents.llm.views import view_of

from gridpilot.actions import decision_to_json
from gridpilot.agents import make_agent
from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.agents.llm.language_model import Question
from gridpilot.agents.llm.reply import read_reply
from gridpilot.agents.llm.schema import reply_schema
from gridpilot.errors import ConfigError
from gridpilot.values import View

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Nemotron of random weights and a byte-level tokenizer, in the files of transformers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    pytest.importorskip("llguidance")
    torch.set_num_threads(1)  # two threads of a model of this size only wait for each other
    path = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([str(reply_schema(view_of("six_bus"))).replace("'", '"')] * 3, trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(path)
    torch.manual_seed(0)
    config = transformers.NemotronConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        head_dim=16, max_position_embeddings=4096, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    transformers.NemotronForCausalLM(config).save_pretrained(path)
    return path


def local_model(folder: Path, adapter: Path | None = None) -> Any:
    """The class is in a module that cannot be imported without torch."""
    from gridpilot.agents.llm.constrained import LocalModel

    return LocalModel(folder, adapter)


def question(view: View) -> Question:
    """With texts so short that a model which never ends one is soon done."""
    schema = partial(_short_schema, view)
    return Question([{"role": "user", "content": "Decide."}], schema, partial(read_reply, view=view, agent="local"))


def _short_schema(view: View, finite: bool) -> dict[str, object]:
    return reply_schema(view, finite=finite, assessment=16, reason=8)


@pytest.mark.parametrize(("scenario", "count"), [("six_bus", 20), ("ieee14", 4)])
def test_all_replies_are_decisions(folder: Path, scenario: str, count: int) -> None:
    asked = local_model(folder).ask(question(view_of(scenario)), count, time.monotonic() + 120.0)
    assert [attempt.outcome for attempt in asked.attempts] == ["answered"] * count
    assert len(asked.decisions) == count
    assert len({decision_to_json(decision) for decision in asked.decisions}) > count / 2
    assert any(decision.actions for decision in asked.decisions)


def test_the_first_candidate_is_the_most_likely_one(folder: Path) -> None:
    model, asked = local_model(folder), question(view_of("six_bus"))
    first, second = (model.ask(asked, 1, time.monotonic() + 60.0).decisions for _ in range(2))
    assert first == second


def test_it_operates_and_says_what_it_is(folder: Path) -> None:
    agent = make_agent(f"local:{folder}", stand_in="rules", deadline_s=0.3)
    assert isinstance(agent, LanguageAgent)
    assert "million parameters on" in agent.prepare()
    decision = agent.decide(view_of("six_bus"))
    assert decision.deliberation is not None
    assert decision.deliberation.model == agent.model == "tiny"
    assert decision.deliberation.decided_by == ("rules" if decision.deliberation.why else "local")


def test_a_model_that_is_late_has_a_stand_in(folder: Path) -> None:
    agent = make_agent(f"local:{folder}", stand_in="rules", deadline_s=0.001)
    decision = agent.decide(view_of("six_bus"))
    assert decision.deliberation is not None
    assert decision.deliberation.why.startswith("late: the reply was not finished")
    assert decision.agent == "rules"


def test_an_adapter_is_loaded_onto_the_model(folder: Path, tmp_path: Path) -> None:
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    adapter = tmp_path / "evening"
    base = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tuned = peft.get_peft_model(base, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    tuned.save_pretrained(adapter)
    plain, adapted = local_model(folder), local_model(folder, adapter)
    assert adapted.model == "tiny+evening"
    asked, by_s = question(view_of("six_bus")), time.monotonic() + 60.0
    assert adapted.ask(asked, 1, by_s).decisions != plain.ask(asked, 1, by_s).decisions


def test_a_prompt_without_room_is_told(folder: Path) -> None:
    asked = question(view_of("six_bus"))
    long = Question([{"role": "user", "content": "0123456789 " * 1000}], asked.schema, asked.judge)
    found = local_model(folder).ask(long, 1, time.monotonic() + 10.0)
    assert found.attempts[0].outcome == "rejected"
    assert "lower prompt_tokens" in found.why


@pytest.mark.parametrize(
    ("name", "told"), [("local", "behind a colon"), ("local:no/such/folder", "no config.json"), ("rules:x", "takes nothing")]
)
def test_a_folder_that_holds_no_model_is_an_error(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make_agent(name)


def test_free_text_ends(folder: Path) -> None:
    assert isinstance(local_model(folder).say([{"role": "user", "content": "Why?"}], time.monotonic() + 60.0), str)
