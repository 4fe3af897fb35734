"""Examples: labels that pay, in a language that the grammar knows; the same for a seed; never a day of evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.twin import small

from gridpilot.agents.best_of import best_of
from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.levers import levers_of
from gridpilot.agents.nano.vocabulary import UNKNOWN, Vocabulary, all_words
from gridpilot.learning.nano.dataset import PERIOD, PROFILES, Shift, play, play_all, read_examples, write_examples
from gridpilot.learning.nano.grids import LEARNED_FROM, variant
from gridpilot.learning.nano.teacher import Teacher
from gridpilot.scenarios import load_scenario
from gridpilot.twin import make_twin
from gridpilot.values import Decision

SHORT = Shift(0, 7, cycles=6)


@pytest.mark.parametrize("scenario", LEARNED_FROM)
def test_a_label_is_a_reply_and_no_worse_than_doing_nothing(scenario: str) -> None:
    twin = make_twin(scenario, cycles=60, period="tuning")
    vocabulary = Vocabulary(all_words())
    for moved in small.held(twin, twin.first(), 50)[::12]:
        view = twin.observe(moved.state)
        levers = levers_of(view)
        label = Teacher().label(view, levers)
        assert Grammar(levers, vocabulary).holds(label)
        found = best_of(view, [Decision(actions=levers.actions(label[1:]))])
        assert found.weighed[1].safe or not found.weighed[0].safe
        assert found.weighed[1].score >= found.weighed[0].score - 1e-9


def test_a_shift_is_the_same_for_its_number_however_many_work() -> None:
    first = play(SHORT)
    assert [example.prompt for example in first] == [example.prompt for example in play_all([SHORT])]
    assert first != play(Shift(2, 7, cycles=6))
    words = Vocabulary(all_words())
    assert all(words.token[UNKNOWN] not in words.encode(f"{one.prompt} {one.reply}") for one in first)


def test_examples_survive_the_way_to_disk(tmp_path: Path) -> None:
    examples = play(SHORT)
    write_examples(tmp_path / "examples.jsonl", examples)
    assert read_examples(tmp_path / "examples.jsonl") == examples


@pytest.mark.parametrize("name", LEARNED_FROM)
def test_variants_are_other_grids_that_can_be_operated(name: str) -> None:
    original = load_scenario(name)
    for number in range(3):
        scenario = variant(name, np.random.default_rng(number), moved=1.0)
        assert not np.allclose(scenario.network.rating_mva, original.network.rating_mva)
        assert len(scenario.threats) > len(original.threats)
        twin = make_twin(scenario, seeds=(number,), cycles=6, period="tuning")
        moved = small.held(twin, twin.first(), 5)[-1]
        assert np.isfinite(moved.reward).all()


def test_no_day_of_evaluation_is_learned_from() -> None:
    for name in LEARNED_FROM:
        source = load_scenario(name).sources[PROFILES]
        twins = [make_twin(name, profiles=PROFILES, seeds=(seed,), cycles=2, period=PERIOD) for seed in range(5)]
        assert all(twin.time(twin.first())[:10] <= source.tuning[1] < source.judging[0] for twin in twins)
