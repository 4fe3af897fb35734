"""What merged buses are to the equations: nothing is lost, the strongest leads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.powerflow.group import Inputs
from gridpilot.powerflow.merging import merge
from gridpilot.values import FORMING, OFF, PQ, PV, SLACK

HEAD = np.array([[0, 1, 1, 3, 1, 5]])
"""Buses 1, 2 and 4 are one."""
MEMBER = np.array([1, 2, 4, 5])


def inputs(kind: Any, rows: int = 1) -> Inputs:
    draw, nothing = np.random.default_rng(3), np.zeros((0, 0))
    p, q, v, share = draw.normal(size=(4, rows, 6))
    low, high = np.full((rows, 6), -5.0), np.full((rows, 6), 7.0)
    codes, closed = np.array([kind], dtype=np.int8), np.ones((1, 3), dtype=np.bool_)
    return Inputs(p, q, codes, 1.0 + 0.01 * v, closed, low, high, np.abs(share), nothing, nothing, np.zeros(0, dtype=np.int8))


@given(kind=st.lists(st.sampled_from([PQ, PV, SLACK, OFF, FORMING]), min_size=6, max_size=6), rows=st.sampled_from([1, 3]))
def test_nothing_is_lost_and_followers_are_off(kind: list[int], rows: int) -> None:
    given_inputs = inputs(kind, rows)
    merged, _ = merge(given_inputs, HEAD, MEMBER)
    built = np.array(kind) != OFF
    for mine, theirs in ((merged.p_mw, given_inputs.p_mw), (merged.q_mvar, given_inputs.q_mvar), (merged.share, given_inputs.share)):
        assert np.allclose(mine[:, [1, 5]].sum(axis=1), theirs[:, MEMBER][:, built[MEMBER]].sum(axis=1))
        assert np.array_equal(mine[:, [0, 3]], theirs[:, [0, 3]])
    assert (merged.kind[:, [2, 4]] == OFF).all()
    assert merged.kind[:, [0, 3, 5]].tolist() == [[kind[0], kind[3], kind[5]]]
    assert all(values.flags.c_contiguous for values in merged)


@pytest.mark.parametrize(
    ("kinds", "strongest", "leader"),
    [
        ((PQ, PV, PQ), PV, 2), ((PV, FORMING, PV), FORMING, 2), ((FORMING, PV, SLACK), SLACK, 4), ((PV, PV, PQ), PV, 1),
        ((OFF, PQ, PV), PV, 4), ((OFF, OFF, PQ), PQ, 4), ((OFF, OFF, OFF), OFF, None),
    ],
)  # fmt: skip
def test_the_first_of_the_strongest_leads(kinds: tuple[int, ...], strongest: int, leader: int | None) -> None:
    kind = [PQ, kinds[0], kinds[1], PQ, kinds[2], PQ]
    merged, merger = merge(inputs(kind), HEAD, MEMBER)
    assert merged.kind[0, 1] == strongest
    place = int(merger.leader[0, 0])
    assert (None if place < 0 else int(MEMBER[place])) == leader
    assert leader is None or merged.v_set_pu[0, 1] == inputs(kind).v_set_pu[0, leader]


def test_what_a_member_does_not_regulate_it_gives_as_it_is() -> None:
    given_inputs = inputs([PQ, PV, PQ, PQ, PV, PQ])
    merged, _ = merge(given_inputs, HEAD, MEMBER)
    assert merged.q_min_mvar[0, 1] == pytest.approx(-10.0 + given_inputs.q_mvar[0, 2])
    assert merged.q_max_mvar[0, 1] == pytest.approx(14.0 + given_inputs.q_mvar[0, 2])
