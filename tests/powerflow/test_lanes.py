"""Each lane operation is the IEEE operation on four doubles, whatever stands in the other lanes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.jit import kernel
from gridpilot.powerflow.lanes import (
    WIDTH,
    absolute,
    below,
    fma,
    fnma,
    gather,
    largest,
    load,
    negative,
    root,
    scatter,
    select,
    splat,
    store,
)

Floats = NDArray[np.float64]
doubles = st.lists(st.floats(-1e100, 1e100), min_size=WIDTH, max_size=WIDTH).map(np.array)
anything = st.lists(st.floats(), min_size=WIDTH, max_size=WIDTH).map(np.array)


@kernel
def arithmetic(a: Floats, b: Floats, c: Floats, out: Floats) -> None:
    x, y, z = load(a, 0), load(b, 0), load(c, 0)
    store(out, 0 * WIDTH, x + y)
    store(out, 1 * WIDTH, x - y)
    store(out, 2 * WIDTH, x * y)
    store(out, 3 * WIDTH, x / y)
    store(out, 4 * WIDTH, fma(x, y, z))
    store(out, 5 * WIDTH, fnma(x, y, z))
    store(out, 6 * WIDTH, negative(x))
    store(out, 7 * WIDTH, absolute(x))
    store(out, 8 * WIDTH, root(absolute(x)))


@kernel
def choices(a: Floats, b: Floats, mask: Floats, out: Floats) -> None:
    x, y = load(a, 0), load(b, 0)
    store(out, 0 * WIDTH, largest(x, y))
    store(out, 1 * WIDTH, below(x, y))
    store(out, 2 * WIDTH, select(load(mask, 0), x, y))


@kernel
def transpose(table: Floats, columns: int, out: Floats) -> None:
    for column in range(columns):
        lanes = gather(table, column, columns + column, 2 * columns + column, 3 * columns + column)
        scatter(out, column, columns, lanes + splat(1.0))


def exactly(a: float, b: float, c: float) -> float:
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def same(a: Floats, b: Floats) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


@given(a=doubles, b=doubles, c=doubles)
def test_arithmetic_rounds_once_in_every_lane(a: Floats, b: Floats, c: Floats) -> None:
    out = np.empty((9, WIDTH))
    arithmetic(a, b, c, out.ravel())
    with np.errstate(all="ignore"):
        expected = (a + b, a - b, a * b, a / b)
        assert all(same(row, value) for row, value in zip(out[:4], expected, strict=True))
    assert out[4].tolist() == [exactly(*lane) for lane in zip(a, b, c, strict=True)]
    assert out[5].tolist() == [exactly(-lane[0], *lane[1:]) for lane in zip(a, b, c, strict=True)]
    assert same(out[6], -a)
    assert same(out[7], np.abs(a))
    assert same(out[8], np.sqrt(np.abs(a)))


@given(a=anything, b=anything, mask=st.lists(st.sampled_from([0.0, 1.0]), min_size=WIDTH, max_size=WIDTH).map(np.array))
def test_choices_keep_nan_where_it_belongs(a: Floats, b: Floats, mask: Floats) -> None:
    out = np.empty((3, WIDTH))
    choices(a, b, mask, out.ravel())
    assert same(out[0], np.maximum(a, b))
    assert same(out[1], (a < b).astype(np.float64))
    assert same(out[2], np.where(mask == 1.0, a, b))


@pytest.mark.parametrize("columns", [1, 3])
def test_gather_and_scatter_turn_rows_into_lanes_and_back(columns: int) -> None:
    table = np.arange(WIDTH * columns, dtype=np.float64).reshape(WIDTH, columns)
    out = np.empty_like(table)
    transpose(table, columns, out)
    assert same(out, table + 1.0)


def test_arithmetic_is_not_contracted() -> None:
    # 0.1 * 10 rounds to 1: a fused x * y - 1 would leave 5.6e-17
    compiled: Callable[..., Any] = multiply_then_subtract
    out = np.empty(WIDTH)
    compiled(np.full(WIDTH, 0.1), np.full(WIDTH, 10.0), np.ones(WIDTH), out)
    assert not out.any()


@kernel
def multiply_then_subtract(a: Floats, b: Floats, c: Floats, out: Floats) -> None:
    store(out, 0, load(a, 0) * load(b, 0) - load(c, 0))
