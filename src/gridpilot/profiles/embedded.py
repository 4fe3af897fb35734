"""The real data that ships with gridpilot: a year of SimBench load, PV and wind at 15 min, in one small file.

The file is a plain `.npz` (no pickle): per column an offset and a step, and the differences of successive quantised
values, zigzag-coded and split into high and low bytes, since those compress well. `scripts/make_embedded_profiles.py`
writes it; `data/NOTICE.md` carries its licence and attribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO, Final

import numpy as np

from gridpilot.profiles.columns import CAPACITY_KINDS, kind_of
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.values import Floats

FILE: Final = "simbench_2016_15min.npz"
LEVELS: Final = 2500
"""Quantisation steps between the smallest and the largest value of a column."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A table as the file holds it."""

    start: str
    step_min: float
    columns: tuple[str, ...]
    values: Floats
    source: str
    licence: str


@cache
def load_embedded() -> Profiles:
    """The shipped subset. Columns as in `gridpilot.profiles.simbench`; a load's `_q_pu` is relative to its nominal Q."""
    with (files("gridpilot.profiles") / "data" / FILE).open("rb") as file:
        packed = unpack(file)
    return make_profiles(
        name="simbench",
        start=np.datetime64(packed.start, "m"),
        step_min=packed.step_min,
        columns=packed.columns,
        values=packed.values,
        # A plant is relative to its capacity; of a load the source states no peak, so that its largest value counts.
        peak={name: 1.0 for name in packed.columns if kind_of(name) in CAPACITY_KINDS},
        source=packed.source,
        licence=packed.licence,
    )


def pack(packed: Packed, file: IO[bytes]) -> None:
    """Write a table, each column quantised to `LEVELS` steps; zero stays exactly zero where nothing is below it."""
    low = np.minimum(packed.values.min(axis=0), 0.0)
    step = (packed.values.max(axis=0) - low) / LEVELS
    level = np.round((packed.values - low) / step).astype(np.int16)
    change = np.diff(level, axis=0, prepend=np.zeros((1, level.shape[1]), dtype=np.int16)).T
    zigzag = ((change << 1) ^ (change >> 15)).view(np.uint16)
    np.savez_compressed(
        file,
        columns=np.array(packed.columns),
        low=low,
        step=step,
        # One row per column of the table: its high bytes, then its low ones.
        high=(zigzag >> 8).astype(np.uint8),
        rest=(zigzag & 0xFF).astype(np.uint8),
        clock=np.array([packed.start, str(packed.step_min)]),
        origin=np.array([packed.source, packed.licence]),
    )


def unpack(file: IO[bytes]) -> Packed:
    """Read what `pack` wrote."""
    with np.load(file, allow_pickle=False) as held:
        zigzag = (held["high"].astype(np.uint16) << 8) | held["rest"]
        change = (zigzag >> 1).astype(np.int16) ^ -(zigzag & 1).astype(np.int16)
        level = np.cumsum(change, axis=1, dtype=np.int32).T
        start, step_min = held["clock"]
        source, licence = held["origin"]
        return Packed(
            start=str(start),
            step_min=float(step_min),
            columns=tuple(str(name) for name in held["columns"]),
            values=np.ascontiguousarray(level * held["step"] + held["low"]),
            source=str(source),
            licence=str(licence),
        )
