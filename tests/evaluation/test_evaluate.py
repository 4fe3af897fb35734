"""Evaluations: all agents meet the same, broken ones cost themselves, and the JSON is what other programs expect."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.agents import make_agent
from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.evaluation import Episode, Evaluation, evaluate, table
from gridpilot.twin import make_twin
from gridpilot.values import REWARD_TERMS, Action, Decision, View

CYCLES = 12


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate("six-bus", ("do-nothing", "rules"), episodes=3, cycles=CYCLES)


def without_latency(episode: Episode) -> Episode:
    return replace(episode, latencies_ms=())


def test_all_agents_meet_the_same_days(evaluation: Evaluation) -> None:
    nothing, rules = evaluation.played["do-nothing"], evaluation.played["rules"]
    assert [(e.seed, e.start) for e in nothing] == [(e.seed, e.start) for e in rules]
    assert len({e.start for e in nothing}) > 1
    assert all(e.cycles == CYCLES for e in (*nothing, *rules))


def test_doing_nothing_is_the_twin_left_alone(evaluation: Evaluation) -> None:
    """Played one by one through views and shield, it is the same as a batch that is stepped without either."""
    twin = make_twin("six-bus", seeds=(0, 1, 2), cycles=CYCLES)
    state, reward, served = twin.first(), np.zeros(3), np.zeros(3)
    for _ in range(CYCLES):
        moved = twin.step(state, state.setpoints)
        state, reward, served = moved.state, reward + moved.reward, served + moved.outcomes.cost_usd
    played = evaluation.played["do-nothing"]
    assert [e.reward for e in played] == pytest.approx(reward.tolist(), rel=1e-12)
    assert [e.cost_usd for e in played] == pytest.approx(served.tolist(), rel=1e-12)


def test_order_and_number_of_agents_change_nothing(evaluation: Evaluation) -> None:
    again = evaluate("six-bus", (make_agent("rules"),), seeds=(2, 0), cycles=CYCLES)
    expected = {e.seed: without_latency(e) for e in evaluation.played["rules"]}
    assert [without_latency(e) for e in again.played["rules"]] == [expected[2], expected[0]]


def test_processes_change_nothing(evaluation: Evaluation) -> None:
    spread = evaluate("six-bus", ("do-nothing", "rules"), episodes=3, cycles=CYCLES, processes=2)
    for agent, episodes in evaluation.played.items():
        assert [without_latency(e) for e in spread.played[agent]] == [without_latency(e) for e in episodes]


def test_the_json_is_the_documented_one(evaluation: Evaluation) -> None:
    face = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert list(face) == ["scenario", "profiles", "episodes", "agents"]
    assert (face["scenario"], face["profiles"], face["episodes"]) == ("six_bus", "simbench", 3)
    assert list(face["agents"]) == ["do-nothing", "rules"]
    card = face["agents"]["rules"]
    assert list(card) == [
        "reward", "terms", "survival", "ens_mwh", "overload_min", "voltage_min", "curtailment_mwh", "cost_usd", "co2_t",
        "refused", "clipped", "invalid", "false_safe", "latency_ms",
    ]  # fmt: skip
    assert list(card["terms"]) == list(REWARD_TERMS)
    for estimate in (card["reward"], *card["terms"].values()):
        assert list(estimate) == ["mean", "low", "high"]
        assert estimate["low"] <= estimate["mean"] <= estimate["high"]
    assert 0 < card["latency_ms"]["p50"] <= card["latency_ms"]["p95"]


def test_cards_are_means_over_episodes(evaluation: Evaluation) -> None:
    card, played = evaluation.cards["rules"], evaluation.played["rules"]
    assert card.reward.mean == pytest.approx(np.mean([e.reward for e in played]))
    assert card.curtailment_mwh == pytest.approx(np.mean([e.curtailment_mwh for e in played]))
    weights = make_twin("six-bus", cycles=CYCLES).model.weights
    assert card.reward.mean == pytest.approx(sum(w * t.mean for w, t in zip(weights, card.terms.values(), strict=True)))


def test_differences_to_doing_nothing_are_paired(evaluation: Evaluation) -> None:
    found = evaluation.against_nothing()
    pairs = zip(evaluation.played["rules"], evaluation.played["do-nothing"], strict=True)
    assert list(found) == ["rules"]
    assert found["rules"].mean == pytest.approx(np.mean([a.reward - b.reward for a, b in pairs]))
    assert replace(evaluation, played={"rules": evaluation.played["rules"]}).against_nothing() == {}


def test_the_table_has_a_cell_per_agent(evaluation: Evaluation) -> None:
    rows = table(evaluation)
    assert all(len(row.cells) == 2 for row in rows)
    by_label = {row.label.strip(): row for row in rows}
    assert set(REWARD_TERMS) <= set(by_label)
    assert by_label["reward beyond do-nothing"].cells[0] == "–"
    one = replace(evaluation, played={name: episodes[:1] for name, episodes in evaluation.played.items()})
    assert "[" not in table(one)[0].cells[0]


# --------------------------------------------------------------------------------------------- what goes wrong


class Faulty:
    """Raises in every other cycle."""

    name = "faulty"

    def decide(self, view: View) -> Decision:
        if view.step % 2:
            raise ValueError("lost the thread")
        return Decision(agent=self.name)


class Mute:
    """Answers nothing."""

    name = "mute"

    def decide(self, view: View) -> Any:
        return None


def test_agents_that_fail_do_nothing_and_are_counted(evaluation: Evaluation) -> None:
    found = evaluate("six-bus", (Faulty(), Mute()), seeds=(0,), cycles=CYCLES)
    left_alone = evaluation.played["do-nothing"][0]
    for name, count in (("faulty", CYCLES // 2), ("mute", CYCLES)):
        (episode,) = found.played[name]
        assert episode.invalid == count
        assert episode.reward == pytest.approx(left_alone.reward, rel=1e-12)


def test_wrong_orders_are_refused_and_counted(says: Callable[..., Any]) -> None:
    wrong = (Action("REDISPATCH", "NOBODY", {"target_mw": 1.0}), Action("REDISPATCH", "B2-GAS", {"target_mw": 1e5}))
    agent = says("wrong", risk_level="HIGH", actions=wrong)
    (episode,) = evaluate("six-bus", (agent,), seeds=(0,), cycles=2).played["wrong"]
    assert episode.refused >= 2
    assert episode.refused + episode.clipped == 4


def test_the_shield_stands_between_agent_and_grid(says: Callable[..., Any]) -> None:
    """An order to cut the city off is refused, so that the city stays served."""
    twin = make_twin("six-bus", seeds=(0,), cycles=4)
    network = twin.model.scenario.network
    city = network.bus("B1-CITY")
    around = [n for k, n in enumerate(network.branch_name) if city in (network.branch_from[k], network.branch_to[k])]
    agent = says("vandal", actions=tuple(Action("TOPOLOGY", name, {"status": "open"}) for name in around))
    (episode,) = evaluate("six-bus", (agent,), seeds=(0,), cycles=4).played["vandal"]
    assert episode.refused == 4 * len(around)
    assert episode.ens_mwh == 0.0


def test_an_interrupt_keeps_the_seeds_that_all_have_played() -> None:
    def stop(episode: Episode, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    found = evaluate("six-bus", ("do-nothing", "rules"), episodes=3, cycles=2, progress=stop)
    assert found.episodes == 1
    assert {name: [e.seed for e in episodes] for name, episodes in found.played.items()} == {"do-nothing": [0], "rules": [0]}


def test_an_interrupt_before_anything_is_done_goes_through() -> None:
    def stop(episode: Episode, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate("six-bus", ("do-nothing", "rules"), episodes=1, cycles=2, progress=stop)


def test_progress_tells_of_every_episode() -> None:
    told: list[tuple[str, int, int, int]] = []
    evaluate(
        "six-bus", ("do-nothing", "rules"), seeds=(5, 7), cycles=1,
        progress=lambda episode, done, total: told.append((episode.agent, episode.seed, done, total)),
    )  # fmt: skip
    assert told == [("do-nothing", 5, 1, 4), ("rules", 5, 2, 4), ("do-nothing", 7, 3, 4), ("rules", 7, 4, 4)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"episodes": 0}, "one or more different seeds"),
        ({"seeds": (1, 1)}, "one or more different seeds"),
        ({"agents": ()}, "one or more agents"),
        ({"agents": ("rules", "rules")}, "different names"),
        ({"processes": 0}, "expected 1 or more"),
        ({"agents": ("ruler",)}, "Did you mean 'rules'"),
        ({"scenario": "7-bus"}, "no scenario"),
        ({"profiles": "simbnech"}, "Did you mean 'simbench'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(change: dict[str, Any], told: str) -> None:
    asked: dict[str, Any] = {"scenario": "six-bus", "agents": ("do-nothing",), "episodes": 1, "cycles": 1, **change}
    with pytest.raises((ConfigError, UnknownNameError), match=told):
        evaluate(asked.pop("scenario"), asked.pop("agents"), **asked)
