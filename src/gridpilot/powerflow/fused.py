"""A network with closed bus-bus switches, solved by an engine for the network in which they are fused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network, fuse
from gridpilot.powerflow.seam import as_inputs
from gridpilot.values import OFF, PV, SLACK, Bools, Codes, Floats, Flow, Ints, PowerFlow

_NOT_BUILT = -1


class _Merged(NamedTuple):
    """Inputs of the fused network, and per fused bus the member that gives it its kind."""

    p_mw: Floats
    q_mvar: Floats
    kind: Codes
    v_set_pu: Floats
    leader: Ints


class Fused:
    """An engine around an engine: merges what stands at the ends of closed switches, and gives every end its result.

    The merged bus has the strongest kind of its members (SLACK, PV, PQ; OFF where none is built) and the setpoint of
    the first member that has it, which also takes the injection that holding voltage or balance asks for. A branch
    that the switches bridge carries nothing.
    """

    def __init__(self, network: Network, build: Callable[[Network], PowerFlow]) -> None:
        """`build` makes the inner engine of the fused network."""
        self.network = network
        fused, self._index = fuse(network)
        self._engine = build(fused)
        self._heads = np.unique(self._index, return_index=True)[1]
        self._kept = self._index[network.branch_from] != self._index[network.branch_to]
        self.name = self._engine.name
        self.has_voltages = self._engine.has_voltages

    def solve(self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None) -> Flow:
        """See `PowerFlow.solve`."""
        as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start)  # for its check of shapes
        merged = self._merge(p_mw, q_mvar, kind, v_set_pu)
        flow = self._engine.solve(
            merged.p_mw,
            merged.q_mvar,
            kind=merged.kind,
            v_set_pu=merged.v_set_pu,
            closed=closed[:, self._kept],
            start=None if start is None else self._fuse_start(start),
        )
        return self._spread(flow, p_mw, q_mvar, kind, merged)

    def _merge(self, p_mw: Floats, q_mvar: Floats, kind: Codes, v_set_pu: Floats) -> _Merged:
        shape = len(p_mw), len(self._heads)
        p, q, v, leader = np.zeros(shape), np.zeros(shape), np.ones(shape), np.zeros(shape, dtype=np.int64)
        rank = np.full(shape, _NOT_BUILT, dtype=np.int8)
        for bus, head in enumerate(self._index):
            built = kind[:, bus] != OFF
            stronger = built & (kind[:, bus] > rank[:, head])
            rank[stronger, head] = kind[stronger, bus]
            v[stronger, head] = v_set_pu[stronger, bus]
            leader[stronger, head] = bus
            p[built, head] += p_mw[built, bus]
            q[built, head] += q_mvar[built, bus]
        return _Merged(p, q, np.where(rank == _NOT_BUILT, OFF, rank).astype(np.int8), v, leader)

    def _fuse_start(self, start: Flow) -> Flow:
        return replace(
            start,
            v_re_pu=start.v_re_pu[:, self._heads],
            v_im_pu=start.v_im_pu[:, self._heads],
            energised=start.energised[:, self._heads],
        )

    def _spread(self, flow: Flow, p_mw: Floats, q_mvar: Floats, kind: Codes, merged: _Merged) -> Flow:
        energised = flow.energised[:, self._index] & (kind != OFF)
        solved = energised & flow.usable[:, None]

        def by_bus(values: Floats) -> Floats:
            return np.where(energised, values[:, self._index], 0.0)

        def by_branch(values: Floats) -> Floats:
            spread = np.zeros((len(values), self.network.n_branch))
            spread[:, self._kept] = values
            return spread

        return replace(
            flow,
            v_re_pu=by_bus(flow.v_re_pu),
            v_im_pu=by_bus(flow.v_im_pu),
            v_pu=by_bus(flow.v_pu),
            p_from_mw=by_branch(flow.p_from_mw),
            q_from_mvar=by_branch(flow.q_from_mvar),
            p_to_mw=by_branch(flow.p_to_mw),
            q_to_mvar=by_branch(flow.q_to_mvar),
            loading=by_branch(flow.loading),
            p_bus_mw=self._injections(np.where(solved, p_mw, 0.0), flow.p_bus_mw, merged.kind == SLACK, merged.leader),
            q_bus_mvar=self._injections(
                np.where(solved, q_mvar, 0.0), flow.q_bus_mvar, (merged.kind == PV) | (merged.kind == SLACK), merged.leader
            ),
            energised=energised,
        )

    def _injections(self, given: Floats, solved: Floats, free: Bools, leader: Ints) -> Floats:
        """The given ones, but for leaders of merged buses whose injection is free: what remains of the solved sum."""
        total = np.zeros(solved.shape)
        for bus, head in enumerate(self._index):
            total[:, head] += given[:, bus]
        injections = given.copy()
        element, head = np.nonzero(free)
        injections[element, leader[element, head]] += solved[element, head] - total[element, head]
        return injections
