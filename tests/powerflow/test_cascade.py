"""Relays after an outage: what opens, and the load that is lost in the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridpilot.network import Network, make_network
from gridpilot.powerflow import engine
from gridpilot.powerflow.cascade import Cascade, cascades
from gridpilot.powerflow.contingency import Points, contingencies, solve_points
from gridpilot.powerflow.outages import n_minus_one
from gridpilot.values import PQ, SLACK

LIMIT = 1.5


def ladder(ratings_mva: tuple[float, ...]) -> Network:
    """As many parallel lines between a source and a town, and a spur to a village."""
    rows: list[dict[str, Any]] = [
        {"name": f"L{k}", "a": "source", "b": "town", "x_pu": 0.1, "rating_mva": rating} for k, rating in enumerate(ratings_mva)
    ]
    rows.append({"name": "spur", "a": "source", "b": "village", "x_pu": 0.1, "rating_mva": 100.0})
    buses = [{"name": name, "kv": 110.0} for name in ("source", "town", "village")]
    return make_network("ladder", base_mva=100.0, buses=buses, branches=rows)


def points_of(network: Network, *town_mw: float) -> tuple[Points, Any]:
    solver = engine("newton", network)
    batch = len(town_mw)
    p_mw = np.array([[0.0, -demand, -10.0] for demand in town_mw])
    kind = np.repeat(np.array([[SLACK, PQ, PQ]], dtype=np.int8), batch, axis=0)
    closed = np.ones((batch, network.n_branch), dtype=np.bool_)
    return solve_points(solver, p_mw=p_mw, q_mvar=0.0 * p_mw, kind=kind, v_set_pu=np.ones((batch, 3)), closed=closed), solver


def follow(network: Network, *town_mw: float, limit: float = LIMIT, rounds: int = 10) -> Cascade:
    points, solver = points_of(network, *town_mw)
    found = contingencies(solver, network, points, n_minus_one(network))
    load = np.maximum(-points.p_mw, 0.0)
    return cascades(solver, network, points, found, limit=np.full(len(town_mw), limit), load_mw=load, rounds=rounds)


def test_relays_open_one_line_after_the_other_until_the_town_is_dark() -> None:
    # Of 60 MW two lines carry 30 each: too much for 19 MVA, not for 30. One carries 60: too much for 30, not for 60.
    network = ladder((60.0, 19.0, 30.0))
    ended = follow(network, 60.0)
    assert ended.tripped[0].tolist() == [2, 0, 1, 0]
    assert ended.lost_load_mw[0].tolist() == [60.0, 0.0, 0.0, 10.0]


def test_below_the_limit_nothing_opens_and_every_point_has_its_own() -> None:
    network = ladder((60.0, 19.0, 30.0))
    ended = follow(network, 20.0, 60.0)
    assert ended.tripped[0].tolist() == [0, 0, 0, 0]
    assert ended.lost_load_mw[0].tolist() == [0.0, 0.0, 0.0, 10.0]
    assert ended.tripped[1].tolist() == [2, 0, 1, 0]
    assert not follow(network, 60.0, limit=5.0).tripped.any()


def test_a_cascade_without_end_takes_everything() -> None:
    ended = follow(ladder((60.0, 19.0, 30.0)), 60.0, rounds=1)
    assert ended.lost_load_mw[0, 0] == 70.0
