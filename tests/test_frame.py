"""A frame is the value it was made of: compiled code reads and writes the same numbers, by name, at any width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import TypingError

from gridpilot.frame import Frame, frame_at, frame_of
from gridpilot.jit import bare, kernel
from gridpilot.powerflow.lanes import load, store
from gridpilot.values import Bools, Codes, Floats, Ints

LaneFloats = Floats
LaneInts = Ints


class Record(NamedTuple):
    """One field of every kind."""

    floats: Floats
    amount: int
    ints: Ints
    codes: Codes
    factor: float
    bools: Bools
    lanes: LaneFloats
    lane_ints: LaneInts


class Seen(NamedTuple):
    """What compiled code found: numbers `[8]`, and lengths `[6]`."""

    numbers: Floats
    lengths: Ints


_record, _seen = frame_of(Record), frame_of(Seen)
_narrow, _wide = frame_of(Record, 4), frame_of(Record, 8)
_record_at, _wide_at = frame_at(Record), frame_at(Record, 8)


@bare
def _look(record: Record, k: int, seen: Seen) -> None:
    seen.numbers[0], seen.numbers[1] = record.floats[k], record.ints[k]
    seen.numbers[2], seen.numbers[3] = record.codes[k], 1.0 if record.bools[k] else 0.0
    seen.numbers[4], seen.numbers[5] = record.amount, record.factor
    seen.numbers[6], seen.numbers[7] = record.lanes[k], record.lane_ints[k]
    seen.lengths[0], seen.lengths[1], seen.lengths[2] = len(record.floats), len(record.ints), len(record.codes)
    seen.lengths[3], seen.lengths[4], seen.lengths[5] = len(record.bools), len(record.lanes), len(record.lane_ints)


@kernel
def look(record: Record, k: int, seen: Seen) -> None:
    _look(_record(record), k, _seen(seen))


@kernel
def look_at(address: int, k: int, seen: Seen) -> None:
    _look(_record_at(address), k, _seen(seen))


@bare
def _change(record: Record, k: int) -> None:
    record.floats[k] = record.floats[k] * record.factor
    record.ints[k] = record.ints[k] + record.amount
    record.codes[k] = 3
    record.bools[k] = not record.bools[k]


@kernel
def change(record: Record, k: int) -> None:
    _change(_record(record), k)


@kernel
def change_at(address: int, k: int) -> None:
    _change(_record_at(address), k)


@bare
def _double_lanes(record: Any, item: int) -> int:
    store(record.lanes, item * record.width, load(record.lanes, item * record.width) + load(record.lanes, item * record.width))
    width: int = record.width
    return width


@kernel
def double_narrow(record: Record, item: int) -> int:
    return _double_lanes(_narrow(record), item)


@kernel
def double_wide(record: Record, item: int) -> int:
    return _double_lanes(_wide(record), item)


@kernel
def double_wide_at(address: int, item: int) -> int:
    return _double_lanes(_wide_at(address), item)


def record(seed: int, rows: int = 6, columns: int = 4) -> Record:
    draw, shape = np.random.default_rng(seed), (rows, columns)
    return Record(
        floats=draw.normal(size=shape),
        amount=int(draw.integers(-9, 9)),
        ints=draw.integers(-(2**62), 2**62, shape),
        codes=draw.integers(-128, 128, shape).astype(np.int8),
        factor=float(draw.normal()),
        bools=draw.random(shape) < 0.5,
        lanes=draw.normal(size=shape),
        lane_ints=draw.integers(0, 9, shape),
    )


def found(run: Callable[[Seen], None]) -> Seen:
    seen = Seen(np.zeros(8), np.zeros(6, dtype=np.int64))
    run(seen)
    return seen


@given(seed=st.integers(0, 10**6), k=st.integers(0, 23))
def test_fields_are_read_by_name_flat_and_row_major(seed: int, k: int) -> None:
    given_record = record(seed)
    flat = [np.ravel(part)[k] for part in given_record if isinstance(part, np.ndarray)]
    expected = [float(value) for value in (*flat[:4], given_record.amount, given_record.factor, *flat[4:])]
    held = Frame(given_record)
    for seen in (found(lambda out: look(given_record, k, out)), found(lambda out: look_at(held.address, k, out))):
        assert seen.numbers.tolist() == expected
        assert seen.lengths.tolist() == [6] * 6


@given(seed=st.integers(0, 10**6), k=st.integers(0, 23))
def test_writing_changes_the_array_itself_and_nothing_else(seed: int, k: int) -> None:
    for by_address in (False, True):
        mine, before = record(seed), record(seed)
        if by_address:
            change_at(Frame(mine).address, k)
        else:
            change(mine, k)
        before.floats.ravel()[k] *= before.factor
        before.ints.ravel()[k] += before.amount
        before.codes.ravel()[k] = 3
        before.bools.ravel()[k] = not before.bools.ravel()[k]
        for part, expected in zip(mine, before, strict=True):
            assert np.array_equal(np.asarray(part), np.asarray(expected))


@pytest.mark.parametrize(("double", "width"), [(double_narrow, 4), (double_wide, 8)])
def test_the_width_is_part_of_the_type(double: Callable[..., int], width: int) -> None:
    mine, before = record(1), record(1)
    assert double(mine, 1) == width
    expected = before.lanes.ravel()
    expected[width : 2 * width] *= 2.0
    assert np.array_equal(mine.lanes.ravel(), expected)


def test_an_address_and_a_value_give_the_same_frame() -> None:
    first, second = record(2), record(2)
    held = Frame(second)
    assert double_wide(first, 2) == double_wide_at(held.address, 2) == 8
    assert np.array_equal(first.lanes, second.lanes)
    assert held.value is second


def test_an_empty_array_has_length_zero() -> None:
    nothing = record(3, rows=0)
    full = record(3)
    mixed = full._replace(lanes=nothing.lanes)
    assert found(lambda out: look(mixed._replace(lanes=full.lanes[:1]), 0, out)).lengths.tolist() == [6, 6, 6, 6, 1, 6]
    assert len(Frame(mixed).value.lanes) == 0


# ------------------------------------------------------------------------------------- what would be misread


@pytest.mark.parametrize("change", [{"floats": np.zeros((4, 6)).T}, {"ints": np.zeros((6, 8), dtype=np.int64)[:, ::2]}])
def test_an_array_that_is_not_row_major_is_refused(change: dict[str, Any]) -> None:
    name = next(iter(change))
    with pytest.raises(TypeError, match=name):
        Frame(record(4)._replace(**change))
    with pytest.raises(TypingError, match=name):
        found(lambda out: look(record(4)._replace(**change), 0, out))


@pytest.mark.parametrize(
    "change", [{"floats": np.zeros((6, 4), dtype=np.float32)}, {"ints": np.zeros((6, 4), dtype=np.int32)}, {"bools": np.zeros((6, 4))}]
)
def test_an_array_of_other_numbers_is_refused(change: dict[str, Any]) -> None:
    name = next(iter(change))
    with pytest.raises(TypeError, match=name):
        Frame(record(5)._replace(**change))
    with pytest.raises(TypingError, match=name):
        found(lambda out: look(record(5)._replace(**change), 0, out))


@kernel
def look_for_what_is_not_there(record: Record) -> float:
    return float(_record(record).volts[0])


def test_a_field_that_is_not_there_is_a_typing_error() -> None:
    with pytest.raises(TypingError, match="volts"):
        look_for_what_is_not_there(record(6))
