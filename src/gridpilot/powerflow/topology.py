"""What a group's elements look like to the equations: masks of buses and branches, and the admittance rows.

Most elements have the topology of the ones before them, and nothing is done. Where a lane's is another one, its islands
are found anew; where branches are out in some lanes only, the rows at their ends become the lanes' own.
"""

from __future__ import annotations

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group, Inputs
from gridpilot.powerflow.islands import Ends, find_islands
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances, assemble_common, assemble_own
from gridpilot.values import FORMING, OFF, PV, SLACK

_REBASE = 8
"""A group whose lanes differ from the rows in common at more than one branch in so many gets common rows of its own."""


@bare
def _is_known(inputs: Inputs, group: Group, lane: int, n: int, m: int) -> bool:
    """Whether a lane is already set up for its element's topology; if not, it is noted as the one to be set up."""
    kind_at = group.row[lane] * n if len(inputs.kind) > 1 else 0
    closed_at = group.row[lane] * m if len(inputs.closed) > 1 else 0
    shared, different = len(inputs.share) > 0, 0
    for bus in range(n):
        different |= inputs.kind[kind_at + bus] ^ group.kind[lane * n + bus]
    for k in range(m):
        different |= inputs.closed[closed_at + k] ^ group.closed[lane * m + k]
    if different == 0 and group.shared[lane] == shared:
        return True
    for bus in range(n):
        group.kind[lane * n + bus] = inputs.kind[kind_at + bus]
    for k in range(m):
        group.closed[lane * m + k] = inputs.closed[closed_at + k]
    group.shared[lane] = shared
    return False


@bare
def _mask_lane(pattern: Pattern, ends: Ends, group: Group, lane: int) -> None:
    """Write one lane of the masks that depend on the topology."""
    n, m, at = ends.n, len(ends.branch_from), lane * ends.n
    for k in range(n):
        i = k * group.width + lane
        role, kind = group.role[at + pattern.bus[k]], group.kind[at + pattern.bus[k]]
        group.alive[i] = 1.0 if role != OFF else 0.0
        group.built[i] = 1.0 if kind != OFF else 0.0
        group.holds[i] = 1.0 if kind == PV or kind == SLACK or kind == FORMING else 0.0
        group.regulates[i] = 1.0 if role == PV else 0.0
        group.fixed[i] = 1.0 if role == SLACK or role == OFF else 0.0
    for k in range(m):
        a, b = group.role[at + ends.branch_from[k]], group.role[at + ends.branch_to[k]]
        group.on[k * group.width + lane] = 1.0 if group.closed[lane * m + k] and a != OFF and b != OFF else 0.0


@bare
def _differs(group: Group, m: int) -> bool:
    """Whether a branch is in service in a lane and out in the rows in common, or the other way round."""
    common, differs = 1.0 if group.on_common[m] else 0.0, False
    for i in range(m * group.width, (m + 1) * group.width):
        differs = differs or group.on[i] != common
    return differs


@bare
def _alike(group: Group) -> bool:
    """Whether the same branches are in service in all lanes."""
    alike = True
    for m in range(len(group.on_common)):
        for i in range(m * group.width, (m + 1) * group.width):
            alike = alike and group.on[i] == group.on[m * group.width]
    return alike


@bare
def _write_rows(pattern: Pattern, admittances: Admittances, group: Group) -> None:
    """Bring the admittance rows in line with the mask of branches in service."""
    count = 0
    for m in range(len(group.on_common)):
        count += 1 if _differs(group, m) else 0
    if count > 0 and (count * _REBASE > len(group.on_common) or _alike(group)):
        for m in range(len(group.on_common)):
            group.on_common[m] = group.on[m * group.width] != 0.0
        assemble_common(pattern, admittances, group)
    for k in range(len(group.differs)):
        group.differs[k] = False
    for m in range(len(group.on_common)):
        if _differs(group, m):
            group.differs[pattern.branch_from[m]] = True
            group.differs[pattern.branch_to[m]] = True
    own_rows(pattern, admittances, group)


@bare
def own_rows(pattern: Pattern, admittances: Admittances, group: Group) -> None:
    """Write the rows that differ between lanes, and have only those read from the lanes."""
    for k in range(len(group.differs)):
        group.own[k] = group.differs[k]
        if group.differs[k]:
            assemble_own(pattern, admittances.branch, admittances.shunt, k, group)


@bare
def set_topology(inputs: Inputs, pattern: Pattern, admittances: Admittances, ends: Ends, group: Group) -> None:
    """Set the group up for the topologies of its elements."""
    changed = False
    for lane in range(group.width):
        if not _is_known(inputs, group, lane, ends.n, len(ends.branch_from)):
            group.whole[lane] = find_islands(ends, group, lane, group.shared[lane])
            _mask_lane(pattern, ends, group, lane)
            changed = True
    if changed:
        _write_rows(pattern, admittances, group)
        reset_roles(group)


@bare
def reset_roles(group: Group) -> None:
    """Roles by topology alone, as before any reactive limit was met."""
    for k in range(len(group.all_pq)):
        all_pq = True
        for i in range(k * group.width, (k + 1) * group.width):
            group.limited[i] = 0.0
            group.pv[i] = group.regulates[i]
            all_pq = all_pq and group.regulates[i] == 0.0 and group.fixed[i] == 0.0
        group.all_pq[k] = all_pq
