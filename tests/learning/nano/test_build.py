"""A build from a seed: two small rounds give a model that transformers and the agent read alike, and go on after a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gridpilot.agents.nano import Nano
from gridpilot.agents.nano.model import load_model
from gridpilot.errors import ConfigError
from gridpilot.testing import check_agent

NEEDS = "Training nano needs the extra 'learn': pip install 'gridpilot[learn]'."
torch = pytest.importorskip("torch", reason=NEEDS)
pytest.importorskip("transformers", reason=NEEDS)

from gridpilot.agents.nano.vocabulary import PAD, Vocabulary, all_words  # noqa: E402
from gridpilot.learning.nano.build import Recipe, build  # noqa: E402
from gridpilot.learning.nano.dataset import Shift, play  # noqa: E402
from gridpilot.learning.nano.training import ModelSize, Schedule, new_model, tokens_of, train, validation_loss  # noqa: E402

TINY = ModelSize(hidden=32, layers=2, heads=2, kv_heads=1, intermediate=48, positions=256)
RECIPE = Recipe(shifts=(1, 1), steps=(3, 3), size=TINY, batch=4, cycles=24, judged_days=0, processes=1)


def test_training_learns_and_only_replies_count() -> None:
    words = Vocabulary(all_words())
    examples = [tokens_of(one, words) for one in play(Shift(0, 0, cycles=36))]
    network = new_model(TINY, words, seed=0)
    before = validation_loss(network, examples, words.token[PAD])
    losses = train(network, examples, Schedule(steps=40, batch=8, warm_up=4, peak_rate=5e-3), pad=words.token[PAD], seed=0)
    after = validation_loss(network, examples, words.token[PAD])
    assert before == pytest.approx(np.log(len(words.words)), rel=0.1)
    assert after < before / 2
    assert len(losses) == 40


def test_a_build_makes_an_operator_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    one, two = build(tmp_path / "one", 0, RECIPE), build(tmp_path / "two", 0, RECIPE)
    assert (one.folder / "examples-1.jsonl").read_text() == (two.folder / "examples-1.jsonl").read_text()
    first, second = load_model(one.folder), load_model(two.folder)
    assert all(np.allclose(first.arrays[name], second.arrays[name], atol=1e-3) for name in first.arrays)
    check_agent(Nano(folder=one.folder), "six_bus", cycles=3)
    assert "## Limits" in (one.folder / "README.md").read_text()


def test_whole_rounds_are_kept(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("round 1: steps"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, 0, RECIPE, stop)
    kept = (tmp_path / "round-0" / "model.safetensors").stat().st_mtime_ns
    told: list[str] = []
    build(tmp_path, 0, RECIPE, lambda what, done, total: told.append(what))
    assert (tmp_path / "round-0" / "model.safetensors").stat().st_mtime_ns == kept
    assert set(told) == {"round 1: steps trained"}


def test_a_recipe_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="one number per round"):
        Recipe(shifts=(1,), steps=(1, 2))
