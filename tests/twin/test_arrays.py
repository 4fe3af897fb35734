"""Choosing and joining elements."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from tests.twin import small

from gridpilot.testing.compare import difference
from gridpilot.twin.arrays import pick, replace_elements, replicate
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


def test_replacing_elements_leaves_the_others_and_the_original() -> None:
    original = pair(1.0, 2.0, 3.0)
    assert difference(replace_elements(original, np.array([2, 0]), pair(8.0, 9.0)), pair(9.0, 2.0, 8.0)) == ""
    assert difference(original, pair(1.0, 2.0, 3.0)) == ""


def test_a_whole_state_survives_taking_apart_and_putting_together() -> None:
    state = small.twin(seeds=(0, 1, 2)).first()
    back = replace_elements(replicate(state, 0, 3), np.array([1, 2]), pick(state, np.array([1, 2])))
    assert difference(back, state) == ""


def test_what_is_no_batch_value_is_refused() -> None:
    with pytest.raises(TypeError, match="found str"):
        pick({"name": "six_bus"}, np.array([0]))
