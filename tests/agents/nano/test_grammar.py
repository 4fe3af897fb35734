"""Every reply that the grammar lets through is a decision inside the bounds of its state, whatever the model says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.twin import small

from gridpilot.actions import REFUSED
from gridpilot.agents.nano import SHIPPED
from gridpilot.agents.nano.decoding import replies
from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.levers import levers_of
from gridpilot.agents.nano.model import Model, load_model
from gridpilot.agents.nano.prompt import prompt
from gridpilot.agents.nano.vocabulary import END
from gridpilot.twin import make_twin
from gridpilot.values import RISK_LEVELS


def babbling(seed: int) -> Model:
    """The shipped model with its weights drawn anew: it knows nothing."""
    random, shipped = np.random.default_rng(seed), load_model(SHIPPED)
    arrays = {name: random.normal(size=values.shape).astype(np.float32) for name, values in shipped.arrays.items()}
    return replace(shipped, arrays=arrays)


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14", "three_microgrids"])
def test_even_a_model_that_knows_nothing_gives_orders_that_are_followed_to_the_letter(scenario: str) -> None:
    twin, model = make_twin(scenario, cycles=30), babbling(0)
    state = small.held(twin, twin.first(), 10)[-1].state
    view = twin.observe(state)
    levers = levers_of(view)
    grammar = Grammar(levers, model.vocabulary)
    for reply in replies(model, prompt(view, levers), grammar, [0.0, *[3.0] * 15], seed=1):
        assert reply[0] in RISK_LEVELS
        assert grammar.holds(reply)
        _, receipts = twin.order(state, levers.actions(reply[1:]))
        assert [receipt for receipt in receipts if receipt.outcome == REFUSED] == []


def test_slots_come_in_order_and_once() -> None:
    twin = make_twin("six_bus", cycles=3)
    levers = levers_of(twin.observe(twin.first()))
    grammar = Grammar(levers, load_model(SHIPPED).vocabulary)
    assert grammar.following(()) == RISK_LEVELS
    assert grammar.following(("LOW",)) == (*levers.by_word, END)
    assert grammar.following(("LOW", "b1")) == levers.by_word["b1"].values
    assert grammar.following(("LOW", "b1", "3")) == ("p1", "p2", "l1", "l2", END)
    assert grammar.following(("LOW", "l2", "min")) == (END,)
    assert not grammar.holds(("LOW", "b1", "3", "g1", "2"))
    assert not grammar.holds(("LOW", "b1"))
    assert not grammar.holds(("LOW", "b1", "98"))


def test_draws_follow_their_seed_and_the_first_is_greedy() -> None:
    twin, model = make_twin("six_bus", cycles=3), babbling(1)
    view = twin.observe(twin.first())
    levers = levers_of(view)
    grammar, text = Grammar(levers, model.vocabulary), prompt(view, levers)
    first = replies(model, text, grammar, [0.0, 2.0, 2.0, 2.0], seed=4)
    assert first == replies(model, text, grammar, [0.0, 2.0, 2.0, 2.0], seed=4)
    assert first[1:] != replies(model, text, grammar, [0.0, 2.0, 2.0, 2.0], seed=5)[1:]
    assert replies(model, text, grammar, [0.0]) == first[:1]
