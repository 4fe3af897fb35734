"""What inverters have in common: how much reactive power goes with an output, and who asks for it.

Active power comes first: an order for reactive power is followed as far as the rating leaves room, the circle
p² + q² = s², and as the smallest power factor allows. It is the P-Q capability of IEEE 1547-2018, clause 5.2.
"""

from __future__ import annotations

import numpy as np

from gridpilot.devices.device import Floats
from gridpilot.jit import inlined, kernel


@inlined
def q_limit_mvar(s_max_mva: float, power_factor_min: float, p_mw: float) -> float:
    """Largest reactive power in either direction at an output; a smallest power factor of 0 is no limit."""
    circle = np.sqrt(max(s_max_mva**2 - p_mw**2, 0.0))
    if power_factor_min <= 0.0:
        return float(circle)
    return float(min(circle, abs(p_mw) * np.sqrt(1.0 - power_factor_min**2) / power_factor_min))


@inlined
def q_reach_mvar(s_max_mva: float, power_factor_min: float, p_max_mw: float) -> float:
    """Largest reactive power at any output up to `p_max_mw`: where the power factor's line meets the circle, or ends."""
    if power_factor_min <= 0.0:
        return s_max_mva
    return float(q_limit_mvar(s_max_mva, power_factor_min, min(p_max_mw, s_max_mva * power_factor_min)))


@inlined
def takes_q_orders(q_control: Floats) -> bool:
    """Whether any device of a table takes orders for reactive power."""
    some = False
    for k in range(len(q_control)):
        some = some or q_control[k] > 0.0
    return some


@kernel
def largest_q_mvar(s_max_mva: float, power_factor_min: float, p_max_mw: float) -> float:
    """`q_reach_mvar`, for Python."""
    return q_reach_mvar(s_max_mva, power_factor_min, p_max_mw)


def with_q_orders(first: Floats, q_control: Floats) -> Floats:
    """Initial orders `[n]`, followed by those for reactive power (0) where some device takes them `[2n]`."""
    return np.concatenate([first, np.zeros(len(first))]) if (q_control > 0.0).any() else first
