"""Reactive limits: a bus whose units cannot hold its voltage gives what they can, and holds it again when they can.

A regulating bus (PV) above its upper limit becomes PQ at that limit. There its voltage is below its setpoint; when it
rises above, less would do, and the bus regulates again. At the lower limit the other way round.

Source: J. Zhao, C. Zhou, G. Chen, "A novel bus-type extended continuation power flow considering remote voltage
control", IEEE PES General Meeting (2008), sec. II, for the complementarity; MATPOWER User's Manual, 4.1.
"""

from __future__ import annotations

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group
from gridpilot.powerflow.symbolic import Pattern

ROUNDS = 20
"""Times that buses may change their role."""
_ROUNDS_BACK = 8
"""Rounds after which no bus regulates again, so that roles come to rest where two buses push each other in and out."""
_Q_SLACK_PU, _V_SLACK_PU = 1e-7, 1e-7
"""Differences that are no violation."""


@bare
def switch_limited(pattern: Pattern, group: Group, turn: int) -> bool:
    """Give buses of solved lanes the role that their reactive power and voltage ask for; such lanes are live again.

    Says whether there are any.
    """
    some = False
    for k in range(len(pattern.bus)):
        for lane in range(group.width):
            i = k * group.width + lane
            if group.solved[lane] != 0.0 and group.regulates[i] != 0.0 and _switch(group, k, lane, turn):
                group.live[lane] = 1.0
                some = True
    for lane in range(group.width):
        if group.live[lane] != 0.0:
            group.solved[lane] = 0.0
    return some


@bare
def _switch(group: Group, k: int, lane: int, turn: int) -> bool:
    """Change the role of one bus where it must; says whether."""
    i = k * group.width + lane
    e, f, limited = group.e[i], group.f[i], group.limited[i]
    if limited == 0.0:
        at = 2 * k * group.width + lane
        q = f * group.current[at] - e * group.current[at + group.width]
        if q > group.q_max[i] + _Q_SLACK_PU:
            limited = 1.0
        elif q < group.q_min[i] - _Q_SLACK_PU:
            limited = -1.0
    elif turn < _ROUNDS_BACK and limited * (e * e + f * f - group.v_set[i] * group.v_set[i]) > _V_SLACK_PU:
        limited = 0.0
    if limited == group.limited[i]:
        return False
    group.limited[i] = limited
    group.pv[i] = 1.0 if limited == 0.0 else 0.0
    if limited != 0.0:
        group.q[i] = group.q_max[i] if limited > 0.0 else group.q_min[i]
    return True
