"""Reading observations off a memory: where it holds the entries, and the kernels that fetch them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridpilot.jit import bare
from gridpilot.twin.memory import Blocks
from gridpilot.values import Bools, Codes, Floats, Ints

FOUR = 4
"""Neighbours that are read together: they stand side by side in the memory and in the observation, in one register on the way."""


class Run(NamedTuple):
    """Entries that are neighbours in the memory too."""

    block: int
    """0 for numbers, 1 for flags."""
    entry: int
    """The first one."""
    at: int
    """Where the block holds the first one of element 0."""
    stride: int
    """How far apart elements are."""
    length: int


class Lens(NamedTuple):
    """What kernels need to fetch observations; they see it as a frame (see `gridpilot.frame`)."""

    four_entry: Ints
    four_at: Ints
    four_stride: Ints
    """Numbers, four at a time: the first one of each four as in `Run`. Fours may overlap."""
    number_entry: Ints
    number_at: Ints
    number_stride: Ints
    """Numbers whose run is shorter."""
    flag_four_entry: Ints
    flag_four_at: Ints
    flag_four_stride: Ints
    flag_entry: Ints
    flag_at: Ints
    flag_stride: Ints
    """The same of entries that are flags."""
    numbers: Floats
    flags: Codes
    """Blocks of the memory; flags as 0 and 1."""
    bus_active: Bools
    step: Ints
    """Views of it `[B, n]`, `[B]`."""
    expected_bus: Ints
    """Bus of the device that a forecast belongs to `[k]`; forecasts are the last entries."""
    buses: int
    raw: Floats
    """Scratch: one observation in its own units `[d]`."""


def make_lens(runs: Sequence[Run], entries: int, expected_bus: Ints, blocks: Blocks) -> Lens:
    """The lens on these blocks."""
    numbers, flags = ([run for run in runs if run.block == block] for block in (0, 1))
    four_numbers, other_numbers, four_flags, other_flags = _fours(numbers), _ones(numbers), _fours(flags), _ones(flags)
    return Lens(
        four_entry=four_numbers[0],
        four_at=four_numbers[1],
        four_stride=four_numbers[2],
        number_entry=other_numbers[0],
        number_at=other_numbers[1],
        number_stride=other_numbers[2],
        flag_four_entry=four_flags[0],
        flag_four_at=four_flags[1],
        flag_four_stride=four_flags[2],
        flag_entry=other_flags[0],
        flag_at=other_flags[1],
        flag_stride=other_flags[2],
        numbers=blocks.arrays[0],
        flags=blocks.arrays[1].view(np.int8),
        bus_active=blocks.view("bus_active"),
        step=blocks.view("step"),
        expected_bus=expected_bus,
        buses=blocks.view("bus_active").shape[1],
        raw=np.zeros(entries),
    )


def _fours(runs: Sequence[Run]) -> Ints:
    """Entries, places and strides `[3, k]` of the fours that cover the runs; the last one of a run ends where the run does."""
    firsts = [(run, min(k, run.length - FOUR)) for run in runs if run.length >= FOUR for k in range(0, run.length, FOUR)]
    return _columns([(run.entry + k, run.at + k, run.stride) for run, k in firsts])


def _ones(runs: Sequence[Run]) -> Ints:
    """The same of the entries that no four covers, one by one."""
    return _columns([(run.entry + k, run.at + k, run.stride) for run in runs if run.length < FOUR for k in range(run.length)])


def _columns(rows: Sequence[tuple[int, int, int]]) -> Ints:
    return np.ascontiguousarray(np.array(rows, dtype=np.int64).reshape(-1, 3).T)


@bare
def read_numbers(lens: Lens, b: int) -> None:
    """Fetch the entries of an element that are numbers."""
    raw, numbers = lens.raw, lens.numbers
    for k in range(len(lens.four_entry)):
        entry, at = lens.four_entry[k], lens.four_at[k] + b * lens.four_stride[k]
        one, two, three, four = numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]
        raw[entry], raw[entry + 1], raw[entry + 2], raw[entry + 3] = one, two, three, four
    for k in range(len(lens.number_entry)):
        raw[lens.number_entry[k]] = numbers[lens.number_at[k] + b * lens.number_stride[k]]


@bare
def read_flags(lens: Lens, b: int) -> None:
    """Fetch the entries of an element that are flags, as 0 and 1."""
    raw, flags = lens.raw, lens.flags
    for k in range(len(lens.flag_four_entry)):
        entry, at = lens.flag_four_entry[k], lens.flag_four_at[k] + b * lens.flag_four_stride[k]
        one, two, three, four = float(flags[at]), float(flags[at + 1]), float(flags[at + 2]), float(flags[at + 3])
        raw[entry], raw[entry + 1], raw[entry + 2], raw[entry + 3] = one, two, three, four
    for k in range(len(lens.flag_entry)):
        raw[lens.flag_entry[k]] = float(flags[lens.flag_at[k] + b * lens.flag_stride[k]])
