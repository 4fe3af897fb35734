"""What a group's elements look like to the equations: masks of buses and branches, and the admittance rows.

Most elements have the topology of the ones before them, and nothing is done. Where a lane's differs in a few branches, as in
a contingency analysis, it is enough to see that their ends are still joined another way; else its islands are found anew.
Where branches are out in some lanes only, the rows at their ends become the lanes' own.
"""

from __future__ import annotations

from gridpilot.jit import bare
from gridpilot.powerflow.adjustments import adjust_lane, mark_adjusted
from gridpilot.powerflow.group import Group, Inputs
from gridpilot.powerflow.islands import Ends, end_bus, find_islands
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances, assemble_common, assemble_row, moved_end
from gridpilot.values import FORMING, OFF, PV, SLACK

_FEW = 4
"""Branches in which a topology may differ to be looked at one by one: two outages of two branches each."""
_SAME, _FEW_BRANCHES, _OTHER = 0, 1, 2
_REBASE = 8
"""A group whose lanes differ from the rows in common at more than one branch in so many gets common rows of its own."""


@bare
def _compare(inputs: Inputs, group: Group, lane: int, kind_at: int, closed_at: int, n: int, m: int) -> int:
    """How the topology of a lane's element differs from the one that the lane is set up for: not, in few branches, or else."""
    shared, kinds, branches = len(inputs.share) > 0, 0, 0
    for bus in range(n):
        kinds |= inputs.kind[kind_at + bus] ^ group.kind[lane * n + bus]
    for k in range(m):
        branches += inputs.closed[closed_at + k] ^ group.closed[lane * m + k]
    if kinds != 0 or group.shared[lane] != shared or branches > _FEW:
        return _OTHER
    if group.moved[lane] and branches != 0:
        return _OTHER  # what is looked at branch by branch are a network's own ends
    return _SAME if branches == 0 else _FEW_BRANCHES


@bare
def _other_heads(inputs: Inputs, pattern: Pattern, group: Group, lane: int, n: int) -> bool:
    """Whether closed switches merge other buses than those that the lane is set up for."""
    if len(inputs.head) == 0:
        return bool(group.moved[lane])
    head_at, other = group.row[lane] * n if len(inputs.head) > 1 else 0, False
    for x in range(len(pattern.member)):
        other = other or inputs.head[head_at + pattern.member[x]] != group.head[lane * n + pattern.member[x]]
    return other


@bare
def _move_heads(inputs: Inputs, pattern: Pattern, group: Group, lane: int, n: int) -> None:
    """Take over which buses are merged."""
    head_at = group.row[lane] * n if len(inputs.head) > 1 else 0
    group.moved[lane] = False
    for x in range(len(pattern.member)):
        bus = pattern.member[x]
        head = inputs.head[head_at + bus] if len(inputs.head) > 0 else bus
        group.head[lane * n + bus] = head
        group.moved[lane] = group.moved[lane] or head != bus


@bare
def _move_branches(inputs: Inputs, pattern: Pattern, ends: Ends, group: Group, lane: int, closed_at: int) -> bool:
    """Open and close the branches in which a lane's element differs; says whether the islands are sure to be as before."""
    m_all = len(ends.branch_from)
    for closing in (True, False):
        for m in range(m_all):
            given, on = inputs.closed[closed_at + m], m * group.width + lane
            if given == group.closed[lane * m_all + m] or given != closing:
                continue
            group.closed[lane * m_all + m] = given
            a, b = lane * ends.n + ends.branch_from[m], lane * ends.n + ends.branch_to[m]
            if group.role[a] == OFF or group.role[b] == OFF:
                if closing:
                    return False
            elif closing:
                if group.island[a] != group.island[b]:
                    return False
                group.on[on] = 1.0
            else:
                group.on[on] = 0.0
                if not _joined(pattern, group, lane, pattern.branch_from[m], pattern.branch_to[m]):
                    return False
    return True


@bare
def _joined(pattern: Pattern, group: Group, lane: int, a: int, b: int) -> bool:
    """Whether a way through branches in service leads from one place to another: breadth first, so that a loop is found soon."""
    group.searches[0] += 1
    search, first, last = group.searches[0], 0, 1
    group.frontier[0], group.seen[a] = a, search
    while first < last:
        k = group.frontier[first]
        first += 1
        for x in range(pattern.end_start[k], pattern.end_start[k + 1]):
            m = pattern.end_branch[x]
            j = pattern.branch_from[m] if pattern.end_side[x] else pattern.branch_to[m]
            if group.on[m * group.width + lane] != 0.0 and group.seen[j] != search:
                if j == b:
                    return True
                group.seen[j], group.frontier[last] = search, j
                last += 1
    return False


@bare
def _find_anew(inputs: Inputs, pattern: Pattern, ends: Ends, group: Group, lane: int, kind_at: int, closed_at: int) -> None:
    """Set a lane up for its element's topology, whatever it was before."""
    n, m = ends.n, len(ends.branch_from)
    for bus in range(n):
        group.kind[lane * n + bus] = inputs.kind[kind_at + bus]
    for k in range(m):
        group.closed[lane * m + k] = inputs.closed[closed_at + k]
    group.shared[lane] = len(inputs.share) > 0
    _move_heads(inputs, pattern, group, lane, n)
    group.whole[lane] = find_islands(ends, group, lane, group.shared[lane])
    _mask_lane(pattern, ends, group, lane)


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
        a, b = end_bus(group, at, ends.branch_from[k]), end_bus(group, at, ends.branch_to[k])
        live = group.role[at + a] != OFF and group.role[at + b] != OFF
        group.on[k * group.width + lane] = 1.0 if group.closed[lane * m + k] and live and a != b else 0.0


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
    for lane in range(group.width):
        if group.moved[lane]:
            _mark_moved(pattern, group, lane)
    mark_adjusted(pattern, group)
    own_rows(pattern, admittances, group)


@bare
def _mark_moved(pattern: Pattern, group: Group, lane: int) -> None:
    """Let the rows that a lane's closed switches change differ: of both buses, and at both ends of every branch that is moved."""
    at = lane * len(pattern.bus)
    for x in range(len(pattern.member)):
        bus = pattern.member[x]
        if group.head[at + bus] != bus:
            group.differs[pattern.place[bus]] = group.differs[pattern.place[group.head[at + bus]]] = True
    for x in range(len(pattern.moving)):
        m = pattern.moving[x]
        a, b = pattern.place[moved_end(pattern, group, lane, m, 0)], pattern.place[moved_end(pattern, group, lane, m, 1)]
        if a != pattern.branch_from[m] or b != pattern.branch_to[m]:
            group.differs[a] = group.differs[b] = True
            group.differs[pattern.branch_from[m]] = group.differs[pattern.branch_to[m]] = True


@bare
def own_rows(pattern: Pattern, admittances: Admittances, group: Group) -> None:
    """Write the rows that differ between lanes, and have only those read from the lanes."""
    for k in range(len(group.differs)):
        group.own[k] = group.differs[k]
        if group.differs[k]:
            assemble_row(pattern, admittances.branch, admittances.shunt, k, group, True)


@bare
def set_topology(inputs: Inputs, pattern: Pattern, admittances: Admittances, ends: Ends, group: Group) -> None:
    """Set the group up for the topologies of its elements."""
    n, m = ends.n, len(ends.branch_from)
    changed, other_roles = False, False
    for lane in range(group.width):
        kind_at = group.row[lane] * n if len(inputs.kind) > 1 else 0
        closed_at = group.row[lane] * m if len(inputs.closed) > 1 else 0
        difference = _compare(inputs, group, lane, kind_at, closed_at, n, m)
        if len(pattern.member) > 0 and _other_heads(inputs, pattern, group, lane, n):
            difference = _OTHER
        changed = adjust_lane(inputs, pattern, admittances, group, lane) or changed or difference != _SAME
        if difference == _FEW_BRANCHES and _move_branches(inputs, pattern, ends, group, lane, closed_at):
            difference = _SAME
        if difference != _SAME:
            _find_anew(inputs, pattern, ends, group, lane, kind_at, closed_at)
            other_roles = True
    if changed:
        _write_rows(pattern, admittances, group)
    if other_roles:
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
