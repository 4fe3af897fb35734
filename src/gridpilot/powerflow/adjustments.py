"""What may differ between the lanes of a group beside branches in service: ratios of tap changers, and capacitor banks.

With r, the network's ratio of a branch over the lane's own, the four admittances of the branch become

    ff' = r² ff,    ft' = r ft,    tf' = r tf,    tt' = tt

(see `gridpilot.powerflow.ybus`), and a bank adds its susceptance to the diagonal of its bus: Q = b·v². Where r is 1 and b
is 0 these are the network's own numbers, bit for bit. The rows at both ends of such a branch, and of such a bus, are the lanes' own.
"""

from __future__ import annotations

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group, Inputs
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances


@bare
def adjust_lane(inputs: Inputs, pattern: Pattern, admittances: Admittances, group: Group, lane: int) -> bool:
    """Take over ratios and banks of a lane's element; says whether they are others than before."""
    if len(inputs.tap) == 0 and len(inputs.bank_mvar) == 0 and not group.adjusted[lane]:
        return False
    n, m, width = len(pattern.bus), len(admittances.tap), group.width
    tap_at = group.row[lane] * m if len(inputs.tap) > 1 else 0
    bank_at = group.row[lane] * n if len(inputs.bank_mvar) > 1 else 0
    changed, adjusted = False, False
    for k in range(m):
        ratio = admittances.tap[k] / inputs.tap[tap_at + k] if len(inputs.tap) > 0 else 1.0
        changed = changed or ratio != group.ratio[k * width + lane]
        adjusted = adjusted or ratio != 1.0
        group.ratio[k * width + lane] = ratio
    for k in range(n):
        b = admittances.per_base * inputs.bank_mvar[bank_at + pattern.bus[k]] if len(inputs.bank_mvar) > 0 else 0.0
        changed = changed or b != group.bank[k * width + lane]
        adjusted = adjusted or b != 0.0
        group.bank[k * width + lane] = b
    group.adjusted[lane] = adjusted
    return changed


@bare
def mark_adjusted(pattern: Pattern, group: Group) -> None:
    """Let the rows differ that ratios or banks of some lane change."""
    some = False
    for lane in range(group.width):
        some = some or group.adjusted[lane]
    if not some and not group.adjusting[0]:
        return
    group.adjusting[0] = some
    for m in range(len(group.tapped)):
        tapped = False
        for i in range(m * group.width, (m + 1) * group.width):
            tapped = tapped or group.ratio[i] != 1.0
        group.tapped[m] = tapped
        if tapped:
            group.differs[pattern.branch_from[m]] = group.differs[pattern.branch_to[m]] = True
    for k in range(len(group.banked)):
        banked = False
        for i in range(k * group.width, (k + 1) * group.width):
            banked = banked or group.bank[i] != 0.0
        group.banked[k] = banked
        group.differs[k] = group.differs[k] or banked
