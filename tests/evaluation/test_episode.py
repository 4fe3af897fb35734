"""Scores of cycles: what is counted, and when a LOW risk was a false one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gridpilot.evaluation import Score, episode_of, score
from gridpilot.evaluation.episode import is_false_safe
from gridpilot.scenarios import Scenario, load_scenario
from gridpilot.twin import make_twin
from gridpilot.values import REWARD_TERMS, Decision, Receipt, Transition


@pytest.fixture(scope="module")
def quiet() -> Transition:
    """A cycle without violation: two elements, branches rated for anything, a band for any voltage."""
    return one_step(rating_mva=1e4, v_min_pu=0.5, v_max_pu=1.5)


@pytest.fixture(scope="module")
def strained() -> Transition:
    """A cycle in which every branch that carries something is above its rating."""
    return one_step(rating_mva=1.0, v_min_pu=0.5, v_max_pu=1.5)


def one_step(rating_mva: float, v_min_pu: float, v_max_pu: float) -> Transition:
    twin = make_twin(rated(rating_mva, v_min_pu, v_max_pu), seeds=(0, 1), cycles=4)
    state = twin.first()
    return twin.step(state, state.setpoints)


def rated(rating_mva: float, v_min_pu: float, v_max_pu: float) -> Scenario:
    scenario = load_scenario("six-bus").without_disturbances()
    n, m = scenario.network.n_bus, scenario.network.n_branch
    network = replace(
        scenario.network,
        rating_mva=np.full(m, rating_mva),
        bus_v_min_pu=np.full(n, v_min_pu),
        bus_v_max_pu=np.full(n, v_max_pu),
    )
    return replace(scenario, network=network)


LOW = Decision(risk_level="LOW")


def test_only_a_low_risk_before_a_violation_is_false(quiet: Transition, strained: Transition) -> None:
    assert is_false_safe(strained, LOW)
    assert not is_false_safe(quiet, LOW)
    assert not is_false_safe(strained, Decision(risk_level="MEDIUM"))
    assert not is_false_safe(strained, replace(LOW, invalid=True))


@pytest.mark.parametrize(("begins", "counts"), [(1, False), (0, True)])
def test_nobody_is_blamed_for_what_strikes_in_this_cycle(strained: Transition, begins: int, counts: bool) -> None:
    """A restoration is no excuse, a disturbance of another element neither."""
    struck = np.array([[0, 1, 0, begins, 0]])
    hit = replace(strained, events=replace(strained.events, struck=struck))
    assert is_false_safe(hit, LOW, element=0) is counts
    assert is_false_safe(hit, LOW, element=1)


def test_a_grid_that_is_down_was_not_safe(quiet: Transition) -> None:
    down = replace(quiet, state=replace(quiet.state, collapsed=np.array([True, False])))
    assert is_false_safe(down, LOW, element=0)
    assert not is_false_safe(down, LOW, element=1)
    assert score(down, LOW, (), 1.0, element=0).survived == 0


def test_scores_are_the_transitions_numbers(strained: Transition) -> None:
    receipts = [Receipt("X", "a", 1.0, 1.0, "applied"), Receipt("X", "b", 1.0, 0.5, "clipped"), Receipt("X", "c", 1.0, None, "refused")]
    found = score(strained, LOW, [*receipts, receipts[2]], 2.5, element=1)
    assert (found.clipped, found.refused, found.latency_ms) == (1, 2, 2.5)
    assert found.reward == strained.reward[1]
    assert found.terms == tuple(strained.reward_terms[1, 0])
    assert found.overload_min == strained.outcomes.overload_min[1] > 0


def test_an_episode_is_the_sum_of_its_cycles(quiet: Transition, make_score: Callable[..., Score]) -> None:
    cycles = [make_score(k) for k in range(5)]
    episode = episode_of("a", 3, "2016-07-04T00:00", cycles)
    assert episode.cycles == 5
    assert episode.reward == sum(one.reward for one in cycles)
    assert episode.terms == tuple(float(k) for k in np.sum([one.terms for one in cycles], axis=0))
    assert episode.survival == pytest.approx(3 / 5)
    assert (episode.refused, episode.clipped, episode.invalid, episode.false_safe) == (10, 20, 2, 5)
    assert episode.latencies_ms == (0.0, 1.0, 2.0, 3.0, 4.0)


@pytest.fixture
def make_score(quiet: Transition) -> Callable[..., Score]:
    plain = score(quiet, LOW, (), 0.0)

    def made(k: int) -> Score:
        return replace(
            plain, reward=-float(k), terms=tuple(-float(k * j) for j in range(len(REWARD_TERMS))), survived=int(k < 3),
            refused=k, clipped=2 * k, invalid=int(k > 2), false_safe=1, latency_ms=float(k),
        )  # fmt: skip

    return made
