"""Random numbers that are a function of what they are for: no stream, no state, the same in any order.

A value is the hash of a key and its counters (column, day, row …), by the finaliser of SplitMix64 (Steele, Lea and Flood,
"Fast splittable pseudorandom number generators", OOPSLA 2014). It therefore depends neither on how many values were
drawn before it nor on the version of NumPy.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridpilot.values import Floats

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_MASK: Final = (1 << 64) - 1


def uniform(key: int, *counters: ArrayLike) -> Floats:
    """One number in [0, 1) per combination of counters, which broadcast against each other."""
    state = _mixed(np.array([key & _MASK], dtype=np.uint64))
    for counter in counters:
        state = _mixed(state ^ _mixed(np.atleast_1d(np.asarray(counter, dtype=np.int64)).view(np.uint64)))
    # 53 bits fill a double's mantissa.
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def centred(key: int, *counters: ArrayLike) -> Floats:
    """Like `uniform`, with mean 0 and variance 1; sums of several are close to normal."""
    return (uniform(key, *counters) - 0.5) * sqrt(12.0)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
