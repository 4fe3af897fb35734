"""Everybody ends at the average, as fast as the eigenvalues say, on any connected graph and on no other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.agents.coordination.horizontal.consensus import Consensus, make
from gridpilot.agents.coordination.horizontal.graph import FORMS, make_edges
from gridpilot.agents.coordination.horizontal.mixing import mix
from gridpilot.errors import ActionError, ConfigError, UnknownNameError
from gridpilot.testing import check_horizontal


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A tree with some edges more."""
    agents = draw(st.integers(2, 9))
    edges = {(draw(st.integers(0, k - 1)), k) for k in range(1, agents)}
    more = draw(st.lists(st.tuples(st.integers(0, agents - 1), st.integers(0, agents - 1)), max_size=6))
    edges |= {(min(pair), max(pair)) for pair in more if pair[0] != pair[1]}
    return agents, sorted(edges)


def distance(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(values - mean, axis=1))


@given(graphs(), st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_every_round_comes_closer_by_the_second_eigenvalue_and_keeps_the_sum(
    graph: tuple[int, list[tuple[int, int]]], seed: int, rounds: int
) -> None:
    agents, edges = graph
    protocol = make(agents, edges, rounds=rounds)
    said = np.random.default_rng(seed).normal(0.0, 100.0, (3, agents, 1))
    heard = protocol.exchange(said).heard
    mean = said.mean(axis=1, keepdims=True)
    assert protocol.contraction < 1.0
    assert (distance(heard, mean) <= protocol.contraction**rounds * distance(said, mean) + 1e-10).all()
    assert heard.sum(axis=1) == pytest.approx(said.sum(axis=1), abs=1e-10)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("agents", [1, 2, 3, 10])
def test_the_tolerance_is_reached_in_the_rounds_that_were_announced(form: str, agents: int) -> None:
    protocol = make(agents, form, tolerance=1e-8, quantities=("a_mw", "b_usd"))
    said = np.random.default_rng(agents).uniform(0.0, 50.0, (4, agents, 2))
    agreed = protocol.exchange(said)
    mean = said.mean(axis=1, keepdims=True)
    assert (distance(agreed.heard, mean) <= 1e-8 * distance(said, mean) + 1e-12).all()
    assert (agreed.rounds == protocol.rounds).all()
    assert (agreed.messages == 2 * len(protocol.edges) * protocol.rounds).all()


def test_the_bound_is_tight_so_no_round_is_too_many() -> None:
    """The slowest pattern on a ring of ten, a cosine, falls by exactly the second eigenvalue in each round."""
    slowest = np.cos(2.0 * np.pi * np.arange(10) / 10)[None, :, None]
    protocol = make(10, "ring", tolerance=1e-3)
    mean = np.zeros((1, 1, 1))
    left = distance(make(10, "ring", rounds=protocol.rounds - 1).exchange(slowest).heard, mean)
    assert left > 1e-3 * distance(slowest, mean)
    assert protocol.contraction == pytest.approx((1.0 + 2.0 * np.cos(2.0 * np.pi / 10)) / 3.0)
    assert protocol.tolerance <= 1e-3


def test_an_agent_alone_comes_to_the_same_bits() -> None:
    protocol = make(6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 4)], rounds=1, quantities="abc")
    said = np.random.default_rng(0).normal(size=(2, 6, 3))
    together = protocol.exchange(said).heard
    for agent in range(6):
        own, heard = said[:, agent : agent + 1], said[:, protocol.neighbours[agent]][:, None]
        assert (mix(own, heard, protocol.weights[agent : agent + 1]) == together[:, agent : agent + 1]).all()


def test_forms_have_the_edges_that_their_names_say() -> None:
    assert make_edges("line", 4) == ((0, 1), (1, 2), (2, 3))
    assert make_edges("ring", 4) == ((0, 1), (0, 3), (1, 2), (2, 3))
    assert make_edges("ring", 2) == ((0, 1),)
    assert make_edges("star", 4) == ((0, 1), (0, 2), (0, 3))
    assert len(make_edges("complete", 5)) == 10
    with pytest.raises(UnknownNameError, match="complete, line, ring, star"):
        make_edges("circle", 4)


def test_a_graph_in_parts_is_refused_and_the_parts_are_named() -> None:
    with pytest.raises(ConfigError, match=r"agents \[0, 2\](.|\n)*agents \[1\](.|\n)*agents \[3, 4\]"):
        make(5, [(0, 2), (4, 3)])


def test_pairs_that_are_none_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError, match=r"edge 0: is \[1, 1\](.|\n)*edge 1: names \[7\](.|\n)*edge 2: is \[0\]"):
        make_edges([(1, 1), (0, 7), (0,)], 3)
    with pytest.raises(ConfigError, match="edge 0–1: comes twice"):
        make_edges([(0, 1), (1, 0), (1, 2)], 3)


def test_settings_out_of_range_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError, match=r"agents(.|\n)*tolerance(.|\n)*rounds"):
        make(0, tolerance=1.0, rounds=-1)


def test_more_rounds_bring_everybody_closer() -> None:
    said = np.array([[[0.0], [0.0], [90.0]]])
    spreads = [float(np.ptp(make(3, "line", rounds=k).exchange(said).heard)) for k in range(8)]
    assert all(later < sooner for sooner, later in pairwise(spreads))


def test_it_keeps_the_promises_of_a_protocol_and_knows_how_many_take_part() -> None:
    protocol: Consensus = make(5, "ring", quantities=("price_usd_per_mwh", "net_mw"))
    check_horizontal(protocol, agents=5)
    with pytest.raises(ActionError, match="4 grid agents spoke in a consensus of 5"):
        protocol.exchange(np.zeros((1, 4, 2)))
