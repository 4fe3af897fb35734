"""What the flows after outages say, one pass over each: the worst branch, the extreme voltages, what went dark."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.jit import kernel
from gridpilot.values import Bools, Floats, Ints

_ROUNDING = 1e-9
"""Beyond a limit by no more is at it."""
_NONE = -1


class Summary(NamedTuple):
    """Per flow `[L]`; what each means is said in `gridpilot.powerflow.contingency.Security`."""

    islanded: Bools
    islanded_load_mw: Floats
    worst_branch: Ints
    worst_loading: Floats
    lowest_bus: Ints
    lowest_v_pu: Floats
    highest_bus: Ints
    highest_v_pu: Floats
    overloads: Ints
    voltage_violations: Ints


def blank_summary(shape: tuple[int, ...]) -> Summary:
    """Of flows that were not solved: no branch, no bus, nothing beyond its limits."""
    lost, most, low, high = np.zeros((4, *shape))
    branch, low_bus, high_bus = np.full((3, *shape), _NONE, dtype=np.int64)
    over, outside = np.zeros((2, *shape), dtype=np.int64)
    return Summary(np.zeros(shape, dtype=np.bool_), lost, branch, most, low_bus, low, high_bus, high, over, outside)


@kernel
def summarise(
    loading: Floats, v_pu: Floats, energised: Bools, usable: Bools, before: Bools, load_mw: Floats, element: Ints,
    v_min_pu: Floats, v_max_pu: Floats, has_voltages: bool,
) -> Summary:  # fmt: skip
    """The summary of some flows `[L, m]`, `[L, n]`, of which `before` `[B, n]` was energised and `load_mw` `[B, n]` taken."""
    lanes, n, m = loading.shape[0], v_pu.shape[1], loading.shape[1]
    islanded, lost_mw = np.zeros(lanes, dtype=np.bool_), np.zeros(lanes)
    branch, most, over = np.full(lanes, _NONE), np.zeros(lanes), np.zeros(lanes, dtype=np.int64)
    low_bus, low, high_bus, high = np.full(lanes, _NONE), np.zeros(lanes), np.full(lanes, _NONE), np.zeros(lanes)
    outside = np.zeros(lanes, dtype=np.int64)
    for lane in range(lanes):
        point = element[lane]
        for bus in range(n):
            if before[point, bus] and not energised[lane, bus]:
                islanded[lane] = True
                lost_mw[lane] += load_mw[point, bus]
        if not usable[lane]:
            continue
        for k in range(m):
            over[lane] += loading[lane, k] > 1.0 + _ROUNDING
            if loading[lane, k] > most[lane]:
                branch[lane], most[lane] = k, loading[lane, k]
        for bus in range(n):
            v = v_pu[lane, bus]
            if has_voltages and energised[lane, bus]:
                outside[lane] += v < v_min_pu[bus] - _ROUNDING or v > v_max_pu[bus] + _ROUNDING
                if low_bus[lane] == _NONE or v < low[lane]:
                    low_bus[lane], low[lane] = bus, v
                if high_bus[lane] == _NONE or v > high[lane]:
                    high_bus[lane], high[lane] = bus, v
    return Summary(islanded, lost_mw, branch, most, low_bus, low, high_bus, high, over, outside)
