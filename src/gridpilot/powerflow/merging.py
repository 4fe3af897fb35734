"""What buses merged by closed switches are to the equations, and what of the solution is whose.

The merged bus has the strongest kind of its members (SLACK, FORMING, PV, PQ; OFF where none is built) and the setpoint of the
first member that has it, its *leader*, which also takes the injection that holding voltage or balance asks for. Injections,
limits and shares add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gridpilot.powerflow.group import Inputs
from gridpilot.values import FORMING, OFF, PQ, PV, SLACK, Bools, Codes, Floats, Flow, Ints

Scalar = TypeVar("Scalar", bound=np.generic)

_STRENGTH = np.zeros(5, dtype=np.int8)
"""Rank of a kind among the members of a merged bus, by its code."""
_STRENGTH[[PV, FORMING, SLACK]] = 1, 2, 3
_NOBODY = -1


class Merger(NamedTuple):
    """Who is merged with whom. Buses that switches may join are told by their place among these, `[c]`; of the others there is
    nothing to say. There is one row, or one per element.
    """

    member: Ints
    """Buses that switches may join, by rising number `[c]`."""
    head: Ints
    """Place of each member's head `[1 or B, c]`."""
    leader: Ints
    """Place of the leader of each head; `_NOBODY` at followers and where no member is built `[1 or B, c]`."""
    built: Bools
    """`[1 or B, c]`."""


def merge(inputs: Inputs, head: Ints, member: Ints) -> tuple[Inputs, Merger]:
    """The inputs in which heads `[1 or B, n]` stand for all and followers are OFF."""
    kind = inputs.kind[:, member]
    place, kind = _alike(np.searchsorted(member, head[:, member]), kind)
    merger = Merger(member, place, _leaders(place, kind), kind != OFF)
    changes: dict[str, NDArray[Any]] = {"p_mw": _total(inputs.p_mw, merger), "q_mvar": _total(inputs.q_mvar, merger)}
    changes["kind"] = _of_leaders(inputs.kind, merger, OFF)
    changes["v_set_pu"] = _of_leaders(inputs.v_set_pu, merger, 1.0)
    if len(inputs.q_min_mvar):
        for name, limit in (("q_min_mvar", inputs.q_min_mvar), ("q_max_mvar", inputs.q_max_mvar)):
            # what a member does not regulate it gives as it is
            changes[name] = _total(np.where(inputs.kind == PQ, inputs.q_mvar, limit), merger)
    if len(inputs.share):
        changes["share"] = _total(inputs.share, merger)
    return inputs._replace(head=head, **changes), merger


def spread(flow: Flow, given: Inputs, merged: Inputs, merger: Merger) -> Flow:
    """The flow of the `merged` network, with the voltage of its head and its own injection at every bus, from the `given` ones."""
    member = merger.member
    head, built, leader, found = _alike(merger.head, merger.built, merger.leader, flow.energised[:, member])
    energised = _take(found, head) & built
    kind, share = merged.kind[:, member], merged.share[:, member] if len(merged.share) else np.zeros((1, len(member)))
    solved = energised & flow.usable[:, None]
    leads = _take(leader, head) == np.arange(len(member))
    changes: dict[str, NDArray[Any]] = {"energised": energised}
    for name in ("v_re_pu", "v_im_pu", "v_pu"):
        changes[name] = np.where(energised, _take(getattr(flow, name)[:, member], head), 0.0)
    for name, power, free in (
        ("p_bus_mw", given.p_mw, np.isin(kind, (SLACK, FORMING)) | (share > 0)),
        ("q_bus_mvar", given.q_mvar, ~np.isin(kind, (PQ, OFF))),
    ):
        own, total = np.where(solved, power[:, member], 0.0), getattr(flow, name)[:, member]
        left = np.where(free, total - _sums(own, head), 0.0)
        changes[name] = np.where(_sums(np.ones(head.shape), head) > 1, own + np.where(leads, _take(left, head), 0.0), total)
    return _written(flow, member, changes)


def _written(flow: Flow, member: Ints, changes: Mapping[str, NDArray[Any]]) -> Flow:
    """The flow with other values at these buses."""
    whole = {name: getattr(flow, name).copy() for name in changes}
    for name, values in changes.items():
        whole[name][:, member] = values
    return replace(flow, **whole)


def _alike(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """The arrays with as many rows as the longest; one row may stand for all."""
    rows = max(len(values) for values in arrays)
    return [np.broadcast_to(values, (rows, values.shape[1])) for values in arrays]


def _take(values: NDArray[Scalar], places: Ints) -> NDArray[Scalar]:
    """The values at these places of the same row."""
    whole, at = _alike(values, places)
    return np.take_along_axis(whole, at, axis=1)


def _sums(values: Floats, head: Ints) -> Floats:
    """Per head the sum over its members, at every member, in their order."""
    whole, at = _alike(values, head)
    total = np.zeros(whole.shape)
    np.add.at(total, (np.arange(len(at))[:, None], at), whole)
    return np.take_along_axis(total, at, axis=1)


def _leaders(head: Ints, kind: Codes) -> Ints:
    """Per head the first of its strongest members; `_NOBODY` at followers and where none is built."""
    count = head.shape[1]
    score = np.where(kind == OFF, _NOBODY, _STRENGTH[kind].astype(np.int64) * count + np.arange(count)[::-1])
    best = np.full(head.shape, _NOBODY)
    np.maximum.at(best, (np.arange(len(head))[:, None], head), score)
    return np.where(best == _NOBODY, _NOBODY, count - 1 - best % count)


def _of_leaders(values: NDArray[Scalar], merger: Merger, nobody: float) -> NDArray[Scalar]:
    """The leader's value at every head."""
    leader, mine = _alike(merger.leader, values[:, merger.member])
    whole = np.array(np.broadcast_to(values, (len(leader), values.shape[1])), order="C")
    whole[:, merger.member] = np.where(leader == _NOBODY, nobody, _take(mine, np.maximum(leader, 0)))
    return whole


def _total(values: Floats, merger: Merger) -> Floats:
    """The sum over built members at every head, 0 at followers."""
    head, built, mine = _alike(merger.head, merger.built, values[:, merger.member])
    whole = np.array(np.broadcast_to(values, (len(head), values.shape[1])), order="C")
    total = _sums(np.where(built, mine, 0.0), head)
    whole[:, merger.member] = np.where(head == np.arange(head.shape[1]), total, 0.0)
    return whole
