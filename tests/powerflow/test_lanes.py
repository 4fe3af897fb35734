"""Each lane operation is the IEEE operation on one double, whatever stands in the other lanes, at every width."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.frame import frame_of
from gridpilot.jit import bare, kernel
from gridpilot.powerflow.lanes import (
    absolute,
    beginnings,
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
from gridpilot.values import Floats, Ints

LaneFloats = Floats
LaneInts = Ints
WIDTHS = 4, 8
RESULTS = 17


class Numbers(NamedTuple):
    """Three operands and a mask `[width]`, a plain number, and the results `[RESULTS * width]`."""

    a: LaneFloats
    b: LaneFloats
    c: LaneFloats
    mask: LaneFloats
    number: float
    out: LaneFloats


class Table(NamedTuple):
    """Rows `[rows, columns]` that lanes are gathered from, the row of each lane `[width]`, and where they go."""

    row: LaneInts
    values: Floats
    columns: int
    lanes: LaneFloats
    out: Floats


@bare
def _operate(n: Any) -> None:
    x, y, z, w = load(n.a, 0), load(n.b, 0), load(n.c, 0), n.width
    store(n.out, 0 * w, x + y)
    store(n.out, 1 * w, x - y)
    store(n.out, 2 * w, x * y)
    store(n.out, 3 * w, x / y)
    store(n.out, 4 * w, fma(x, y, z))
    store(n.out, 5 * w, fnma(x, y, z))
    store(n.out, 6 * w, negative(x))
    store(n.out, 7 * w, absolute(x))
    store(n.out, 8 * w, root(absolute(x)))
    store(n.out, 9 * w, largest(x, y))
    store(n.out, 10 * w, below(x, y))
    store(n.out, 11 * w, select(load(n.mask, 0), x, y))
    store(n.out, 12 * w, splat(n.a, n.number))
    store(n.out, 13 * w, n.number - x)
    store(n.out, 14 * w, fma(x, n.number, 1))
    store(n.out, 15 * w, x * y - z)
    store(n.out, 16 * w, n.number)


@bare
def _transpose(t: Any) -> None:
    rows = beginnings(t.row, t.columns)
    for column in range(t.columns):
        lanes = gather(t.values, rows, column)
        store(t.lanes, column * t.width, lanes)
        scatter(t.out, rows, column, lanes)


_numbers_narrow, _numbers_wide = frame_of(Numbers, 4), frame_of(Numbers, 8)
_table_narrow, _table_wide = frame_of(Table, 4), frame_of(Table, 8)


@kernel
def _operate_narrow(numbers: Numbers) -> None:
    _operate(_numbers_narrow(numbers))


@kernel
def _operate_wide(numbers: Numbers) -> None:
    _operate(_numbers_wide(numbers))


@kernel
def _transpose_narrow(table: Table) -> None:
    _transpose(_table_narrow(table))


@kernel
def _transpose_wide(table: Table) -> None:
    _transpose(_table_wide(table))


OPERATE: dict[int, Callable[[Numbers], None]] = {4: _operate_narrow, 8: _operate_wide}
TRANSPOSE: dict[int, Callable[[Table], None]] = {4: _transpose_narrow, 8: _transpose_wide}

finite = st.floats(-1e100, 1e100)
masks = st.lists(st.sampled_from([0.0, 1.0]), min_size=8, max_size=8).map(np.array)


def eight(of: st.SearchStrategy[float]) -> st.SearchStrategy[NDArray[np.float64]]:
    return st.lists(of, min_size=8, max_size=8).map(np.array)


def operate(width: int, a: Floats, b: Floats, c: Floats, mask: Floats, number: float) -> Floats:
    """Results `[RESULTS, 8]`: eight lanes in one wide register, or in two narrow ones."""
    out = np.empty((RESULTS, 8))
    for first in range(0, 8, width):
        part, results = slice(first, first + width), np.empty((RESULTS, width))
        OPERATE[width](Numbers(a[part].copy(), b[part].copy(), c[part].copy(), mask[part].copy(), number, results))
        out[:, part] = results
    return out


def exactly(a: float, b: float, c: float) -> float:
    """`a * b + c` rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def same(a: Floats, b: Any) -> bool:
    """Equal bit for bit, but for the payload of a NaN."""
    b = np.broadcast_to(np.asarray(b, dtype=np.float64), a.shape)
    return bool(np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a)[~np.isnan(a)], np.signbit(b)[~np.isnan(b)]))


@pytest.mark.parametrize("width", WIDTHS)
@given(a=eight(finite), b=eight(finite), c=eight(finite), number=finite)
def test_arithmetic_is_that_of_single_doubles(width: int, a: Floats, b: Floats, c: Floats, number: float) -> None:
    out = operate(width, a, b, c, np.ones(8), number)
    with np.errstate(all="ignore"):
        for row, expected in zip(out[:4], (a + b, a - b, a * b, a / b), strict=True):
            assert same(row, expected)
    assert out[4].tolist() == [exactly(*lane) for lane in zip(a, b, c, strict=True)]
    assert out[5].tolist() == [exactly(-lane[0], *lane[1:]) for lane in zip(a, b, c, strict=True)]
    assert same(out[6], -a)
    assert same(out[7], np.abs(a))
    assert same(out[8], np.sqrt(np.abs(a)))
    assert same(out[13], number - a)
    assert out[14].tolist() == [exactly(lane, number, 1.0) for lane in a]
    # two roundings: nothing is contracted into a fused multiply-add
    assert same(out[15], a * b - c)


@pytest.mark.parametrize("width", WIDTHS)
@given(a=eight(st.floats()), b=eight(st.floats()), mask=masks, number=st.floats())
def test_choices_keep_nan_where_it_belongs(width: int, a: Floats, b: Floats, mask: Floats, number: float) -> None:
    out = operate(width, a, b, a, mask, number)
    assert np.array_equal(out[9], np.maximum(a, b), equal_nan=True)
    assert same(out[10], (a < b).astype(np.float64))
    assert same(out[11], np.where(mask == 1.0, a, b))
    assert same(out[12], number)
    assert same(out[16], number)


@given(a=eight(st.floats()), b=eight(st.floats()), c=eight(st.floats()), mask=masks, number=st.floats())
def test_a_lane_has_the_same_bits_at_every_width_place_and_beside_any_neighbour(
    a: Floats, b: Floats, c: Floats, mask: Floats, number: float
) -> None:
    wide, narrow = operate(8, a, b, c, mask, number), operate(4, a, b, c, mask, number)
    r, every = partial(np.roll, shift=3), partial(np.full, 8)
    turned = operate(8, r(a), r(b), r(c), r(mask), number)
    alone = [operate(4, every(a[lane]), every(b[lane]), every(c[lane]), every(mask[lane]), number)[:, 0] for lane in range(8)]
    assert same(narrow, wide)
    assert same(np.roll(turned, -3, axis=1), wide)
    assert same(np.stack(alone, axis=1), wide)


@pytest.mark.parametrize("width", WIDTHS)
@given(data=st.data())
def test_gather_takes_the_rows_named_and_scatter_puts_them_back(width: int, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(width, 20)), data.draw(st.integers(1, 4))
    row = np.array(data.draw(st.permutations(range(rows)))[:width], dtype=np.int64)
    values = np.arange(rows * columns, dtype=np.float64).reshape(rows, columns)
    table = Table(row, values, columns, np.empty(columns * width), np.full((rows, columns), np.nan))
    TRANSPOSE[width](table)
    assert np.array_equal(table.lanes.reshape(columns, width), values[row].T)
    expected = np.full((rows, columns), np.nan)
    expected[row] = values[row]
    assert np.array_equal(table.out, expected, equal_nan=True)


@pytest.mark.parametrize("width", WIDTHS)
def test_all_lanes_may_read_the_only_row(width: int) -> None:
    values = np.array([[3.0, 5.0]])
    table = Table(np.zeros(width, dtype=np.int64), values, 2, np.empty(2 * width), np.zeros((1, 2)))
    TRANSPOSE[width](table)
    assert table.lanes.tolist() == [3.0] * width + [5.0] * width


def test_arithmetic_is_not_contracted() -> None:
    # 0.1 * 10 rounds to 1: a fused x * y - 1 would leave 5.6e-17
    for width in WIDTHS:
        assert not operate(width, np.full(8, 0.1), np.full(8, 10.0), np.ones(8), np.ones(8), 0.0)[15].any()
