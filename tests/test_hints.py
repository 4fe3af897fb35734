"""Values are what type hints say, and what is not is named with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gridpilot.hints import misfits


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, float), (np.float64(1.0), float), (np.int64(3), int), (None, int | None), ("a", str | int), (object(), Any),
        ({"a": 1.0}, Mapping[str, float]), ({}, Mapping[str, float]), ([[1, 2]], Sequence[Sequence[int]]), (["a"], tuple[str, ...]),
    ],
)  # fmt: skip
def test_what_fits(value: object, hint: Any) -> None:
    assert list(misfits("here", value, hint)) == []


@pytest.mark.parametrize(
    ("value", "hint", "told"),
    [
        ("8", int | None, "here: is '8', expected a whole number or nothing"),
        (8.0, int, "here: is 8.0, expected a whole number"),
        (True, float, "here: is True, expected a number"),
        (1, bool, "here: is 1, expected true or false"),
        (3, Mapping[str, float], "here: is 3, expected keys with values"),
        ({"a": 1.0, "b": "x"}, Mapping[str, float], "here.b: is 'x', expected a number"),
        ([1, "x"], Sequence[int], "here: is [1, 'x'], expected a list"),
    ],
)
def test_what_does_not_fit(value: object, hint: Any, told: str) -> None:
    assert [str(problem) for problem in misfits("here", value, hint)] == [told]
