"""Choosing and joining elements."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from tests.twin import small

from gridpilot.testing.compare import difference
from gridpilot.twin.arrays import pick, put, replicate
from gridpilot.values import Floats


class Pair(NamedTuple):
    """A value with a nested one."""

    a: Floats
    b: dict[str, Floats]


def pair(*rows: float) -> Pair:
    return Pair(np.array(rows), {"x": np.array([[row, -row] for row in rows])})


def test_elements_can_be_picked_in_any_order_and_more_than_once() -> None:
    picked = pick(pair(1.0, 2.0, 3.0), np.array([2, 0, 2]))
    assert difference(picked, pair(3.0, 1.0, 3.0)) == ""


def test_elements_are_written_over_and_the_others_stay() -> None:
    value = pair(1.0, 2.0, 3.0)
    put(value, np.array([2, 0]), pair(8.0, 9.0))
    assert difference(value, pair(9.0, 2.0, 8.0)) == ""


def test_a_whole_state_survives_taking_apart_and_putting_together() -> None:
    state = small.twin(seeds=(0, 1, 2)).first()
    copies = replicate(state, 0, 3)
    put(copies, np.array([1, 2]), pick(state, np.array([1, 2])))
    assert difference(copies, state) == ""


def test_what_is_no_batch_value_is_refused() -> None:
    with pytest.raises(TypeError, match="found str"):
        pick({"name": "six_bus"}, np.array([0]))
