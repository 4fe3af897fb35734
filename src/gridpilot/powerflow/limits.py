"""Reactive limits: a bus whose units cannot hold its voltage gives what they can, and holds it again when they can.

A regulating bus (PV) above its upper limit becomes PQ at that limit. There its voltage is below its setpoint; when it
rises above, less would do, and the bus regulates again. At the lower limit the other way round. All buses that must change
their role do so at once; if that does not come to rest, one at a time does.

Source: J. Zhao, C. Zhou, G. Chen, "A novel bus-type extended continuation power flow considering remote voltage
control", IEEE PES General Meeting (2008), sec. II, for the complementarity; J. J. Júdice, F. M. Pires, "A block principal
pivoting algorithm for large-scale strictly monotone linear complementarity problems", Comput. Oper. Res. 21 (1994), for
the order of the changes.
"""

from __future__ import annotations

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group
from gridpilot.powerflow.symbolic import Pattern

ROUNDS = 60
"""Times that buses may change their role."""
_TOGETHER = 8
"""Rounds in which all buses change that must; then the first of them alone does, so that no two push each other in and out."""
_Q_SLACK_PU, _V_SLACK_PU = 1e-7, 1e-7
"""Differences that are no violation."""


@bare
def switch_limited(pattern: Pattern, group: Group, turn: int) -> bool:
    """Give buses of solved lanes the role that their reactive power and voltage ask for; such lanes are live again.

    Says whether there are any.
    """
    some = False
    for lane in range(group.width):
        group.lane[lane] = 0.0  # 1 where a bus has changed its role
    for k in range(len(pattern.bus)):
        for lane in range(group.width):
            may = group.solved[lane] != 0.0 and group.regulates[k * group.width + lane] != 0.0
            if may and (turn < _TOGETHER or group.lane[lane] == 0.0) and _switch(group, k, lane):
                group.lane[lane] = 1.0
    for lane in range(group.width):
        if group.lane[lane] != 0.0:
            group.live[lane], group.solved[lane] = 1.0, 0.0
            some = True
    return some


@bare
def _switch(group: Group, k: int, lane: int) -> bool:
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
    elif limited * (e * e + f * f - group.v_set[i] * group.v_set[i]) > _V_SLACK_PU:
        limited = 0.0
    if limited == group.limited[i]:
        return False
    group.limited[i] = limited
    group.pv[i] = 1.0 if limited == 0.0 else 0.0
    if limited != 0.0:
        group.q[i] = group.q_max[i] if limited > 0.0 else group.q_min[i]
    return True
